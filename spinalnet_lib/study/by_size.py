"""How the gain of a spinal head changes with the number of images that it is trained on (tiers P and C)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..checks import needs
from ..data.facts import load_facts
from ..datasets import split_name
from .comparisons import COMPARISONS
from .tiers import TIERS

if TYPE_CHECKING:
    import pandas as pd

_REFERENCES = ("linear", "mlp_matched")
_COLUMNS = ("data", "reference", "per_class", "whole", "judged", "gain", "low", "high")


def gains_by_size(comparisons: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """One row a data set of tier P's sizes, reference and number of training images a class: `gain`, `low` to `high`.

    Gains are points of test error, above 0 where the spine makes fewer. Rows with all images (`whole`) are those of a verdict where
    the plan has one (`judged`, with its wider [L, U]); the others have a plain interval. `comparisons` is `comparisons_table()`,
    `pairs` is `paired_gains()`; what these leave out has no row.
    """
    with needs("book"):
        import pandas as pd

    facts, sized = load_facts(), {each for runs in TIERS["P"].runs if runs.train_per_class for each in runs.datasets}

    def row(data: str, reference: str, per_class: float | None, judged: bool, found: dict, unit: float) -> tuple:
        whole, images = per_class is None, split_name(data)[0]
        count = _all_images(facts[images]) if whole else per_class
        ends = (unit * found[name] for name in ("gain", "low", "high"))
        return images, reference, count, whole, judged, *ends

    rows = []
    of_name = {each.name: each for each in COMPARISONS if each.recipe == "tuned" and each.tier in "CP"}
    for found in comparisons.dropna(subset="gain").to_dict("records"):
        plan = of_name.get(found["name"])
        if plan and len(plan.datasets) == 1 and plan.datasets[0] in sized and plan.reference in _REFERENCES:
            rows.append(row(plan.datasets[0], plan.reference, None, True, found, 100))
    plain = pairs[(pairs["arm"] == "spinal") & pairs["reference"].isin(_REFERENCES) & pairs["data"].isin(sized)]
    for found in plain[plain["tier"].isin(("C", "P"))].dropna(subset="gain").to_dict("records"):
        count = None if pd.isna(found["train_per_class"]) else found["train_per_class"]
        rows.append(row(found["data"], found["reference"], count, False, found, 1))
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return table.sort_values(["data", "reference", "per_class"], ignore_index=True)


def _all_images(facts: dict) -> float:
    """Training images a class, in the mean over the classes, where no size is set."""
    return (facts["train"] - facts["validation_within_train"]) / len(facts["images_per_class"]["train"])
