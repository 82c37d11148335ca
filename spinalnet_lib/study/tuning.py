"""The search over learning rate and dropout: its runs, what they chose, and whether the grid has to grow.

The rule is the written protocol's: for each data set every primary arm runs five learning rates by two dropout rates by
two seeds; the lowest mean validation loss wins; a winner at the grid's edge extends the grid for all arms, by two steps at
most. Only validation data are read.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..models.sizes import PRIMARY
from ..paths import data_path
from ..records.files import RecordFolder, load_records
from ..records.record import Record
from ..training.recipes import TUNING_DROPOUT, TUNING_RATES, TUNING_SEEDS, tuning_rate

NO_SEARCH = hashlib.sha256(
    b""
).hexdigest()  # the `tuning_id` of settings that are the paper's: of a search over no runs
_MOST_STEPS = 2  # by which the grid grows, at either end


@dataclass(frozen=True)
class Setting:
    """What a search chose for an arm, and `tuning_id`, which names the runs that it was chosen from."""

    learning_rate: float
    drop_rate: float
    tuning_id: str


class SearchIncomplete(ValueError):
    """A search was asked for its winner while runs of it are missing."""


class Search:
    """The runs of one search on one data set, or on features of some bodies, with one body, as far as they are there; other records are not looked at.

    Where runs were made on devices, or with numbers of threads, of several kinds, those of the kind that most have are
    taken.
    """

    def __init__(
        self, records: Iterable[Record], datasets: Sequence[str], backbone: str, arms: Sequence[str] = PRIMARY
    ):
        self.datasets, self.backbone, self.arms = tuple(datasets), backbone, tuple(arms)
        self._runs: dict[tuple[str, float, float], dict[tuple[str, int], Record]] = {}
        of_place = [
            record
            for record in records
            if record.dataset in self.datasets and record.model["backbone"] == backbone and record.seed in TUNING_SEEDS
        ]
        kinds = Counter(map(_kind, of_place))
        for record in of_place:
            if _kind(record) == kinds.most_common(1)[0][0]:
                place = record.head, record.recipe["learning_rate"], drop_rate(record)
                self._runs.setdefault(place, {})[record.dataset, record.seed] = record

    def rates(self) -> list[float]:
        """Learning rates of the grid: five, and those that it grew by."""
        low, high = 0, len(TUNING_RATES) - 1
        while True:
            rates = [tuning_rate(step) for step in range(low, high + 1)]
            losses = [self._losses(arm, rates) for arm in self.arms]
            if any(None in of_arm.values() for of_arm in losses):
                return rates
            winners = {min(of_arm, key=of_arm.get)[0] for of_arm in losses}
            grown = (
                low - (rates[0] in winners and low > -_MOST_STEPS),
                high + (rates[-1] in winners and high < len(TUNING_RATES) - 1 + _MOST_STEPS),
            )
            if grown == (low, high):
                return rates
            low, high = grown

    def loss(self, arm: str, rate: float, drop_rate: float) -> float | None:
        """Mean validation loss of a place of the grid over its seeds; None while one is missing, infinite if one diverged."""
        runs = self._runs.get((arm, rate, drop_rate), {})
        if len(runs) < len(TUNING_SEEDS) * len(self.datasets):
            return None
        losses = [
            math.inf if run.diverged else run.last.get("val_nll", run.last.get("val_mse")) for run in runs.values()
        ]
        return math.fsum(losses) / len(losses)

    def chosen(self, arm: str, drop_rate: float | None = None) -> Setting:
        """The winner of an arm, among all runs or those with a dropout; of an arm that is not searched the spinal head's.

        SearchIncomplete while runs are missing.
        """
        arm = arm if arm in self.arms else self.arms[0]
        losses = self._losses(arm, self.rates())
        if missing := list(losses.values()).count(None):
            search = f"the search for {arm} on {' and '.join(self.datasets)} with {self.backbone}"
            raise SearchIncomplete(f"{search} lacks {missing} of {len(losses)} places of its grid")
        rate, drop_rate = min((place for place in losses if drop_rate in (None, place[1])), key=losses.get)
        keys = sorted(run.key for (head, *_), runs in self._runs.items() if head == arm for run in runs.values())
        return Setting(rate, drop_rate, hashlib.sha256("".join(keys).encode()).hexdigest())

    def _losses(self, arm: str, rates: Sequence[float]) -> dict[tuple[float, float], float | None]:
        """The loss at each place of a grid, a learning rate and a dropout rate."""
        return {(rate, drop): self.loss(arm, rate, drop) for rate in rates for drop in TUNING_DROPOUT}


def search_records(out: str | os.PathLike) -> list[Record]:
    """The records of searches in the folder `out`; of sets and bodies that were not searched there the project's own."""
    here = [record for record in RecordFolder(out).records() if record.seed in TUNING_SEEDS]
    if not data_path("results", "tuning").is_dir():
        return here
    places = {(record.dataset, record.model["backbone"]) for record in here}
    own = load_records("tuning")
    return here + [record for record in own if (record.dataset, record.model["backbone"]) not in places]


def _kind(record: Record) -> tuple:
    return record.device, record.threads, record.numerics_version


def drop_rate(record: Record) -> float:
    """The rate of a run's dropout, wherever it is."""
    rates = record.model["head_arguments"].get("drop_rate", 0.0)
    return max(rates) if isinstance(rates, list) else rates
