"""Gains of the plan's exploratory pairs: an interval each, no verdict.

These are the pairs that no comparison of the plan judges: tier C's two by two of head and dropout and its ablations, tier P's
training-set sizes and its wider spine, and tier F. Source: `data/protocol.md`, rule 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ..checks import needs
from ..records.files import own_records
from ..records.kinds import Kind, kind_of, usual_kind
from ..records.record import Record, each_once
from ..training.recipes import TUNING_SEEDS
from .blindness import shown, with_own
from .cell import Cell
from .cells import cells_of
from .comparisons import COMPARISONS
from .gains import badness
from .intervals import gain_interval
from .tiers import TIERS, Runs
from .tuning import SearchIncomplete, is_current

if TYPE_CHECKING:
    import pandas as pd

_SPINE = "spinal"
_PREDICTED = "spinal_direct", "spinal_big"  # if touch needs its straight road, the first beats the second, too
_FULL_SIZE = {(each.tier, each.reference) for each in COMPARISONS if each.recipe == "tuned" and each.width is None}
_COLUMNS = (
    *("tier", "part", "data", "body", "train_per_class", "arm", "reference"),
    *("unit", "units", "planned", "diverged", "gain", "low", "high", "error"),
)


@dataclass(frozen=True)
class _Arm:
    """A head among some of a tier's runs."""

    runs: Runs
    head: str

    def __str__(self) -> str:
        words = [self.head]
        words += [] if self.runs.drop_rate is None else [f"dropout {self.runs.drop_rate:g}"]
        words += [] if self.runs.width is None else [f"width {self.runs.width}"]
        words += ["as large as spinal"] if self.runs.equal_parameters else []
        return ", ".join(words)


@dataclass(frozen=True)
class _Pair:
    """What is set against what: the gain is the sum of errors, each with its sign."""

    tier: str
    runs: Runs  # that it is planned for, on their sets and with their seeds
    arm: str
    reference: str
    terms: tuple[tuple[int, _Arm], ...]


def paired_gains(
    records: Sequence[Record] | None = None, validation: bool = False, level: float = 0.95
) -> pd.DataFrame:
    """One row a pair and data set: the gain of `arm` over `reference` in points of test error, from `low` to `high`.

    `error` is the mean error of the reference, in points, too; NaN where a difference of two gains has none.

    The unit is a seed; in tier F it is a frozen body, whose heads count as their mean. Of a pair that lacks one of its
    `planned` units the gain is left out; one without any unit has no row, and what is still blind is no unit. Intervals are
    Student's t, not corrected for their number; in tier P, where all images are drawn from, they are as wide as overlapping
    draws make them. `train_per_class` is NaN where all images are trained on. `validation` takes validation errors instead.
    `records` are by default the project's own, which say what the searches chose in any case.
    """
    with needs("book"):
        import pandas as pd

    records = each_once(own_records() if records is None else records)
    searches = [record for record in with_own(records) if record.seed in TUNING_SEEDS]
    runs: dict[tuple, list[Record]] = {}
    for record in filter(is_current, shown(records, judged=True)):  # a pair with a gain has all its runs
        runs.setdefault(record.setup, []).append(record)

    @cache
    def cells(tier: str, runs: Runs, dataset: str) -> dict[tuple[str, int], Cell]:
        """By head and seed; none while the search has not ended."""
        try:
            return {(c.head, c.seed): c for c in cells_of(tier, replace(runs, datasets=(dataset,)), searches)}
        except SearchIncomplete:
            return {}

    rows = []
    for pair in _pairs():
        for place, units in _units(pair, cells).items():
            found = _of_one_kind(units, runs)
            if found:
                rows.append(_row(pair, place, found, len(units), validation, level))
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"train_per_class": float})


def _pairs() -> Iterator[_Pair]:
    for tier in ("C", "P", "F"):
        main = TIERS[tier].runs[0]
        for runs in TIERS[tier].runs:
            heads = runs.heads(runs.backbones[0])
            spine = _Arm(runs if _SPINE in heads else main, _SPINE)
            if runs.width:
                yield from (_pair(tier, runs, spine, _Arm(main, head)) for head in ("linear", _SPINE))
            for head in heads:
                judged = runs is main and (tier, head) in _FULL_SIZE
                known = runs.part == "ablations" and head in main.heads(main.backbones[0]) and not runs.equal_parameters
                if head != _SPINE and not judged and not known:
                    yield _pair(tier, runs, spine, _Arm(runs, head))
            if {*_PREDICTED} <= {*heads}:
                yield _pair(tier, runs, *(_Arm(runs, head) for head in _PREDICTED))
    yield from _crossed()


def _pair(tier: str, runs: Runs, arm: _Arm, reference: _Arm) -> _Pair:
    return _Pair(tier, runs, str(arm), str(reference), ((1, reference), (-1, arm)))


def _crossed() -> Iterator[_Pair]:
    """Beside one head against the other with each dropout: as published, what dropout gains, and by how much more in a spine."""
    without, dropped = (runs for runs in TIERS["C"].runs if runs.part == "crossed")
    yield _pair("C", without, _Arm(without, _SPINE), _Arm(dropped, "mlp"))
    effects = [_pair("C", dropped, _Arm(dropped, head), _Arm(without, head)) for head in (_SPINE, "mlp")]
    yield from effects
    names = [f"{pair.arm} against {pair.reference}" for pair in effects]
    of_spine, of_dense = (pair.terms for pair in effects)
    yield _Pair("C", dropped, *names, (*of_spine, *((-sign, arm) for sign, arm in of_dense)))


_Units = dict[tuple, list[list[tuple[int, Cell]]]]  # of each unit its draws, and of a draw the cells with their signs


def _units(pair: _Pair, cells: Callable[[str, Runs, str], dict]) -> dict[str, _Units]:
    """The planned units by the data they are on."""
    found: dict[str, _Units] = {}
    for dataset in pair.runs.datasets:
        arms = [(sign, arm.head, cells(pair.tier, arm.runs, dataset)) for sign, arm in pair.terms]
        place, unit = _body(dataset) if pair.tier == "F" else (dataset, None)
        for seed in pair.runs.seeds if all(of_arm for *_, of_arm in arms) else ():
            draw = [(sign, of_arm[head, seed]) for sign, head, of_arm in arms]
            found.setdefault(place, {}).setdefault(seed if unit is None else unit, []).append(draw)
    return found


def _body(dataset: str) -> tuple[str, str]:
    """
    >>> _body("mnist+trained:two_conv-linear-100")
    ('mnist+trained:two_conv-linear', '100')
    """
    kind, _, number = dataset.rpartition("-")
    return kind, number


def _of_one_kind(units: _Units, runs: dict[tuple, list[Record]]) -> list[list[list[tuple[int, Record]]]]:
    """The units all of whose runs are there, all made on one kind of device, the arms of a draw on the same data."""
    whole: list[Kind] = []
    there: dict[tuple, list] = {}
    for unit, draws in units.items():
        of_unit: dict[tuple, list] = {}
        for draw in draws:
            for kind, found in _together(draw, runs).items():
                of_unit.setdefault(kind, []).append(found)
        for kind, found in of_unit.items():
            if len(found) == len(draws):
                whole.append(kind)
                there[kind, unit] = found
    usual = usual_kind(whole)
    return [there[usual, unit] for unit in units if (usual, unit) in there]


def _together(draw: Sequence[tuple[int, Cell]], runs: dict[tuple, list[Record]]) -> dict[tuple, list]:
    """The runs of a draw by the kind of device they were made on, where all of them are there."""
    by_kind: dict[tuple, dict[int, Record]] = {}
    for place, (_, cell) in enumerate(draw):
        for run in runs.get(cell.setup, ()):
            if run.tuning_id == cell.tuning_id:
                by_kind.setdefault((*kind_of(run), run.dataset_sha256), {})[place] = run
    whole: dict[tuple, list] = {}
    for (*kind, _), found in by_kind.items():
        if len(found) < len(draw):
            continue
        if tuple(kind) in whole:
            raise ValueError(
                f"paired_gains: {draw[0][1].describe()} was run on two states of the data; take the runs of one of them out "
                f"of the records, as that whose key begins with {found[0].key[:10]}"
            )
        whole[tuple(kind)] = [(sign, found[place]) for place, (sign, _) in enumerate(draw)]
    return whole


def _row(pair: _Pair, place: str, found: list, planned: int, validation: bool, level: float) -> dict:
    frozen, runs = pair.tier == "F", [run for unit in found for draw in unit for _, run in draw]
    errors = [[[sign * badness(pair.tier, run, validation) for sign, run in draw] for draw in unit] for unit in found]
    gains = 100 * np.array([np.mean([sum(draw) for draw in unit]) for unit in errors])
    plan = pair.runs
    what = pair.tier, plan.part, place, plan.backbones[0], plan.train_per_class, pair.arm, pair.reference
    counts = "body" if frozen else "seed", len(found), planned, sum(run.diverged for run in runs)
    row = dict(zip(_COLUMNS, (*what, *counts), strict=False))
    if len(found) < planned or not np.isfinite(gains).all():  # a run that diverged has no validation error
        return row
    sizes = runs[0].split_sizes
    shared = sizes["val"] / sizes["train"] if _draws_all(pair) else 0.0
    row |= dict(zip(("gain", "low", "high"), gain_interval(gains, level, shared), strict=True))
    of_reference = [np.mean([draw[0] for draw in unit]) for unit in errors]
    return row | ({"error": 100 * np.mean(of_reference)} if len(pair.terms) == 2 else {})


def _draws_all(pair: _Pair) -> bool:
    """Whether its seeds draw from all images: the plan widens no other intervals, though smaller draws share up to half of theirs."""
    return pair.tier == "P" and pair.runs.train_per_class is None
