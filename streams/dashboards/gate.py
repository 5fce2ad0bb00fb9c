"""The gate's dashboard: whether it decides, what, how quickly, and what is wrong."""

from __future__ import annotations

from toolgate.streams.dashboards.form import Dashboard, Panel, Query, Row

_RATE = "[$__rate_interval]"


def _by(label: str, metric: str) -> tuple[Query, ...]:
    """How often each second, by a label."""
    return (Query(f"sum by ({label}) (rate({metric}{_RATE}))", f"{{{{{label}}}}}"),)


def _quantiles(histogram: str) -> tuple[Query, ...]:
    """The median and the worst of a hundred, over all workers."""
    return tuple(
        Query(f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{_RATE})))", name)
        for share, name in ((0.5, "median"), (0.99, "p99"))
    )


_NOW = Row(
    "Now",
    (
        Panel(
            "Workers that decide",
            "None: nothing is approved.",
            (Query('sum(toolgate_state{state="running"}) or vector(0)'),),
            kind="stat",
            width=4,
        ),
        Panel(
            "Intents that wait",
            "Offsets up to the last stable one, over all partitions.",
            (Query('sum(toolgate_lag_records{topic="intents"})'),),
            kind="stat",
            width=4,
        ),
        Panel(
            "Decided each second",
            "All inputs, not intents alone.",
            (Query(f"sum(rate(toolgate_inputs_total{_RATE}))"),),
            unit="reqps",
            kind="stat",
            width=4,
        ),
        Panel(
            "Since the last commit",
            "Grows while nothing is sent, too.",
            (Query("time() - max(toolgate_last_commit_timestamp_seconds)"),),
            unit="s",
            kind="stat",
            width=4,
        ),
        Panel(
            "Alerts that fire",
            "Each has a page in ops/runbooks.",
            (
                Query(
                    'count by (alertname) (ALERTS{alertname=~"Toolgate.+",alertstate="firing"})',
                    "{{alertname}}",
                ),
            ),
            kind="stat",
        ),
    ),
)
_DECISIONS = Row(
    "Decisions",
    (
        Panel(
            "Verdicts",
            "What became of intents.",
            _by("verdict", "toolgate_intents_total"),
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Reasons",
            "Why something was denied or put aside: the ten most frequent codes.",
            (Query(f"topk(10, sum by (code) (rate(toolgate_reasons_total{_RATE})))", "{{code}}"),),
            unit="reqps",
        ),
        Panel(
            "Results",
            "By what they settled.",
            _by("note", "toolgate_results_total"),
            unit="reqps",
        ),
        Panel(
            "Words of people, and expiries",
            "What came of votes on what waits.",
            _by("note", "toolgate_words_total"),
            unit="reqps",
        ),
        Panel(
            "Would have been",
            "What verdicts were if nothing were in shadow.",
            _by("verdict", "toolgate_would_have_total"),
            unit="reqps",
        ),
        Panel(
            "Waived by grants",
            "Reasons that did not count, in calls that were approved.",
            _by("code", "toolgate_waived_total"),
            unit="reqps",
        ),
    ),
)
_SPEED = Row(
    "Latency",
    (
        Panel(
            "A batch",
            "From its delivery to its commit.",
            _quantiles("toolgate_batch_seconds"),
            unit="s",
            width=6,
        ),
        Panel(
            "Redis",
            "How long the loop waited for the ledger.",
            _quantiles("toolgate_decide_seconds"),
            unit="s",
            width=6,
        ),
        Panel(
            "Kafka",
            "The transaction, from its first record to its commit.",
            _quantiles("toolgate_transaction_seconds"),
            unit="s",
            width=6,
        ),
        Panel(
            "Records in a batch",
            "Near batch_size while records wait.",
            _quantiles("toolgate_batch_records"),
            width=6,
        ),
    ),
)
_LOG = Row(
    "Lag",
    (
        Panel(
            "Records that wait",
            "By topic.",
            (Query("sum by (topic) (toolgate_lag_records)", "{{topic}}"),),
        ),
        Panel(
            "The partition that is most behind",
            "One alone: somebody holds a transaction open, or its runs are busy.",
            (Query("topk(5, toolgate_lag_records)", "{{topic}}[{{partition}}]"),),
        ),
        Panel("Inputs", "Decided each second.", _by("topic", "toolgate_inputs_total"), unit="reqps"),
        Panel(
            "Partitions",
            "Owned by each worker.",
            (Query("toolgate_partitions", "{{instance}}"),),
        ),
        Panel(
            "State",
            "1: what the worker is at.",
            (Query("toolgate_state == 1", "{{instance}} {{state}}"),),
        ),
        Panel(
            "Contracts of runs",
            "By whether they count.",
            _by("note", "toolgate_contracts_total"),
            unit="reqps",
        ),
    ),
)
_LEDGER = Row(
    "Ledger and recoveries",
    (
        Panel(
            "Decisions of the ledger",
            "How quickly seq grows.",
            (Query(f"max(deriv(toolgate_ledger_seq{_RATE}))", "seq"),),
            unit="reqps",
        ),
        Panel(
            "Rebuilds",
            "Begun in ten minutes: Redis had lost or forgotten something.",
            (
                Query("sum(increase(toolgate_recoveries_total[10m]))", "rebuilds"),
                Query("sum(increase(toolgate_ledger_generations_total[10m]))", "generations met"),
            ),
        ),
        Panel(
            "Beginning anew",
            "By cause: UnavailableError is Redis or Kafka, FatalError two processes with one slot.",
            (Query("sum by (kind) (increase(toolgate_rejoins_total[10m]))", "{{kind}}"),),
        ),
        Panel(
            "Quarantine",
            "Records that could not be read, in ten minutes.",
            (Query("sum by (topic) (increase(toolgate_quarantined_total[10m]))", "{{topic}}"),),
        ),
        Panel(
            "Uncovered money",
            "Spent in an hour beyond what an account could cover.",
            (Query("sum by (scope) (increase(toolgate_uncovered_usd_total[1h]))", "{{scope}}"),),
            unit="currencyUSD",
        ),
        Panel(
            "Webhooks",
            "How old what an endpoint is being told is.",
            (Query("max by (endpoint) (toolgate_notify_age_seconds)", "{{endpoint}}"),),
            unit="s",
        ),
    ),
)
_PROCESS = Row(
    "Processes",
    (
        Panel(
            "Processor",
            "Of each worker.",
            (Query(f'rate(process_cpu_seconds_total{{job="toolgate"}}{_RATE})', "{{instance}}"),),
            unit="percentunit",
            width=12,
        ),
        Panel(
            "Memory",
            "Of each worker.",
            (Query('process_resident_memory_bytes{job="toolgate"}', "{{instance}}"),),
            unit="bytes",
            width=12,
        ),
    ),
)

GATE = Dashboard("toolgate-gate", "toolgate: gate", (_NOW, _DECISIONS, _SPEED, _LOG, _LEDGER, _PROCESS))
