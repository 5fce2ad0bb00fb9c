"""Claims: what a decision asks of the ledger's accounts. Data only; the ledger takes them, all or none.

An account's name says its scope, so that everything which shares it finds it: `<scope>:<value>:<what>`, with
`@<window>` put behind it by the ledger, whose clock decides which window a decision falls into.
Amounts are integers in the claim's unit, at most 2**53 - 1.
"""

from __future__ import annotations

from toolgate.schemas.frozen import frozen

DAY_MS = 86_400_000
FOREVER = 0  # keep_ms of an account that never goes
RUN_IDLE_MS = DAY_MS  # a run without an approval for so long has ended
RUN_KEEP_MS = 2 * DAY_MS  # ... and is forgotten after so long: accounts of runs carry this as keep_ms
AMOUNT_MAX = 2**53 - 1


@frozen
class Label:
    """How a claim is named to people when it is refused; never sent to the ledger."""

    code: str  # reasons.Code
    rule: str  # "limits.max_cost_usd", "budgets[0]", ...
    scope: str
    unit: str
    because: str = ""  # the policy's own sentence, where it has one


@frozen
class Charge:
    """Reserve `amount`; a result settles it. Refused when used + amount > max."""

    account: str
    amount: int
    max: int
    label: Label
    window: str = ""  # "", or "<hour|day|month>:<tz>"
    on_expiry: str = "spend"  # "spend": counts as spent in full; "release": becomes free again
    keep_ms: int = FOREVER


@frozen
class Spend:
    """Spend at once, without a reservation and never refused: what exceeds max is uncovered and sets `latch`."""

    account: str
    amount: int
    max: int
    label: Label
    window: str = ""
    latch: str = ""  # counter set to 1 when the account is overdrawn; "" for none
    keep_ms: int = FOREVER


@frozen
class Rate:
    """GCRA in microseconds: refused when arrival time - now > tau_us, else arrival time += increment_us."""

    key: str
    increment_us: int
    tau_us: int
    label: Label
    keep_ms: int = FOREVER


@frozen
class Distinct:
    """At most `max` distinct records in the last `window_ms` (0: as long as the account is kept).

    `trued`: the records that the result names count in this set as well.
    """

    key: str
    records: tuple[str, ...]
    max: int
    label: Label
    window_ms: int = 0
    keep_ms: int = FOREVER
    trued: bool = True


@frozen
class Count:
    """Add `n` to a counter; refused when that passes `max` (None: never refused)."""

    key: str
    n: int
    max: int | None
    label: Label
    keep_ms: int = FOREVER


@frozen
class Require:
    """The counter must stand at `n` or more. What another partition counted is seen only once committed."""

    key: str
    n: int
    label: Label
    keep_ms: int = FOREVER


@frozen
class Forbid:
    """The counter must stand below `n`; seen at once, committed or not."""

    key: str
    n: int
    label: Label
    keep_ms: int = FOREVER


@frozen
class Own:
    """The run belongs to `owner` (set by the first record that is accepted) and has not been idle too long.

    `touch`: taking it counts as activity of the run; a report about a run must not keep it alive.
    Refused with level 1 when the run is another's, 2 when it has ended by idleness.
    """

    run_id: str
    owner: str  # tenant/workflow/agent
    label: Label
    idle_ms: int = RUN_IDLE_MS
    keep_ms: int = RUN_KEEP_MS
    touch: bool = True


@frozen
class Deadline:
    """The ledger's clock must not have passed `at_ms`. Refused with the milliseconds it is late."""

    at_ms: int
    label: Label


FACTS = Label("", "facts", "run", "")
FACTS_MAX, FACT_BYTES_MAX, FACTS_BYTES_MAX = (
    512,
    4_096,
    65_536,
)  # of a run: texts, bytes of each, bytes of all


@frozen
class Remember:
    """Keep a text of at most 4,096 bytes under a name among a run's facts; an empty one forgets it.

    A run keeps at most 512 texts, names and texts at most 65,536 bytes: what is too much is not kept, and what stood
    under the name before is forgotten. With `must` it is refused instead, with the bytes that are kept; nothing may
    stand under the name then.
    """

    run_id: str
    name: str
    value: str
    trusted: bool = False
    label: Label = FACTS
    keep_ms: int = RUN_KEEP_MS
    must: bool = False


Claim = Charge | Spend | Rate | Distinct | Count | Require | Forbid | Own | Deadline | Remember


@frozen
class Reserve:
    """The reservation that an approval makes: holds the charges until a result or `hold_ms` have passed."""

    reservation_id: str
    hold_ms: int
    digest: str
    tool: str


ENDED, UNKNOWN, RELEASED = 0, 1, 2  # Settle.says


@frozen
class Settle:
    """What a result says of a reservation. `actuals` by unit; a unit that is not named costs what was reserved.

    `records` are those it really touched: they count in every sliding set that the approval added to. `says` is whose
    word it is: a result that tells its end, one that does not know it, or people who say later what really happened.
    """

    reservation_id: str
    digest: str
    tool: str
    void: bool  # the effect never happened: everything is given back
    actuals: tuple[tuple[str, int], ...] = ()
    records: tuple[str, ...] = ()
    says: int = ENDED
