"""The watch's dashboard: what workflows achieve, cost and come near to, and how far each may go alone."""

from __future__ import annotations

from toolgate.streams.dashboards.form import Choice, Dashboard, Panel, Query, Row

_CHOSEN = 'tenant=~"$tenant",workflow=~"$workflow"'
_NAME = "{{workflow}}"


def _chosen(metric: str, *more: str) -> str:
    """The series of a metric that were chosen."""
    return f"{metric}{{{','.join((_CHOSEN, *more))}}}"


def _figure(metric: str) -> tuple[Query, ...]:
    """A figure over the chosen window, by version."""
    return (Query(_chosen(metric, 'window="$window"'), "{{workflow}} {{version}}"),)


def _counted(by: str, metric: str, *more: str, over: str = "[1h]") -> str:
    return f"sum by ({by}) (increase({_chosen(metric, *more)}{over}))"


_OBJECTIVES = Row(
    "Objectives",
    (
        Panel(
            "Not met",
            "Objectives of policies that are broken now.",
            (
                Query(
                    f"max by (workflow, slo) ({_chosen('toolgate_watch_breached')}) == 1",
                    "{{workflow}} {{slo}}",
                ),
            ),
            kind="stat",
            width=24,
        ),
        Panel(
            "Success",
            "Runs that succeeded, of those that are over.",
            _figure("toolgate_watch_success_ratio"),
            unit="percentunit",
        ),
        Panel(
            "Interventions",
            "Holds, drafts and words of people, of intents.",
            _figure("toolgate_watch_intervention_ratio"),
            unit="percentunit",
        ),
        Panel("Denials", "Of intents.", _figure("toolgate_watch_denial_ratio"), unit="percentunit"),
        Panel(
            "Tool errors",
            "Calls with wrong parameters, that come again or that fail.",
            _figure("toolgate_watch_tool_error_ratio"),
            unit="percentunit",
        ),
        Panel(
            "What people and tools had to do with",
            "In an hour: interventions, and calls that went wrong, by how.",
            (
                Query(
                    _counted("workflow", "toolgate_watch_interventions_total"), "{{workflow}} interventions"
                ),
                Query(_counted("kind", "toolgate_watch_tool_errors_total"), "{{kind}}"),
            ),
        ),
        Panel(
            "Intents",
            "In an hour, by verdict.",
            (Query(_counted("verdict", "toolgate_watch_intents_total"), "{{verdict}}"),),
            stacked=True,
        ),
    ),
)
_BURN = Row(
    "Error budgets",
    (
        Panel(
            "Burn by policy",
            "1: used up exactly at the end of the period. Pages above 14.4 (1h and 5m) and 6 (6h and 30m).",
            (Query(_chosen("toolgate_watch_error_budget_burn"), "{{workflow}} {{slo}} {{window}}"),),
            width=12,
        ),
        Panel(
            "Burn by runs lost",
            "Against the objective in ops/prometheus/watch.rules.yml, for every workflow.",
            tuple(
                Query(_chosen(f"workflow:toolgate_watch_runs_lost:burn{window}"), f"{_NAME} {window}")
                for window in ("5m", "30m", "1h", "6h")
            ),
            width=12,
        ),
    ),
)
_COST = Row(
    "Cost",
    (
        Panel(
            "Of an outcome",
            "What a run that succeeded costs, with the time of people.",
            _figure("toolgate_watch_unit_cost_usd"),
            unit="currencyUSD",
        ),
        Panel(
            "By kind",
            "In an hour: reserved and settled are calls, review and remediation are people.",
            (Query(_counted("kind", "toolgate_watch_cost_usd_total"), "{{kind}}"),),
            unit="currencyUSD",
        ),
        Panel(
            "Runs",
            "That ended in an hour, by outcome.",
            (Query(_counted("outcome", "toolgate_watch_runs_total"), "{{outcome}}"),),
            stacked=True,
        ),
    ),
)
_BUDGETS = Row(
    "Budgets",
    (
        Panel(
            "Used",
            "Of each limit that runs share, the fullest account.",
            (Query(_chosen("toolgate_watch_budget_used_ratio"), "{{workflow}} {{rule}}"),),
            unit="percentunit",
            width=12,
        ),
        Panel(
            "Used up in",
            "At this pace; no line: not at all.",
            (Query(_chosen("toolgate_watch_budget_exhausted_seconds"), "{{workflow}} {{rule}}"),),
            unit="s",
            width=12,
        ),
    ),
)
_MISSES = Row(
    "Near misses",
    (
        Panel(
            "Denials by code",
            "Of the whole gate, in an hour.",
            (Query("topk(10, sum by (code) (increase(toolgate_reasons_total[1h])))", "{{code}}"),),
            width=12,
        ),
        Panel(
            "Denials by workflow",
            "In an hour.",
            (Query(_counted("workflow", "toolgate_watch_intents_total", 'verdict="DENY"'), _NAME),),
            width=12,
        ),
    ),
)
_HARM = Row(
    "Blast radius and detection",
    (
        Panel(
            "Records touched",
            "By a run, or by the widest account of blast_radius, in the chosen window.",
            (Query(_chosen("toolgate_watch_records_touched", 'window="$window"'), "{{workflow}} {{stat}}"),),
        ),
        Panel(
            "Records of their limit",
            "By the account that was nearest to its blast radius, in the chosen window.",
            (Query(_chosen("toolgate_watch_records_used_ratio", 'window="$window"'), "{{workflow}}"),),
            unit="percentunit",
        ),
        Panel(
            "Time to detection",
            "From the approval of a command to the result that shows it wrong.",
            (
                Query(
                    _chosen("toolgate_watch_detection_seconds", 'window="$window"'), "{{workflow}} {{stat}}"
                ),
            ),
            unit="s",
        ),
        Panel(
            "Results",
            "Of commands in an hour, by how they ended.",
            (Query(_counted("status", "toolgate_watch_results_total"), "{{status}}"),),
            stacked=True,
        ),
    ),
)
_AUTONOMY = Row(
    "Autonomy",
    (
        Panel(
            "Rung",
            "3 enforce, 2 canary, 1 draft only, 0 shadow. Up only by a person.",
            (Query(_chosen("toolgate_watch_rung"), _NAME),),
            width=6,
        ),
        Panel(
            "Demotions",
            "By the watch, in an hour.",
            (Query(_counted("workflow", "toolgate_watch_demotions_total"), _NAME),),
            width=6,
        ),
        Panel(
            "Findings",
            "What people found in a day in completed work that they looked at.",
            (Query(_counted("finding", "toolgate_watch_findings_total", over="[1d]"), "{{finding}}"),),
            width=6,
            stacked=True,
        ),
        Panel(
            "Alerts",
            "Of the topic alerts, in an hour, by kind.",
            (Query("sum by (kind) (increase(toolgate_watch_alerts_total[1h]))", "{{kind}}"),),
            width=6,
        ),
    ),
)
_ITSELF = Row(
    "The watch itself",
    (
        Panel(
            "Behind",
            "Records, by topic.",
            (Query("sum by (topic) (toolgate_watch_lag_records)", "{{topic}}"),),
            width=5,
        ),
        Panel(
            "Since the last pulse",
            "Grows while the gate has nothing to decide, too.",
            (Query("time() - max(toolgate_watch_last_pulse_timestamp_seconds)"),),
            unit="s",
            kind="stat",
            width=5,
        ),
        Panel(
            "Last rebuild of its tables",
            "How long it took.",
            (Query("max(toolgate_watch_rebuild_seconds)"),),
            unit="s",
            kind="stat",
            width=5,
        ),
        Panel(
            "Unreadable",
            "Records that it stepped over.",
            (Query("sum(toolgate_watch_unreadable_total)"),),
            kind="stat",
            width=4,
        ),
        Panel(
            "Acts",
            "0: it has no key, so it tells and demotes nothing.",
            (Query("max(toolgate_watch_acts)"),),
            kind="stat",
            width=5,
        ),
        Panel(
            "Knows control and policies",
            "0: one of them cannot read them, and judges by what it knew.",
            (Query("min(toolgate_watch_control_current)"),),
            kind="stat",
            width=5,
        ),
        Panel(
            "Orders that failed",
            "In an hour: workflows that it told of as falling stay where they are until one is taken.",
            (Query("sum(increase(toolgate_watch_orders_failed_total[1h]))"),),
            kind="stat",
            width=5,
        ),
        Panel(
            "Open runs",
            "Something was approved in them in the last day, and nobody has said what came of it.",
            (Query("sum(toolgate_watch_open_runs)"),),
            kind="stat",
            width=5,
        ),
    ),
)

WATCH = Dashboard(
    "toolgate-watch",
    "toolgate: watch",
    (_OBJECTIVES, _BURN, _COST, _BUDGETS, _MISSES, _HARM, _AUTONOMY, _ITSELF),
    (
        Choice("tenant", metric="toolgate_watch_intents_total"),
        Choice("workflow", metric="toolgate_watch_intents_total"),
        Choice("window", values=("1h", "5m", "6h")),
    ),
)
