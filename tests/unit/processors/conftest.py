"""What the tests of the chain share: a small catalogue, the smallest policy, signed intents."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.processors.case import Case, Envelope
from toolgate.processors.control_state import ControlState
from toolgate.processors.identity import KID, MAC
from toolgate.processors.keyring import IntentKey, Keyring, mac
from toolgate.processors.loader import from_files
from toolgate.processors.remembering import remembered
from toolgate.processors.world import World
from toolgate.schemas.records import Intent

HERE = Path(__file__).parent
SECRET = b"0123456789abcdef"
WORKFLOW = "billing_adjustments_v3"


@pytest.fixture(scope="session")
def files():
    """The good catalogue and the smallest policy, as file contents by name."""
    return {name: (HERE / "good" / name).read_bytes() for name in ("tools.yaml", "policy.yaml")}


@pytest.fixture
def load(files):
    """Loads the good catalogue with this policy text, or with the smallest policy and more lines."""

    def make(policy=None, *, more="", tools=None):
        text = policy.encode() if policy is not None else files["policy.yaml"] + more.encode()
        catalogue = tools.encode() if tools is not None else files["tools.yaml"]
        return from_files({"tools.yaml": catalogue, "policy.yaml": text})

    return make


@pytest.fixture
def world(load):
    """A world around a policy text, with the workflow's key and no kills."""

    def make(policy=None, *, more="", tools=None, control=None, keys=None):
        keyring = keys or Keyring.of([IntentKey("k1", SECRET, "default", WORKFLOW)])
        return World(load(policy, more=more, tools=tools), control or ControlState(), keyring)

    return make


@pytest.fixture
def case():
    """A case of a signed intent; `key` and `headers` replace what the client would have sent."""

    def make(*, key=b"", headers=None, time_ms=1_000, **fields):
        values = {
            "intent_id": "i1",
            "kind": "call",
            "tenant": "default",
            "workflow_id": WORKFLOW,
            "run_id": "r1",
            "agent_id": "a1",
            "tool": "read_invoice",
            "params": '{"invoice_id":"I-1"}',
            **fields,
        }
        if values["kind"] != "call":
            values = {**values, "tool": fields.get("tool", ""), "params": fields.get("params", "{}")}
        intent = Intent(**values)
        key = intent.run_id.encode("utf-8", "replace") if key == b"" else key
        value = repr(intent).encode("utf-8", "replace")
        if headers is None:
            headers = ((KID, b"k1"), (MAC, mac(SECRET, "intents", key, value)))
        return Case(Envelope("intents", 3, 7, time_ms, key, value, headers), intent, "d" * 32)

    return make


@pytest.fixture
def read(tools):
    """What the ledger keeps after these calls: (tool, params, result), in order; `tools` is the module's own."""

    def make(*calls):
        texts = {}
        for offset, (tool, params, result) in enumerate(calls):
            told = remembered(tools[tool].remember, params, result, offset)
            texts |= {name: text for name, (text, _) in told.items()}
        return texts

    return make
