"""Abuse: what could be read in two ways, grow without bound or slip past a rule is an error or a denial.

What one bad file shows is in bad_policies/; here is what needs bytes, sizes or a call.
"""

from __future__ import annotations

import json

import cel
import pytest

from toolgate.processors.chain import judge
from toolgate.processors.condition import compile_condition
from toolgate.processors.condition_syntax import TEXT_CHARS_MAX, ConditionError
from toolgate.processors.condition_types import STRING, TIMESTAMP, of_schema, record
from toolgate.processors.fields import RULES_MAX, TOOLS_MAX
from toolgate.processors.loader import from_files
from toolgate.processors.problems import LoadError
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Verdict

# --- files ---

HEAD = "policy:\n  workflow_id: w\n  allowed_tools: [read_invoice]\n"
RULE = "    - {{id: r{0}, because: b, when: 'params.invoice_id == \"{0}\"'}}\n"
FILES = [
    ("no_rules", HEAD + "  rules: []\n", "4:10: rules is empty; give it at least one entry"),
    ("no_rules_at_all", HEAD + "  rules:\n", "5:1: rules must be a list, not nothing; write [a, b]"),
    ("nul", HEAD + "  tenant: a\0b\n", "0:0: this is not YAML: unacceptable character #x0000"),
    ("utf_16", (HEAD).encode("utf-16"), "1:1: the file is not UTF-8; save it as UTF-8"),
    ("utf_16_be", b"\xfe\xff" + HEAD.encode("utf-16-be"), "1:1: the file is not UTF-8; save it as UTF-8"),
    ("utf_16_bare", HEAD.encode("utf-16-le"), "0:0: this is not YAML: unacceptable character #x0000"),
    ("surrogate", HEAD + '  tenant: "a\\ud800"\n', "4:11: tenant: 'a\\ud800' has U+D800 unnamed at character 2"),
    ("surrogate_bytes", HEAD.encode() + b"  tenant: a\xed\xa0\x80\n", "4:1: the file is not UTF-8"),
    ("emoji", HEAD + "  tenant: a\U0001f600\n", "4:11: tenant: 'a\U0001f600' has U+1F600 GRINNING FACE"),
    ("combining", HEAD + "  tenant: a\u0301\n", "4:11: tenant: 'a\u0301' has U+0301 COMBINING ACUTE ACCENT"),
    ("full_width", HEAD + "  tenant: \uff41\n", "4:11: tenant: '\uff41' has U+FF41 FULLWIDTH LATIN SMALL LETTER A"),
    ("no_width", HEAD + "  tenant: a\u200bb\n", "4:11: tenant: 'a\\u200bb' has U+200B ZERO WIDTH SPACE"),
    ("to_the_left", HEAD + "  tenant: a\u202eb\n", "4:11: tenant: 'a\\u202eb' has U+202E RIGHT-TO-LEFT OVERRIDE"),
    ("space_behind", HEAD + '  tenant: "a "\n', "4:11: tenant: 'a ' has ' ' at character 2"),
    ("line_behind", HEAD + '  tenant: "a\\n"\n', "4:11: tenant: 'a\\n' has '\\n' at character 2"),
    ("dot_before", HEAD + '  tenant: ".a"\n', "4:11: tenant: '.a' starts with '.'"),
    ("megabyte", HEAD + f"  tenant: {'a' * 900_000}\n", "4:11: tenant: '" + "a" * 140 + "' has 900000 characters"),
    ("key_case", HEAD + "  Tenant: a\n", "4:3: unknown key 'Tenant'; did you mean tenant?"),
    ("key_space", HEAD + '  "tenant ": a\n', "4:3: unknown key 'tenant '; did you mean tenant?"),
    ("key_cyrillic", HEAD + "  t\u0435nant: a\n", "4:3: unknown key 't\u0435nant'; did you mean tenant?"),
    ("key_same_shape", HEAD + "  tenant: a\n  'tenant': b\n", "5:3: key 'tenant' is there twice, first at 4:3"),
    ("merge", HEAD + "  <<: {tenant: a}\n", "4:3: unknown key '<<'"),
    ("timestamp", HEAD + "  tenant: 2026-01-01\n  limits: 2026-01-01T00:00:00Z\n", "5:11: limits must be a mapping"),
    ("sexagesimal", HEAD + "  limits: {max_tool_calls: 1:30}\n", "4:28: max_tool_calls must be a whole number"),
    ("underscores", HEAD + "  limits: {max_tool_calls: 1_000}\n", "4:28: 1_000 is read differently"),
    ("hexadecimal", HEAD + "  limits: {max_tool_calls: 0x10}\n", "4:28: 0x10 is read differently"),
    ("quoted_number", HEAD + '  limits: {max_tool_calls: "10"}\n', "4:28: max_tool_calls must be a whole number"),
    ("exponent", HEAD + "  limits: {max_tool_calls: 1e3}\n", "4:28: max_tool_calls must be a whole number"),
    ("minus_zero", HEAD + "  limits: {max_cost_usd: -0}\n", None),
    ("minus_nothing", HEAD + "  limits: {max_cost_usd: -0.0}\n", "4:26: max_cost_usd: money must not be negative"),
    ("huge_money", HEAD + "  limits: {max_cost_usd: 1e308}\n", "4:26: max_cost_usd: money is a plain decimal"),
    ("nan_money", HEAD + "  limits: {max_cost_usd: .nan}\n", "4:26: .nan is read differently"),
    ("digits", HEAD + "  limits: {max_tool_calls: \u0661\u0662}\n", "4:28: max_tool_calls must be a whole number"),
    ("many_tools", HEAD + f"  denied_tools: [{'a, ' * (TOOLS_MAX + 1)}]\n", "4:17: denied_tools has 1025 entries"),
    (
        "many_rules",
        HEAD + "  rules:\n" + "".join(RULE.format(n) for n in range(RULES_MAX + 1)),
        "5:5: rules has 129 entries, at most 128 are allowed",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_a_file_that_could_be_meant_otherwise_does_not_load(text, problem, files):
    """The first problem has its place, and stays short whatever was written."""
    data = text if isinstance(text, bytes) else text.encode()
    if problem is None:
        assert from_files({**files, "policy.yaml": data})
        return
    with pytest.raises(LoadError) as caught:
        from_files({**files, "policy.yaml": data})
    first = caught.value.problems[0]
    assert f"{first.line}:{first.column}: {str(first).split(': ', 1)[1]}".startswith(problem)
    assert len(str(first)) < 400


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_ends_of_other_systems_are_line_ends(ending, files):
    """A file from another editor means the same, and mistakes keep their lines."""
    assert from_files({**files, "policy.yaml": HEAD.replace("\n", ending).encode()})
    with pytest.raises(LoadError, match=r"^policy\.yaml:4:3: unknown key"):
        from_files({**files, "policy.yaml": (HEAD + "  x: 1\n").replace("\n", ending).encode()})


# --- calls ---

TOOLS = """
tools:
  - name: pay
    effect: write
    records: [invoice]
    params:
      properties:
        invoice: {type: string}
        cents: {type: integer}
        rate: {type: number}
        usd: {type: string}
        day: {type: string}
        ids: {type: array, items: {type: [integer, "null"]}}
        lines:
          type: array
          items:
            {type: object, properties: {tags: {type: array, items: {type: string}}}, required: [tags]}
        note: {type: [string, "null"]}
      required: [invoice, cents]
"""
POLICY = """
policy:
  workflow_id: billing_adjustments_v3
  allowed_tools: [pay]
  rules:
    - id: r
      because: refused
      when: >-
        {}
"""
BASE = '{"invoice":"I-1","cents":700%s}'
CALLS = [
    # parameters that could be read in two ways
    ("params.cents > 900", '{"cents":1,"cents":2,"invoice":"I"}', Code.PARAMS_NOT_JSON),
    ("params.cents > 900", '{"cents":1,"c\\u0065nts":2,"invoice":"I"}', Code.PARAMS_NOT_JSON),
    ("params.cents > 900", '{"cents":NaN,"invoice":"I"}', Code.PARAMS_NOT_JSON),
    ("params.cents > 900", '{"cents":1e309,"invoice":"I"}', Code.PARAMS_NOT_JSON),
    ("params.cents > 900", '{"cents":9007199254740992,"invoice":"I"}', Code.PARAMS_NOT_JSON),
    ("params.cents > 900", '{"cents":1,"invoice":"\\ud800"}', Code.PARAMS_NOT_JSON),
    ("params.cents > 900", '{"cents":1,"invoice":"\ud800"}', Code.PARAMS_NOT_JSON),
    ("params.cents > 900", '{"cents":0700,"invoice":"I"}', Code.PARAMS_NOT_JSON),
    ("params.cents > 900", '\ufeff{"cents":700,"invoice":"I"}', Code.PARAMS_NOT_JSON),
    ("params.cents > 900", '{"cents":"1e9","invoice":"I"}', Code.PARAMS_SCHEMA),
    ("params.cents > 900", '{"cents":true,"invoice":"I"}', Code.PARAMS_SCHEMA),
    ("params.cents > 900", '{"cents":null,"invoice":"I"}', Code.PARAMS_SCHEMA),
    ("params.cents > 900", '{"cents":[950],"invoice":"I"}', Code.PARAMS_SCHEMA),
    ("params.cents > 900", '{"cents":1,"Cents":950,"invoice":"I"}', Code.PARAMS_SCHEMA),
    ("params.cents > 900", '{"cents":1,"cents ":950,"invoice":"I"}', Code.PARAMS_SCHEMA),
    ("params.cents > 900", '{"cents":1,"c\u0435nts":950,"invoice":"I"}', Code.PARAMS_SCHEMA),
    ("params.cents > 900", '{"cents":1,"__proto__":{"cents":950},"invoice":"I"}', Code.PARAMS_SCHEMA),
    # whole numbers that are none, to CEL: JSON Schema takes 7e2 for an integer
    ("params.cents > 900", '{"cents":7e2,"invoice":"I"}', Code.RULE_FAILED),
    ("params.cents > 900", '{"cents":-0.0,"invoice":"I"}', Code.RULE_FAILED),
    ("params.cents > 900", '{"cents":1e308,"invoice":"I"}', Code.RULE_FAILED),
    # a parameter that is not there, or null
    ("has(params.note) || params.note == 'x'", BASE % "", Code.RULE_FAILED),
    ("params.note == 'x' && has(params.note)", BASE % "", Code.RULE_FAILED),
    ("!has(params.rate) && params.rate > 1.0", BASE % "", Code.RULE_FAILED),
    ("has(params.rate) ? params.cents > 900 : params.rate > 1.0", BASE % "", Code.RULE_FAILED),
    ("has(params.note) && params.note != 'safe'", BASE % ',"note":null', Code.RULE_DENIED),
    ("has(params.note) && size(params.note) > 5", BASE % ',"note":null', Code.RULE_FAILED),
    ("has(params.ids) && sum(params.ids) > 900", BASE % ',"ids":[1,null]', Code.RULE_FAILED),
    ("has(params.ids) && greatest(params.ids) > 900", BASE % ',"ids":[1,null]', Code.RULE_FAILED),
    # numbers beyond what is exact
    ("params.cents * params.cents > 900", '{"cents":9007199254740991,"invoice":"I"}', Code.RULE_FAILED),
    ("params.cents * params.cents < 900 || params.cents > 1", '{"cents":9007199254740991,"invoice":"I"}',
     Code.RULE_FAILED),
    ("has(params.rate) && params.rate * params.rate - params.rate * params.rate > 1.0", BASE % ',"rate":1e200',
     Code.RULE_FAILED),
    ("has(params.rate) && params.rate * params.rate > 1.0", BASE % ',"rate":1e200', Code.RULE_DENIED),
    ("has(params.rate) && params.rate < 1.0", BASE % ',"rate":-0.0', Code.RULE_DENIED),
    ("has(params.rate) && params.rate == 0.0", BASE % ',"rate":-0.0', Code.RULE_DENIED),
    # text that looks like an amount, a date, a length
    *((("has(params.usd) && usd(params.usd) > 5"), BASE % f',"usd":{json.dumps(text)}', Code.RULE_FAILED)
      for text in ("1e9", " 1", "1 ", "+1", "-1", "1,5", "1_0", "\u0661", "0x1", "NaN", "", "1\n", "9" * 40)),
    *((("has(params.day) && date(params.day) < now"), BASE % f',"day":{json.dumps(text)}', Code.RULE_FAILED)
      for text in ("20260331", "2026-W14-2", "2026-3-1", "2026-02-30", "\uff12026-03-31", "2026-03-31T00:00:00Z")),
    *((("has(params.day) && time(params.day) < now"), BASE % f',"day":{json.dumps(text)}', Code.RULE_FAILED)
      for text in ("20260331T090000Z", "2026-W14-2T00:00:00Z", "2026-03-31T24:00:00Z", "2026-03-31T09:00:00",
                   "2026-03-31 09:00:00Z", "2026-03-31T09:00:00,5Z", "2026-03-31T09:00:00+00:00:01")),
    ("size(params.invoice) < 3", '{"cents":1,"invoice":"\U0001f600"}', Code.RULE_DENIED),
    ("params.invoice.size() == 1", '{"cents":1,"invoice":"\u00e9"}', Code.RULE_DENIED),
    ("lower(params.invoice) == 'void'", '{"cents":1,"invoice":"VoID"}', Code.RULE_DENIED),
    ("params.invoice.contains('\\u0000')", '{"cents":1,"invoice":"I-1\\u0000"}', Code.RULE_DENIED),
    # lists
    ("has(params.lines) && 'b' in params.lines.tags", BASE % ',"lines":[{"tags":["a"]},{"tags":["c","b"]}]',
     Code.RULE_DENIED),
    ("has(params.ids) && 7 in params.ids", BASE % f',"ids":{[1] * 257}', Code.RULE_FAILED),
    ("has(params.lines) && 'b' in params.lines.tags", BASE % f',"lines":{json.dumps([{"tags": ["a"] * 200}] * 2)}',
     Code.RULE_FAILED),
    ("params.invoice.matches('(a*)*$')", json.dumps({"cents": 1, "invoice": "a" * 17_000}), Code.RULE_FAILED),
]  # fmt: skip


@pytest.mark.parametrize(("when", "params", "code"), CALLS)
def test_a_call_that_could_slip_past_a_rule_is_denied(when, params, code, case, world):
    """Each with the code that says what was wrong, and nothing else."""
    found = judge(case(tool="pay", params=params), world(POLICY.format(when), tools=TOOLS))
    assert found.verdict == Verdict.DENY
    assert {reason.code for reason in found.reasons} == {code}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"intent_id": "a" * 1_000_000}, Code.BAD_INTENT),
        ({"agent_id": "a."}, None),
        ({"agent_id": "a "}, Code.BAD_INTENT),
        ({"agent_id": "a\0"}, Code.BAD_INTENT),
        ({"agent_id": "a\u0301"}, Code.BAD_INTENT),
        ({"agent_id": "\U0001f600"}, Code.BAD_INTENT),
        ({"run_id": "r\udc80", "key": b"r"}, Code.BAD_INTENT),
        ({"tool": "Pay"}, Code.TOOL_UNKNOWN),
        ({"tool": "pay."}, Code.TOOL_UNKNOWN),
        ({"tool": "pay "}, Code.BAD_INTENT),
        ({"tool": "p\u0430y"}, Code.BAD_INTENT),
        ({"tool": "pay\n"}, Code.BAD_INTENT),
        ({"tool": "*"}, Code.BAD_INTENT),
        ({"tool": "p?y"}, Code.BAD_INTENT),
    ],
)
def test_an_id_that_looks_like_another_is_another(fields, code, case, world):
    """Names are compared byte for byte, and only plain ones are read."""
    params = '{"cents":1,"invoice":"I"}'
    policy = POLICY.format("params.cents > 900")
    found = judge(case(**{"tool": "pay", "params": params, **fields}), world(policy, tools=TOOLS))
    assert {code} - {None} <= {reason.code for reason in found.reasons}
    assert (found.verdict == Verdict.APPROVE) is (code is None)
    assert all(len(reason.because) < 400 for reason in found.reasons)


def test_what_is_too_large_never_reaches_cel(case, world, monkeypatch):
    """The work of an evaluation is bounded by what it is given, not by a clock."""
    given = world(
        POLICY.format("has(params.ids) && params.ids.exists(a, params.ids.exists(b, a == b))"), tools=TOOLS
    )

    class Recorded:
        def __init__(self, variables):
            assert variables == {}

    monkeypatch.setattr(cel, "Context", Recorded)
    found = judge(case(tool="pay", params=BASE % f',"ids":{[1] * 20_000}'), given)
    assert [reason.code for reason in found.reasons] == [Code.RULE_FAILED]
    assert "20,000 elements, at most 256" in found.reasons[0].because


# --- conditions ---

ROOTS = {
    "params": of_schema(
        {
            "type": "object",
            "required": ["cents", "rate", "text", "lines", "more"],
            "properties": {
                "cents": {"type": "integer"},
                "rate": {"type": "number"},
                "text": {"type": "string"},
                "opt": {"type": "integer"},
                "more": {"type": "array", "items": {"type": "number"}},
                "lines": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["unit-price", "name", "price"],
                        "properties": {
                            "unit-price": {"type": "integer"},
                            "name": {"type": "string"},
                            "price": {"type": "number"},
                        },
                    },
                },
            },
        }
    ),
    "now": TIMESTAMP,
    "agent": record(id=STRING),
}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("params.cents > 1e400", "is no finite number"),
        ("params.cents > 9007199254740992", "is beyond 2^53 - 1"),
        ("params.cents > 010", "010 is octal elsewhere"),
        ("params.cents > 0x10", "cannot be read"),
        ("params.cents > 1_000", "cannot be read"),
        ("params.cents > \u0661", "cannot be read"),
        ("params.cents > NaN", "unknown name 'NaN'"),
        ("params.cents / -0 > 1", "a constant other than 0"),
        ("params.rate / 0.0 > 1.0", "a constant other than 0"),
        ("params.cents % params.cents > 1", "a constant other than 0"),
        ("params.rate * 3.0 == 0.3", "rounding makes it differ"),
        ("params.rate + 0.1 != 0.3", "rounding makes it differ"),
        ("params.rate - 0.1 in [0.3]", "rounding makes it differ"),
        ("0.3 in [params.rate * 3.0]", "rounding makes it differ"),
        ("sum(params.more) == 0.3", "rounding makes it differ"),
        ("(params.cents > 1 ? 0.1 : params.rate * 3.0) == 0.3", "rounding makes it differ"),
        ("params.lines.map(one, one.price * 2.0).exists(p, p == 0.3)", "rounding makes it differ"),
        ("params.lines.map(one, one.price * 2.0)[0] == 0.3", "rounding makes it differ"),
        ('lower(params.text) == "Void"', 'lower() never gives "Void"'),
        ('lower(params.text) in ["void", "VOID"]', 'lower() never gives "VOID"'),
        ('"Void" in lower(params.lines.name)', 'lower() never gives "Void"'),
        ('lower(params.text).startsWith("V")', 'lower() never gives "V"'),
        ('size(params.text + "a") > 3', "size() of text takes a path"),
        ("params.lines.exists(one, size(one.name) > 3)", "size() of text takes a path"),
        ('params.lines.exists(one, one["unit-price"] > 3)', "'unit-price' cannot be asked for in a macro"),
        ("has(params.opt) == true", "has() is a condition, not a value"),
        ("params.opt > 3 || params.cents > 3", "params.opt may be missing"),
        ("params.t\u0435xt == 'a'", "cannot be read"),
        ("p\u0430rams.text == 'a'", "cannot be read"),
        ("params.text == '\ud800'", "CEL does not read this"),
        ("params.text == 'a\\qb'", "a backslash that begins no escape"),
        ("params.text.matches('(?=a)b')", "this is no pattern"),
        ("params.text.matches('(a)\\\\1')", "this is no pattern"),
        ("params.text.matches('((a{1000}){1000}){1000}')", "this is no pattern"),
        ("params.text.matches(params.text)", "takes a constant pattern"),
        ("params.cents == 5 " + "&& params.cents == 5 " * 250, "the condition has"),
        ("!" * 200 + "(params.cents > 5)", "too many signs"),
        ("(" * 30 + "params.cents > 5" + ")" * 30, "nested deeper than 24"),
        ("params.cents > 5\0", "cannot be read"),
    ],
)
def test_a_condition_that_could_be_meant_otherwise_does_not_load(text, what):
    """Whatever would be silently false, or true, is said at load."""
    with pytest.raises(ConditionError) as caught:
        compile_condition(text, ROOTS, [])
    assert what in caught.value.what


def test_a_long_condition_is_refused_before_it_is_parsed(monkeypatch):
    """Parsing costs time by length."""
    monkeypatch.setattr("toolgate.processors.condition_syntax._parser", None)
    with pytest.raises(ConditionError, match="at most 4,096"):
        compile_condition("params.cents > 5" + " " * TEXT_CHARS_MAX, ROOTS, [])
