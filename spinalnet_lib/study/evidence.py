"""Records sorted into the cells of the plan.

A run belongs to a comparison where it is that of a planned cell, by its data set, body, head, sizes, recipe, seed and cut;
runs that look alike do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from itertools import chain

from ..datasets import split_name
from ..records.kinds import kind_of, usual_kind
from ..records.record import Record, each_once
from ..training.recipes import POWER_SEEDS, TUNING_SEEDS
from .cell import Cell
from .cells import cells_of, list_cells, other_readings
from .comparisons import COMPARISONS, Comparison, planned_cells
from .tiers import TIERS, frozen_body
from .tuning import SearchIncomplete, is_current


class Evidence:
    """Records sorted into the cells of the plan; searches among them say which settings were chosen.

    Runs with numbers of an older version do not count.
    """

    def __init__(self, records: Sequence[Record]):
        self.records = tuple(each_once(records))
        self._searches = Same([record for record in self.records if record.seed in TUNING_SEEDS])
        self._runs: dict[tuple, list[Record]] = {}
        for record in filter(is_current, self.records):
            self._runs.setdefault(record.setup, []).append(record)
        self._found: dict[tuple, dict] = {}

    def cells(self, comparison: Comparison) -> dict[tuple[str, str, int], Cell]:
        """Of all seeds that may be asked for, by head, set and seed; none while a search is incomplete."""
        return _known_cells(comparison, self._searches)

    def cells_so_far(self, comparison: Comparison) -> dict[tuple[str, str, int], Cell]:
        """Of those of its sets whose search has ended: these can have runs already."""
        of_sets = (self.cells(replace(comparison, datasets=(name,))) for name in comparison.datasets)
        return {place: cell for cells in of_sets for place, cell in cells.items()}

    def search_ids(self, place: tuple[str, str]) -> set[str]:
        """What names the searches of all tiers at one of `places_of` runs, for every arm that was searched; those that have ended."""
        return _known_ids(place, self._searches)

    def beside_comparisons(self, name: str) -> list[tuple[Cell, ...]]:
        """What is planned on a set beside the comparisons: of each head the runs of a part of a tier, or with other settings."""
        return _beside_comparisons(name, self._searches)

    def lacks_heads_on(self, images: str) -> bool:
        """Whether tier F's heads on frozen bodies of these images have been begun, and are not all there."""
        setups = {cell.setup for cell in _heads_on(images, self._searches)}
        return 0 < len(setups & self._runs.keys()) < len(setups)

    def runs(self, comparison: Comparison, seeds: Sequence[int]) -> dict[tuple[str, str, int], Record]:
        """The runs of both arms with these seeds, as far as they are there, all made on one kind of device."""
        asked = comparison, tuple(seeds)
        if asked not in self._found:
            self._found[asked] = self._find(*asked)
        return self._found[asked]

    def _find(self, comparison: Comparison, seeds: Sequence[int]) -> dict[tuple[str, str, int], Record]:
        cells = self.cells(comparison)
        places = [(arm, name, seed) for arm in comparison.arms for name in comparison.datasets for seed in seeds]
        found = {
            place: [run for run in self._runs.get(cells[place].setup, ()) if run.tuning_id == cells[place].tuning_id]
            for place in places
            if place in cells
        }
        kind = usual_kind(map(kind_of, chain.from_iterable(found.values())), TIERS[comparison.tier].device)
        of_kind = {place: [r for r in of_place if kind_of(r) == kind] for place, of_place in found.items()}
        runs = {place: of_place[0] for place, of_place in of_kind.items() if of_place}
        for (arm, name, seed), run in runs.items():
            partner = runs.get((comparison.reference, name, seed), run)
            alike = of_kind[arm, name, seed]
            if len({partner.dataset_sha256, *(each.dataset_sha256 for each in alike)}) > 1:
                raise ValueError(
                    f"{comparison.name}: runs of seed {seed} on {name} were made on two states of the data; take those of one "
                    f"out of the records: {run.key[:10]} has SHA-256 {run.dataset_sha256[:10]}"
                )
            if len(alike) > 1:
                raise ValueError(
                    f"{comparison.name}: {arm} with seed {seed} on {name} has {len(alike)} runs, which differ in what no "
                    f"record says; take all but one out of the records: {', '.join(each.key[:10] for each in alike)}"
                )
        return runs

    def paired_seeds(self, comparison: Comparison, seeds: Sequence[int]) -> list[int]:
        """The seeds whose runs of both arms are there on all sets."""
        return paired(comparison, self.runs(comparison, seeds), seeds)


def places_of(dataset: str, body: str) -> set[tuple[str, str]]:
    """Where a run stands: its set with its body; of features, too, the images that they are of with the body that made them."""
    return {(dataset, body), (split_name(dataset)[0], frozen_body(dataset, body))}


def paired(comparison: Comparison, runs: dict, seeds: Sequence[int]) -> list[int]:
    """The seeds whose runs of both arms are there on all sets."""
    places = [(arm, name) for arm in comparison.arms for name in comparison.datasets]
    return [seed for seed in seeds if all((*place, seed) in runs for place in places)]


class Same:
    """Records as a key of a cache: the same objects are the same records, since a record cannot change."""

    def __init__(self, records: Sequence[Record]):
        self.records = tuple(records)
        self.ids = tuple(map(id, self.records))

    def __hash__(self) -> int:
        return hash(self.ids)

    def __eq__(self, other) -> bool:
        return self.ids == other.ids


@lru_cache(maxsize=4 * len(COMPARISONS))
def _known_cells(comparison: Comparison, searches: Same) -> dict[tuple[str, str, int], Cell]:
    seeds = (*comparison.seeds, *comparison.extended, *POWER_SEEDS)
    try:
        cells = planned_cells(comparison, seeds, searches.records)
    except SearchIncomplete:
        return {}
    for place, cell in cells.items():
        if cell.seed in POWER_SEEDS:
            cells[place] = replace(cell, config=replace(cell.config, read_test=False))
    return cells


@lru_cache(maxsize=4 * len(COMPARISONS))
def _known_ids(place: tuple[str, str], searches: Same) -> set[str]:
    found = set()
    for tier, plan in TIERS.items():
        for name in plan.datasets:
            for body in (body for body in plan.backbones(name) if place in places_of(name, body)):
                runs = replace(plan.runs[0], heads=plan.searched, seeds=(0,), datasets=(name,), backbones=(body,))
                with suppress(SearchIncomplete):
                    found |= {cell.tuning_id for cell in cells_of(tier, runs, searches.records)}
    return found


@lru_cache(maxsize=len(COMPARISONS))
def _heads_on(images: str, searches: Same) -> list[Cell]:
    (runs,) = TIERS["F"].runs
    names = tuple(name for name in runs.datasets if split_name(name)[0] == images)
    with suppress(SearchIncomplete):
        return cells_of("F", replace(runs, datasets=names), searches.records) if names else []
    return []


@lru_cache(maxsize=64)
def _beside_comparisons(name: str, searches: Same) -> list[tuple[Cell, ...]]:
    groups: dict[tuple, list[Cell]] = {}
    for tier, plan in TIERS.items():
        with suppress(SearchIncomplete):
            on_it = [runs for runs in plan.runs if name in runs.datasets]
            for place, runs in enumerate(on_it):
                for cell in cells_of(tier, replace(runs, datasets=(name,)), searches.records):
                    groups.setdefault((tier, place, cell.head), []).append(cell)
            if plan.sensitivity and name in plan.datasets:
                groups |= {
                    (tier, what): cells for what, cells in other_readings(tier, searches.records, (name,)).items()
                }
                groups[tier, "issue 6"] = list_cells("issue_6", tier, (), (name,))
    return [tuple(cells) for cells in groups.values()]


@lru_cache(maxsize=2)
def _sorted_once(records: Same) -> Evidence:
    return Evidence(records.records)


def evidence_of(records: Sequence[Record]) -> Evidence:
    """The records sorted into the plan's cells; those that were sorted last are not sorted again."""
    return _sorted_once(Same(records))
