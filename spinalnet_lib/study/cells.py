"""The study's runs: which head on which data with which recipe and seed, as cells that a sweep makes.

Each arm takes the learning rate and the dropout that the search of `tuning` chose for it. Within a tier runs are ordered
so that a sweep that is cut off has as many seeds of every arm.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..checks import check_name
from ..data.cards import load_card
from ..data.regression import TARGETS
from ..datasets import split_name
from ..models.sizes import UNSTACKED, arm_arguments, equal_width, paper_head
from ..records.record import Record, run_setup
from ..training.config import TrainConfig, describe_recipe
from ..training.recipes import POWER_SEEDS, TUNING_DROPOUT, TUNING_SEEDS, published_recipe, regression_recipe
from .tiers import TIERS, Runs, Tier, frozen_body
from .tuning import NO_SEARCH, Search, SearchIncomplete, drop_rate

STUDIES = ("tuning", "power", "study", "published")


@dataclass(frozen=True)
class Cell:
    """One run to be made: everything but the data's content and the machine."""

    dataset: str
    backbone: str
    head: str
    seed: int
    config: TrainConfig
    head_arguments: dict = field(default_factory=dict, hash=False)
    tuning_id: str | None = None
    size: int | None = None  # side in pixels of photographs, by default their card's
    cut_seed: int | None = None  # of the images held out for validation; None: the set's fixed cut
    train_per_class: int | None = None  # images to train on; None: all that are not held out

    @property
    def stack(self) -> tuple:
        """What stacked cells have in common that can be trained together."""
        sizes = {name: value for name, value in self.head_arguments.items() if name != "drop_rate"}
        recipe = replace(self.config, **dict.fromkeys(("learning_rate", "weight_decay"), 1.0))
        data = self.dataset, self.size, self.cut_seed, self.train_per_class
        return *data, self.backbone, self.head, json.dumps(sizes, sort_keys=True), recipe

    @cached_property
    def setup(self) -> tuple:
        """What its record will have as `Record.setup`."""
        recipe = describe_recipe(self.config)
        cut = self.cut_seed, self.train_per_class
        return run_setup(self.dataset, self.backbone, self.head, self.head_arguments, recipe, self.seed, *cut)

    def describe(self) -> str:
        """In one line, with all that sets it apart from its neighbours."""
        sizes = ", ".join(f"{name} {value}" for name, value in self.head_arguments.items())
        head = f"{self.head} ({sizes})" if sizes else self.head
        return f"{self.dataset}, {self.backbone} + {head}, rate {self.config.learning_rate:.3g}, seed {self.seed}"


def list_cells(
    study: str,
    tier: str,
    records: Sequence[Record] = (),
    datasets: Sequence[str] = (),
    root: str | os.PathLike | None = None,
) -> list[Cell]:
    """The runs of a tier: its search ("tuning"), the runs that give its power, itself ("study"), or the recipe "published".

    Of some data sets, or of all; "mnist" stands for all features of its images, too. `records` are those of the search:
    they say how far its grid has grown, and which settings it chose. `root` is the data root, whose cards say how many
    classes a set has. Raises ValueError for an unknown study, tier or data set, and for a tier whose search has not ended.
    """
    check_name("study", study, STUDIES)
    plan = TIERS[check_name("tier", tier, TIERS)]
    names = []
    for name, meant in plan.meant(datasets or plan.datasets).items():
        if not meant and not (study == "tuning" and plan.recipe):  # a search goes over any set of images
            check_name(f"data set of tier {tier}", name, {*plan.datasets, *(split_name(n)[0] for n in plan.datasets)})
        names += meant or [name]
    if study == "published":
        return _cells_as_published(plan, plan.published, names)
    if plan.recipe is None:
        return _cells_as_published(plan, plan.runs if study == "study" else (), names)
    try:
        listed = {"tuning": _search_cells, "power": _power_cells, "study": _tier_cells}[study]
        cells = listed(plan, records, names, root)
    except SearchIncomplete as error:
        remedy = f"make its runs first with `spinalnet sweep tuning --tier {tier}`, and the same --sets and --out"
        raise ValueError(f"{error}; {remedy}") from error
    # Features fill the memory, so one set is ended before the next is loaded; a stack holds all seeds anyway.
    order = {name: place for place, name in enumerate(dict.fromkeys(cell.dataset for cell in cells))}
    return sorted(cells, key=lambda cell: order[cell.dataset]) if plan.features else cells


def cells_of(
    tier: str, runs: Runs, records: Sequence[Record] = (), recipe: str = "tuned", root: str | os.PathLike | None = None
) -> list[Cell]:
    """The cells of some runs with a tier's bodies and cuts, and its "tuned" recipe or the "published" one.

    `records` as in `list_cells`; raises SearchIncomplete where they do not say which settings were chosen.
    """
    if recipe == "published":
        return _cells_as_published(TIERS[tier], (runs,), runs.datasets)
    return _tier_cells(replace(TIERS[tier], runs=(runs,)), records, runs.datasets, root)


def _search_cells(plan: Tier, records: Sequence[Record], datasets: Sequence[str], root) -> list[Cell]:
    """The searches of all data sets, validation data only; a grid that has grown is run to its new edge."""
    grids = {}
    for (dataset, backbone), search in _searches(plan, records, datasets).items():
        grids |= {(name, backbone): search.rates() for name in plan.search_sets(dataset)}
    return [
        _cell(plan, *place, head, seed, rate, drop_rate)
        for seed in TUNING_SEEDS
        for place, rates in grids.items()
        for head in plan.searched(frozen_body(*place))
        for rate in rates
        for drop_rate in TUNING_DROPOUT
    ]


def _power_cells(plan: Tier, records: Sequence[Record], datasets: Sequence[str], root) -> list[Cell]:
    """The tier's first runs with seeds that chose nothing, validation data only."""
    plan = replace(plan, runs=(replace(plan.runs[0], seeds=POWER_SEEDS),))
    cells = _tier_cells(plan, records, datasets, root)
    return [replace(cell, config=replace(cell.config, read_test=False)) for cell in cells]


def _tier_cells(plan: Tier, records: Sequence[Record], datasets: Sequence[str], root) -> list[Cell]:
    """The tier's own runs, with the settings that its search chose."""
    searches = _searches(plan, records, datasets)
    cells = {}  # what several runs name is run once
    for runs in plan.runs:
        arms = []
        for place, search in searches.items():
            if place[0] in runs.datasets and place[1] in runs.backbones:
                body = frozen_body(*place)
                for head in runs.heads(body):
                    width = (
                        equal_width(head, body, _num_classes(place[0], root)) if runs.equal_parameters else runs.width
                    )
                    arms.append((place, head, search.chosen(head, runs.drop_rate), width))
        for seed in runs.seeds:
            for place, head, setting, width in arms:
                cell = _cell(plan, *place, head, seed, setting.learning_rate, setting.drop_rate, width)
                config = replace(cell.config, read_test=True)
                cell = replace(cell, config=config, tuning_id=setting.tuning_id, train_per_class=runs.train_per_class)
                cells[cell] = None
    return list(cells)


def _cells_as_published(plan: Tier, several: Sequence[Runs], datasets: Sequence[str]) -> list[Cell]:
    """Runs with the paper's recipes and sizes."""
    cells = [
        Cell(
            dataset,
            backbone,
            head,
            seed,
            *_as_published(backbone, dataset, head),
            tuning_id=NO_SEARCH,
            cut_seed=seed if plan.cuts else None,
        )
        for runs in several
        for seed in runs.seeds
        for dataset in datasets
        for backbone in runs.backbones
        for head in runs.heads(backbone)
    ]
    return list(dict.fromkeys(cells))


def _as_published(backbone: str, dataset: str, head: str) -> tuple[TrainConfig, dict]:
    if dataset not in TARGETS:
        recipe = replace(published_recipe(backbone, dataset), fast=True, read_test=True)
        return recipe, paper_head(backbone, head)
    sizes = {"hidden_sizes": [200, 100]} if head == "mlp" else {"layer_width": 50, "num_layers": 6}
    sizes |= {"act_layer": "LeakyReLU"}  # the published script's nets
    return regression_recipe(), {} if head == "linear" else sizes


def _searches(plan: Tier, records: Sequence[Record], datasets: Sequence[str]) -> dict[tuple[str, str], Search]:
    places = [(dataset, backbone) for dataset in datasets for backbone in plan.backbones(dataset)]
    return {place: _search(plan, records, *place) for place in places}


def _num_classes(dataset: str, root) -> int:
    """As its card says; any number where there is no sound card: the data cannot be read either, and the cells fail."""
    try:
        return load_card(split_name(dataset)[0], root)["num_classes"]
    except ValueError:
        return 10


def _search(plan: Tier, records: Sequence[Record], dataset: str, backbone: str) -> Search:
    """The search of a place, without records of other recipes or sizes; its runs differ in rate, dropout and seed only."""
    arms = plan.searched(frozen_body(dataset, backbone))
    wanted = {}
    for head in arms:
        for rate in TUNING_DROPOUT:
            cell = _cell(plan, dataset, backbone, head, 0, 0.001, rate)
            wanted[head, rate] = json.loads(json.dumps([describe_recipe(cell.config), cell.head_arguments]))

    def belongs(record: Record) -> bool:
        recipe = {**record.recipe, "learning_rate": 0.001}
        return wanted.get((record.head, drop_rate(record))) == [recipe, record.model["head_arguments"]]

    return Search(filter(belongs, records), plan.search_sets(dataset), backbone, arms)


def _cell(
    plan: Tier,
    dataset: str,
    backbone: str,
    head: str,
    seed: int,
    rate: float,
    drop_rate: float,
    width: int | None = None,
) -> Cell:
    body = frozen_body(dataset, backbone)
    config = plan.recipe(body, dataset, rate)
    if head in UNSTACKED:
        config = replace(config, stacked=False)
    arguments = arm_arguments(head, drop_rate, body, width)
    if head == "spinal_random_mask" and not config.stacked:  # heads of a stack read the same features
        arguments["mask_seed"] = seed
    return Cell(dataset, backbone, head, seed, config, arguments, cut_seed=seed if plan.cuts else None)
