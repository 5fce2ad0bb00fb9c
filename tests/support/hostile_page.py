"""The page docs/reference/hostile-input.md, made from the tables that the tests on a live gate go by.

`python tests/support/hostile_page.py` prints it.
"""

from __future__ import annotations

import sys

from hostile_batches import BOMBS, NAMES, REFUSED
from hostile_contracts import BOND_ROWS
from hostile_intents import INTENT, PARAMS, READ, WRITER
from hostile_words import CONTROL_ROWS, RESULT_ROWS

_HEAD = """# Hostile input

Made by `make docs` from the tables in `tests/support/hostile_*.py`; do not edit. Each row is sent to a live
gate on a real broker, between good records in the same partition, with the outcome that stands here; the good
ones are approved. Each time the tests run they also send hundreds of random changes of valid intents.

Whatever is sent, it has one audit event, none of it is approved, and its partition moves on; the last part says
what cannot be helped.

- **QUARANTINE**: it could not be read. Key and value lie on `quarantine` byte for byte, with `tg-reason` (the
  code in small letters), `tg-detail` and `tg-source` (topic-partition-offset) as headers. Look there, correct
  the writer, send it anew.
- **DENY**: it could be read and is refused; it lies on `denials` with all its reasons, and where its writer is
  proven the agent is told on `outcomes`. [Reason codes](reasons.md) has what each means and what to do.
- **DUPLICATE**: it repeats an intent that was decided; nothing happens a second time.
- **RECORDED**: a result, control record or contract, which is never approved. With a code it does not count and changes
  nothing.
"""
_NOTES = """
## What the codes of quarantine mean

| code | meaning |
| --- | --- |
| `TOMBSTONE` | a record without a value |
| `OVERSIZE` | a value above 96 KiB |
| `BAD_MAGIC` | not the Confluent wire format: a zero byte, four bytes of schema id, the body |
| `UNKNOWN_SCHEMA` | the schema id is none of this version's |
| `WRONG_SCHEMA` | the schema id is that of another topic |
| `MALFORMED` | the body is not of its schema |
| `NOT_CANONICAL` | the body reads, but a writer of its schema would have written other bytes |
| `BAD_ID` | a NUL character in a name or id |
| `UNDELIVERABLE` | the Kafka client cannot give the record, or not as it was written; `tg-detail` says why |
| `KILLS_ITS_READER` | a worker died twice while it read this record; it was not read again |

## What cannot be helped

- A record that no client can read is found by asking a second time, and asking takes time: about three seconds
  for the first, a quarter of a second for each one right behind it. Its partition waits meanwhile, the others
  do not.
- Such a record is put aside without content: nobody was given it. It lies on its own topic until that is
  deleted.
- A record that says it stands *before* its own place is given to no reader that has passed that place. It has
  no effect, and where it came alone no audit event, as the ends of transactions have none.
- A bomb larger than the broker's memory fails on the broker. Give brokers more memory than 128 KiB can become.
- The places of results, contracts and control records are believed as far as they can be true: who holds an executor's
  or an operator's rights on Kafka can do worse with them.
"""


def as_markdown() -> str:
    """The page."""
    parts = [_HEAD]
    for title, rows in (
        ("Intents that cannot be read", READ),
        ("Intents whose writer is not proven", WRITER),
        ("Intents that are not what they must be", INTENT),
        ("Parameters", PARAMS),
        ("Control records", CONTROL_ROWS),
    ):
        parts.append(
            _table(title, ("input", "outcome", "code"), [(r.words, r.verdict, _code(r.code)) for r in rows])
        )
    for title, noted in (("Results", RESULT_ROWS), ("Run contracts", BOND_ROWS)):
        lines = [(r.words, r.verdict, _code(r.code), r.note) for r in noted]
        parts.append(_table(title, ("input", "outcome", "code", "note in the audit"), lines))
    refused = [(r.words, f"refused with {NAMES[r.error]}") for r in REFUSED]
    parts.append(_table("What the broker does not take", ("input", "outcome"), refused))
    bombs = [(r.words, "QUARANTINE", "`UNDELIVERABLE`") for r in BOMBS]
    title = "Let in by a topic whose `compression.type` was changed"
    parts.append(_table(title, ("input", "outcome", "code"), bombs))
    return "".join((*parts, _NOTES))


def _code(code: str) -> str:
    return f"`{code}`" if code else ""


def _table(title: str, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [f"## {title}", "", _row(names), _row(("---",) * len(names)), *map(_row, rows)]
    return "\n" + "\n".join(lines) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
