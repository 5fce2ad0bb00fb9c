"""The outcome of cases as JUnit XML, which CI systems show."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolgate.whatif.cases import Fault, Outcome


def as_xml(outcomes: Sequence[Outcome], seconds: float) -> bytes:
    """One suite for each file, one test case for each case; UTF-8.

    Args:
        outcomes: of the cases, those of one file after one another.
        seconds: how long all of them took.
    """
    suites: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        suites.setdefault(outcome.case.file, []).append(outcome)
    failed = sum(1 for outcome in outcomes if outcome.faults)
    root = Element("testsuites", tests=str(len(outcomes)), failures=str(failed), time=f"{seconds:.3f}")
    for file, ours in suites.items():
        failures = sum(1 for outcome in ours if outcome.faults)
        suite = SubElement(root, "testsuite", name=file, tests=str(len(ours)), failures=str(failures))
        suite.attrib |= {"errors": "0", "skipped": "0"}
        for outcome in ours:
            case = outcome.case
            name = _printable(case.entry.name)
            made = SubElement(suite, "testcase", classname=file, name=name, file=file, line=str(case.line))
            if outcome.faults:
                first = outcome.faults[0]
                message = _printable(f"{first.what}: expected {first.expected}, found {first.found}")
                told = SubElement(made, "failure", message=message, type="expectation")
                told.text = _printable("\n".join(line(case.file, fault) for fault in outcome.faults))
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def line(file: str, fault: Fault) -> str:
    """A fault as one line that editors link."""
    return f"{file}:{fault.line}: {fault.what}: expected {fault.expected}, found {fault.found}"


def _printable(text: str) -> str:
    """Without characters that XML has no way to write."""
    return "".join(
        char
        if char in "\t\n" or (" " <= char <= "\ud7ff") or (char >= "\ue000" and char not in "\ufffe\uffff")
        else "\ufffd"
        for char in text
    )
