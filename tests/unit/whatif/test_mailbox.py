"""examples/mailbox: the rule that asks a registry stops what the rule that believes a message lets pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.processors.loader import from_files, load, read_files
from toolgate.processors.problems import LoadError
from toolgate.processors.strict_yaml import parse
from toolgate.whatif import cases

MAILBOX = Path(__file__).parents[3] / "examples" / "mailbox"
WITHOUT = MAILBOX / "without_trust"


def verdicts(folder, of):
    """What a folder's policy says in the cases of another, by name."""
    policies = load(folder)
    return {case.entry.name: cases.run(case, policies).event.verdict for case in cases.find(of, policies)}


def rules(folder):
    """What a policy says but for its rules, and its rules by id."""
    document, _ = parse("policy.yaml", (folder / "policy.yaml").read_bytes())
    policy = document.data["policy"]
    return {**policy, "rules": None}, {rule["id"]: rule for rule in policy["rules"]}


def test_the_two_policies_differ_in_one_rule():
    """So what comes out otherwise is that rule's doing; catalogue and registries are the same files."""
    (one, own), (other, theirs) = rules(MAILBOX), rules(WITHOUT)
    assert one == other
    assert list(own) == list(theirs)
    assert [name for name in own if own[name] != theirs[name]] == ["recipient"]
    assert "untrusted" not in own["recipient"]
    assert theirs["recipient"]["untrusted"] == ["seen"]
    same = [{k: v for k, v in read_files(at).items() if k != "policy.yaml"} for at in (MAILBOX, WITHOUT)]
    assert same[0] == same[1]
    assert set(same[0]) == {"tools.yaml", "registries/contacts.yaml", "registries/handouts.yaml"}


def test_the_attacks_are_the_same_calls_and_only_one_policy_stops_them_all():
    """Each is denied with trust; without it the three pass that a message vouches for."""
    steps = []
    for folder in (MAILBOX, WITHOUT):
        found = cases.find(folder, load(folder))
        steps.append(
            {
                case.entry.name: [
                    step.model_dump(exclude={"expect", "codes", "rules"}) for _, step in case.entry.steps()
                ]
                for case in found
                if case.file.endswith("attacks.yaml")
            }
        )
    assert steps[0] == steps[1]
    assert set(verdicts(MAILBOX, WITHOUT).values()) == {"DENY"}
    assert list(verdicts(WITHOUT, WITHOUT).values()) == ["APPROVE"] * 3 + ["DENY"] * 3


def test_good_work_passes_both_alike():
    """The difference shows in no clean mailbox."""
    attacks = verdicts(WITHOUT, WITHOUT)
    good = {name: said for name, said in verdicts(MAILBOX, MAILBOX).items() if name not in attacks}
    assert good == {name: said for name, said in verdicts(WITHOUT, MAILBOX).items() if name not in attacks}
    assert set(good.values()) == {"APPROVE", "DENY", "HOLD"}


def test_the_rule_that_believes_messages_does_not_load_without_saying_so():
    """The loader names what nothing vouches for."""
    files = read_files(WITHOUT)
    text = files["policy.yaml"].replace(b"      untrusted: [seen]\n", b"")
    with pytest.raises(LoadError, match=r"the rule looks at facts\.seen, which nothing vouches for"):
        from_files({**files, "policy.yaml": text})
