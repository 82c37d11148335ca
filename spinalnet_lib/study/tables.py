"""The plan's comparisons as tables for the book: what they found, and what could be told before they were made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..checks import needs
from ..records.files import own_records
from ..records.record import Record, each_once
from .comparisons import COMPARISONS, Comparison
from .gains import delta, pilot_overlap, pilot_spread
from .gate import committed_power
from .intervals import half_width, levels
from .power import RIGHT, VERDICTS
from .verdicts import comparison_verdicts

if TYPE_CHECKING:
    import pandas as pd

_WHAT = ("name", "tier", "data", "width", "body", "arm", "reference", "recipe")
_NO_INTERVAL = (None, None)


def comparisons_table(records: Sequence[Record] | None = None) -> pd.DataFrame:
    """One row a comparison of the plan: what is compared, its verdict, and its gain with both intervals.

    `units` of the `planned` pairs of runs are there; until all are, and while the comparison is withheld, the verdict is
    "untested" and gain and intervals are left out. `gain`, `low` to `high` ([L, U]) and `narrow_low` to `narrow_high`
    ([L′, U′]) have the unit of `delta`: errors, shares of an error where a family has several sets, logarithms in tiers R,
    W and D4. `expected` is the half-width of [L, U] in δ that the power runs make likely. `words` are the
    verdict with the side to which an equivalent pair leans. `changes` names the readings of the same runs that have another
    verdict, `leans` those under which an equivalent pair leans otherwise. `records` as in `verdicts`.
    """
    with needs("book"):
        import pandas as pd

    records = each_once(own_records() if records is None else records)
    rows = []
    for each, part in zip(COMPARISONS, comparison_verdicts(records), strict=True):
        verdict = part.verdict
        rows.append(
            {
                **_what(each),
                "verdict": verdict.name,
                "words": verdict.words,
                "units": verdict.units,
                "planned": part.planned,
                "delta": part.delta,
                "gain": verdict.mean,
                **dict(zip(("low", "high"), verdict.interval or _NO_INTERVAL, strict=True)),
                **dict(zip(("narrow_low", "narrow_high"), verdict.narrow_interval or _NO_INTERVAL, strict=True)),
                "expected": _expected(each, records),
                "changes": "; ".join(part.changed),
                "leans": "; ".join(part.leans_otherwise),
            }
        )
    numbers = ("delta", "gain", "low", "high", "narrow_low", "narrow_high", "expected")
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))


def power_table() -> pd.DataFrame:
    """One row a comparison, true effect and standard deviation: how likely each verdict is, as it was committed beforehand.

    `effect` is in δ, `sd_is` the pilot's "estimate" or an end of its interval, `right` the probability of the right verdict,
    and each verdict's name has its own; `drilled` is the share of planted studies with the right verdict, in the rows of
    "estimate" of drilled comparisons. No row for a comparison whose power is not in the file of `spinalnet power`.
    """
    with needs("book"):
        import pandas as pd

    committed, rows = committed_power(), []
    for each in COMPARISONS:
        told = committed.get(each.name, {})
        shares = told.get("drill", {}).get("shares", {})
        for row in told.get("power", ()):
            planted = shares.get(f"{row['effect']:g}") if row["sd_is"] == "estimate" else None
            drilled = None if planted is None else planted.get(RIGHT[row["effect"]], 0.0)
            rows.append(_what(each) | {"seeds": told["seeds"], "delta": told["delta"]} | row | {"drilled": drilled})
    return pd.DataFrame(
        rows,
        columns=None if rows else [*_WHAT, "seeds", "delta", "effect", "sd_is", "sd", "right", *VERDICTS, "drilled"],
    )


def _what(each: Comparison) -> dict:
    values = each.name, each.tier, each.family, each.width, each.backbone, each.arm, each.reference, each.recipe
    return dict(zip(_WHAT, values, strict=True))


def _expected(each: Comparison, records: Sequence[Record]) -> float | None:
    least, spread = delta(each, records), pilot_spread(each, records)
    if least is None or spread is None:
        return None
    level = levels(each.families)[0]
    return float(half_width(spread.std(ddof=1), len(each.seeds), level, pilot_overlap(each, records)) / least)
