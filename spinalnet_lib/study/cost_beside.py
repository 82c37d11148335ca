"""What both arms of a comparison cost, and the settings that were tried for them: they stand beside the verdict.

Source: `data/protocol.md`, rules 7 and 9.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from ..records.record import Record
from .cells import search_of
from .comparisons import Comparison
from .counted import measured
from .tiers import frozen_body

LATENCIES = ("latency, batch 1", "latency, batch 256")
_BODY = "the body"  # in place of an arm, in the rows of costs


def settings(comparison: Comparison, dataset: str, records: Sequence[Record]) -> dict[str, dict[str, object]]:
    """Of each arm the settings tried, the one that was chosen, whether its rate is at the grid's edge, and whether validation
    error would choose another one.

    `records` hold the search, which has to be complete. With the published recipe nothing was tried, so there is nothing.
    """
    if comparison.recipe != "tuned":
        return {}
    search, found = search_of(comparison.tier, records, dataset, comparison.backbone), {}
    for arm in comparison.arms:
        chosen = search.chosen(arm)
        found[arm] = {"settings_tried": search.settings_tried, "at_edge": search.at_edge(arm)}
        found[arm] |= {"learning_rate": chosen.learning_rate, "drop_rate": chosen.drop_rate}
        found[arm]["other_by_error"] = search.chosen_by_error(arm) != chosen
    return found


def cost(comparison: Comparison, runs: Mapping[str, Sequence[Record]]) -> dict[str, dict[str, float]]:
    """Of each arm, from its runs on one set, what its head and the whole net hold and compute, and seconds of training.

    Beside them what is known of latency, of which only ratios mean anything on another machine.
    """
    found: dict[str, dict[str, float]] = {}
    for arm, of_arm in runs.items():
        head, body = of_arm[0].head_cost, of_arm[0].body_cost
        found[arm] = {name: head[name] for name in ("weights", "parameters", "macs")}
        found[arm] |= {f"net_{name}": head[name] + body[name] for name in ("weights", "parameters", "macs")}
        found[arm]["seconds"] = statistics.fmean(run.seconds for run in of_arm)
    latency = latency_ratios(comparison, runs[comparison.arm][0].dataset)
    return found | ({"latency": latency} if latency else {})


def latency_ratios(
    comparison: Comparison, dataset: str, rows: Sequence[dict] | None = None
) -> dict[str, dict[str, float]]:
    """The arm's latency over the reference's, of the "head" and of the whole "net", at both batches, as measured.

    `rows` are those of `load_bench("costs")`, by default the committed ones, with heads for ten classes. Nothing of sizes
    that were not measured.
    """
    if comparison.width is not None or comparison.tier == "D4":
        return {}
    body = frozen_body(dataset, comparison.backbone)
    known, found = {}, {}
    for row in measured("costs") if rows is None else rows:
        if row["body"] == body:
            known |= {(row["arm"], row["quantity"]): row["ratio"], (row["reference"], row["quantity"]): 1.0}
    for quantity in LATENCIES:
        ours, theirs = (known.get((arm, quantity)) for arm in comparison.arms)
        if ours and theirs:
            beside = known.get((_BODY, quantity), 0.0)  # of regressions there is none
            found[quantity] = {"head": ours / theirs, "net": (ours + beside) / (theirs + beside)}
    return found
