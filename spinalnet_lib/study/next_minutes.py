"""What further minutes of a machine would decide, from what the plan lacks and how long that takes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .comparisons import COMPARISONS
from .order import STUDY_ORDER
from .tiers import PRIMARY


def next_decisions(progress: Sequence[dict], window: float = 10.0) -> list[dict]:
    """A row for each further `window` of minutes in which something ends: minutes, ends, decides.

    `progress` are rows of `study_progress`, in the order in which they are made. `minutes` is the end of the window, `ends`
    names the steps that are then complete, `decides` the plan's comparisons that have all their runs. Steps after one
    whose time is not known have None.
    """
    steps, found, passed = {step.name: step for step in STUDY_ORDER}, {}, 0.0
    for row in progress:
        if not row["missing"]:
            continue
        passed = None if passed is None or row["minutes"] is None else passed + row["minutes"]
        until = None if passed is None else window * max(1, math.ceil(passed / window))
        entry = found.setdefault(until, {"minutes": until, "ends": [], "decides": []})
        entry["ends"].append(row["name"])
        entry["decides"] += _decided(steps[row["name"]])
    return list(found.values())


def _decided(step) -> list[str]:
    """The comparisons whose last runs are those of a step."""
    if step.study not in ("study", "published") or step.part not in (None, PRIMARY):
        return []
    recipe = "tuned" if step.study == "study" else "published"
    return [
        each.name
        for each in COMPARISONS
        if (each.tier, each.recipe) == (step.tier, recipe) and set(each.datasets) <= {*(step.datasets or each.datasets)}
    ]
