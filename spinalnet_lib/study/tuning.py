"""The search over learning rate and dropout: its runs, what they chose, and whether the grid has to grow.

The rule is the written protocol's: for each data set every primary arm runs five learning rates by two dropout rates by
two seeds; the lowest mean validation loss wins; a winner at the grid's edge extends the grid for all arms, by two steps at
most. Only validation data are read.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..models.sizes import PRIMARY
from ..records.files import RecordFolder, own_records
from ..records.kinds import kind_of, usual_kind
from ..records.record import Record
from ..training.recipes import TUNING_DROPOUT, TUNING_RATES, TUNING_SEEDS, tuning_rate
from ..training.runs import numerics_of

NO_SEARCH = hashlib.sha256(
    b""
).hexdigest()  # the `tuning_id` of settings that are the paper's: of a search over no runs
_MOST_STEPS = 2  # by which the grid grows, at either end


@dataclass(frozen=True)
class Grid:
    """Where a search begins: rates from the step `first` of `tuning_rate` to `last`, with every dropout and seed."""

    first: int = 0
    last: int = len(TUNING_RATES) - 1
    drop_rates: tuple[float, ...] = TUNING_DROPOUT
    seeds: tuple[int, ...] = TUNING_SEEDS


@dataclass(frozen=True)
class Setting:
    """What a search chose for an arm, and `tuning_id`, which names the runs that it was chosen from."""

    learning_rate: float
    drop_rate: float
    tuning_id: str | None  # None: of no search


class SearchIncomplete(ValueError):
    """A search was asked for its winner while runs of it are missing."""


class Search:
    """The runs of one search on one data set, or on features of some bodies, with one body, as far as they are there; other records are not looked at.

    Where runs were made on devices, or with numbers of threads, of several kinds, those of the kind that most have are
    taken.
    """

    def __init__(
        self,
        records: Iterable[Record],
        datasets: Sequence[str],
        backbone: str,
        arms: Sequence[str] = PRIMARY,
        grid: Grid | None = None,
    ):
        self.datasets, self.backbone, self.arms, self.grid = tuple(datasets), backbone, tuple(arms), grid or Grid()
        self._runs: dict[tuple[str, float, float], dict[tuple[str, int], Record]] = {}
        of_place = [
            record
            for record in records
            if record.dataset in self.datasets
            and record.model["backbone"] == backbone
            and record.seed in self.grid.seeds
            and is_current(record)
        ]
        usual = usual_kind(map(kind_of, of_place))
        for record in of_place:
            if kind_of(record) == usual:
                place = record.head, record.recipe["learning_rate"], drop_rate(record)
                self._runs.setdefault(place, {})[record.dataset, record.seed] = record

    def rates(self) -> list[float]:
        """Learning rates of the grid: those that it begins with, and those that it grew by."""
        return list(self._grown)

    @cached_property  # the runs are those that were given
    def _grown(self) -> list[float]:
        low, high = first, last = self.grid.first, self.grid.last
        while True:
            rates = [tuning_rate(step) for step in range(low, high + 1)]
            losses = [self._losses(arm, rates) for arm in self.arms]
            if any(None in of_arm.values() for of_arm in losses):
                return rates
            winners = {min(of_arm, key=of_arm.get)[0] for of_arm in losses}
            grown = (
                low - (rates[0] in winners and low > first - _MOST_STEPS),
                high + (rates[-1] in winners and high < last + _MOST_STEPS),
            )
            if grown == (low, high):
                return rates
            low, high = grown

    def loss(self, arm: str, rate: float, drop_rate: float, measure: str = "val_nll") -> float | None:
        """Mean validation loss of a place of the grid over its seeds; None while one is missing, infinite if one diverged.

        `measure` "val_error" is the mean validation error instead; a regression's is always its squared error.
        """
        runs = self._runs.get((arm, rate, drop_rate), {})
        if len(runs) < len(self.grid.seeds) * len(self.datasets):
            return None
        losses = [math.inf if run.diverged else run.last.get(measure, run.last.get("val_mse")) for run in runs.values()]
        return math.fsum(losses) / len(losses)

    def chosen(self, arm: str, drop_rate: float | None = None) -> Setting:
        """The winner of an arm, among all runs or those with a dropout; of an arm that is not searched the spinal head's.

        SearchIncomplete while runs are missing.
        """
        losses = self._ended(arm)
        return self._setting(arm, min((place for place in losses if drop_rate in (None, place[1])), key=losses.get))

    def neighbour(self, arm: str) -> Setting:
        """The better one of the two rates beside the winner's, a step of the grid away, with the winner's dropout."""
        losses, rates, winner = self._ended(arm), self.rates(), self.chosen(arm)
        place = rates.index(winner.learning_rate)
        beside = (*rates[max(0, place - 1) : place], *rates[place + 1 : place + 2])
        return self._setting(arm, min(((rate, winner.drop_rate) for rate in beside), key=losses.get))

    def chosen_by_error(self, arm: str) -> Setting:
        """The winner by validation error instead; among equals the one with the lowest loss."""
        losses, arm = self._ended(arm), self._searched(arm)
        return self._setting(arm, min(losses, key=lambda place: (self.loss(arm, *place, "val_error"), losses[place])))

    @property
    def settings_tried(self) -> int:
        """Of every arm, as far as the grid has grown."""
        return len(self.rates()) * len(self.grid.drop_rates)

    def at_edge(self, arm: str) -> bool:
        """Whether the winner's rate is the lowest or the highest one, and the grid grows no more."""
        rates = self.rates()
        return len(rates) > 1 and self.chosen(arm).learning_rate in (rates[0], rates[-1])

    def _searched(self, arm: str) -> str:
        return arm if arm in self.arms else self.arms[0]

    def _ended(self, arm: str) -> dict[tuple[float, float], float]:
        """The losses of an arm's places; SearchIncomplete while one of any arm is missing, as the grid may still grow for all."""
        rates = self.rates()
        losses = {each: self._losses(each, rates) for each in self.arms}
        for each, of_arm in losses.items():
            if missing := list(of_arm.values()).count(None):
                search = f"the search for {each} on {' and '.join(self.datasets)} with {self.backbone}"
                raise SearchIncomplete(f"{search} lacks {missing} of {len(of_arm)} places of its grid")
        return losses[self._searched(arm)]

    def _setting(self, arm: str, place: tuple[float, float]) -> Setting:
        arm = self._searched(arm)
        of_grid = [self._runs.get((arm, *at), {}) for at in self._losses(arm, self.rates())]
        keys = sorted(run.key for runs in of_grid for run in runs.values())
        return Setting(*place, hashlib.sha256("".join(keys).encode()).hexdigest())

    def _losses(self, arm: str, rates: Sequence[float]) -> dict[tuple[float, float], float | None]:
        """The loss at each place of a grid, a learning rate and a dropout rate."""
        return {(rate, drop): self.loss(arm, rate, drop) for rate in rates for drop in self.grid.drop_rates}


def search_records(out: str | os.PathLike) -> list[Record]:
    """The records of searches in the folder `out`; of sets and bodies that were not searched there the project's own."""
    here = [record for record in RecordFolder(out).records() if record.seed in TUNING_SEEDS]
    return with_searches(here, own_records())


def with_searches(first: Sequence[Record], others: Iterable[Record]) -> list[Record]:
    """The records `first`, and the searches among `others` on sets with bodies that `first` has none of."""
    places = {(record.dataset, record.model["backbone"]) for record in first}
    more = (record for record in others if record.seed in TUNING_SEEDS)
    return [*first, *(record for record in more if (record.dataset, record.model["backbone"]) not in places)]


def is_current(record: Record) -> bool:
    """Whether the run made now would have the numbers that it had; with and without dropout their versions differ."""
    return record.numerics_version == numerics_of(record.recipe.get("fast", False), drop_rate(record) > 0)


def drop_rate(record: Record) -> float:
    """The rate of a run's dropout, wherever it is."""
    rates = record.model["head_arguments"].get("drop_rate", 0.0)
    return max(rates) if isinstance(rates, list) else rates
