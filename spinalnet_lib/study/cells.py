"""The study's runs, listed: which head on which data with which recipe and seed.

Each arm takes the learning rate and the dropout that the search of `tuning` chose for it. Within a tier runs are ordered
so that a sweep that is cut off has as many seeds of every arm.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..checks import check_name
from ..data.cards import load_card
from ..data.regression import TARGETS
from ..datasets import split_name
from ..models.sizes import UNSTACKED, arm_arguments, equal_width, paper_head
from ..records.record import Record
from ..training.config import TrainConfig, describe_recipe
from ..training.recipes import POWER_SEEDS, TUNING_RATES, published_recipe, regression_recipe
from .cell import Cell
from .tiers import PRIMARY, TIERS, Runs, Tier, frozen_body
from .tuning import NO_SEARCH, Search, SearchIncomplete, Setting, drop_rate

STUDIES = ("tuning", "power", "study", "published", "sensitivity", "issue_6")


def list_cells(
    study: str,
    tier: str,
    records: Sequence[Record] | None = (),
    datasets: Sequence[str] = (),
    root: str | os.PathLike | None = None,
    part: str | None = None,
    plans: Mapping[str, Tier] = TIERS,
) -> list[Cell]:
    """The runs of a tier: its search ("tuning"), the runs that give its power, itself ("study"), the recipe "published", the
    runs beside its main comparison ("sensitivity"), or what a user asked ("issue_6").

    Of some data sets, or of all; "mnist" stands for all features of its images, too. `part` is one of a tier's own runs, of
    which some data sets have none.
    `records` are those of the search: they say how far its grid has grown, and which settings it chose; with None the
    runs have a setting that stands for the one to be found, so that they can be counted. `root` is the data root, whose
    cards say how many classes a set has. Raises ValueError for an unknown study, tier, part or data set, and for a tier
    whose search has not ended.
    """
    check_name("study", study, STUDIES)
    plan = plans[check_name("tier", tier, plans)]
    names = []
    for name, meant in plan.meant(datasets or plan.datasets).items():
        if not meant and not (study == "tuning" and plan.recipe):  # a search goes over any set of images
            check_name(f"data set of tier {tier}", name, {*plan.datasets, *(split_name(n)[0] for n in plan.datasets)})
        names += meant or [name]
    if part is not None:
        check_name(f"part of tier {tier}", part, {runs.part: None for runs in plan.runs})
        plan = replace(plan, runs=tuple(runs for runs in plan.runs if runs.part == part))
        names = [name for name in names if name in plan.datasets]  # a part has some of its tier's
    if study == "published":
        return _cells_as_published(plan, plan.published, names)
    if study == "issue_6":
        return _cells_of_issue_6(plan, names)
    listed = {
        "tuning": _search_cells,
        "power": _power_cells,
        "study": _tier_cells,
        "sensitivity": _sensitivity_cells,
    }
    try:
        cells = listed[study](plan, _searches(plan, records, names), root)
    except SearchIncomplete as error:
        remedy = f"make its runs first with `spinalnet sweep tuning --tier {tier}`, and the same --sets and --out"
        raise ValueError(f"{error}; {remedy}") from error
    # Features fill the memory, so one set is ended before the next is loaded; a stack holds all seeds anyway.
    order = {name: place for place, name in enumerate(dict.fromkeys(cell.dataset for cell in cells))}
    return sorted(cells, key=lambda cell: order[cell.dataset]) if plan.features else cells


def cells_of(tier: str, runs: Runs, records: Sequence[Record] = (), recipe: str = "tuned") -> list[Cell]:
    """The cells of some runs with a tier's bodies and cuts, and its "tuned" recipe or the "published" one.

    `records` as in `list_cells`; raises SearchIncomplete where they do not say which settings were chosen.
    """
    if recipe == "published":
        return _cells_as_published(TIERS[tier], (runs,), runs.datasets)
    plan = replace(TIERS[tier], runs=(runs,))
    return _tier_cells(plan, _searches(plan, records, runs.datasets), None)


_Searches = Mapping[tuple[str, str], Search | None]  # of a data set and a body; None: any setting stands for the winner
BY_ERROR = "setting that validation error would choose"
_ANY = Setting(TUNING_RATES[2], 0.5, None)


def _search_cells(plan: Tier, searches: _Searches, root) -> list[Cell]:
    """The searches of all data sets, validation data only; a grid that has grown is run to its new edge."""
    grids = {}
    for (dataset, backbone), search in searches.items():
        grids |= {
            (name, backbone): search or _search(plan, (), dataset, backbone) for name in plan.search_sets(dataset)
        }
    seeds = {seed: None for search in grids.values() for seed in search.grid.seeds}
    return [
        _search_cell(plan, *place, head, seed, rate, drop_rate)
        for seed in seeds
        for place, search in grids.items()
        for head in search.arms
        for rate in search.rates()
        for drop_rate in search.grid.drop_rates
    ]


def _power_cells(plan: Tier, searches: _Searches, root) -> list[Cell]:
    """A tier's main comparison, and that of the published recipe, with seeds that chose nothing; validation data only."""
    main = tuple(replace(runs, seeds=POWER_SEEDS) for runs in plan.runs if runs.part == PRIMARY and plan.pilot)
    cells = _tier_cells(replace(plan, runs=main), searches, root)
    published = tuple(replace(runs, seeds=POWER_SEEDS) for runs in plan.published if plan.published_pilot)
    cells += _cells_as_published(plan, published, list(dict.fromkeys(dataset for dataset, _ in searches)))
    return [replace(cell, config=replace(cell.config, read_test=False)) for cell in cells]


def _sensitivity_cells(plan: Tier, searches: _Searches, root) -> list[Cell]:
    """The main comparison with other settings and with more steps, as far as they are other ones."""
    readings, main = _other_readings(plan, searches)
    return [cell for cell in dict.fromkeys(cell for cells in readings.values() for cell in cells) if cell not in main]


def other_readings(tier: str, records: Sequence[Record], datasets: Sequence[str]) -> dict[str, list[Cell]]:
    """Of a tier's main comparison, with the seeds of its sensitivity: what is changed -> the cells of both arms then.

    By the setting that validation error would choose an arm may keep its own, and then has its main cells there. Raises
    SearchIncomplete where the records do not say what was chosen.
    """
    return _other_readings(TIERS[tier], _searches(TIERS[tier], records, datasets))[0]


def _other_readings(plan: Tier, searches: _Searches) -> tuple[dict[str, list[Cell]], set[Cell]]:
    """These readings, and the main cells that they are beside."""
    asked = plan.sensitivity
    readings: dict[str, list[Cell]] = {}
    main = set()
    for seed in asked.seeds if asked else ():
        for (dataset, backbone), search in searches.items():
            for head in asked.heads:
                chosen = search.chosen(head) if search else _ANY
                cell = _read_cell(plan, dataset, backbone, head, seed, chosen)
                settings = {"neighbouring rate": _ANY}
                if search:
                    main.add(cell)
                    settings = {"neighbouring rate": search.neighbour(head), BY_ERROR: search.chosen_by_error(head)}
                for what, setting in settings.items():
                    other = _read_cell(plan, dataset, backbone, head, seed, setting)
                    readings.setdefault(what, []).append(cell if setting == chosen and search else other)
                if dataset in asked.longer:
                    longer = replace(cell.config, steps=asked.times * cell.config.steps)
                    readings.setdefault(f"{asked.times} times the steps", []).append(replace(cell, config=longer))
    return readings, main


def _tier_cells(plan: Tier, searches: _Searches, root) -> list[Cell]:
    """The tier's own runs, with the settings that its search chose."""
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
                    setting = search.chosen(head, runs.drop_rate) if search else _any_setting(runs.drop_rate)
                    arms.append((place, head, setting, width))
        for seed in runs.seeds:
            for place, head, setting, width in arms:
                cell = _read_cell(plan, *place, head, seed, setting, width, runs.num_layers)
                config = replace(cell.config, gradient_norms=runs.gradient_norms)
                cells[replace(cell, config=config, train_per_class=runs.train_per_class)] = None
    return list(cells)


def _any_setting(drop_rate: float | None) -> Setting:
    return _ANY if drop_rate is None else replace(_ANY, drop_rate=drop_rate)


def _read_cell(plan: Tier, dataset: str, backbone: str, head: str, seed: int, setting: Setting, *sizes) -> Cell:
    """A run whose result on the test set is wanted."""
    cell = _cell(plan, dataset, backbone, head, seed, setting.learning_rate, setting.drop_rate, *sizes)
    return replace(cell, config=replace(cell.config, read_test=True), tuning_id=setting.tuning_id)


def _cells_as_published(plan: Tier, several: Sequence[Runs], datasets: Sequence[str]) -> list[Cell]:
    """Runs with the paper's recipes and sizes."""
    cells = [
        Cell(
            dataset,
            backbone,
            head,
            seed,
            *_as_published(plan, backbone, dataset, head),
            tuning_id=NO_SEARCH,
            cut_seed=seed if plan.cuts else None,
        )
        for runs in several
        for seed in runs.seeds
        for dataset in datasets
        if dataset in runs.datasets
        for backbone in runs.backbones
        for head in runs.heads(backbone)
    ]
    return list(dict.fromkeys(cells))


def _cells_of_issue_6(plan: Tier, names: Sequence[str]) -> list[Cell]:
    """As a user trained the CNN on EMNIST Balanced: a head of width 10, a hundred epochs; the ten seeds are ours.

    Source: issue 6 of github.com/dipuk0506/SpinalNet.
    """
    name, body = "emnist_balanced_reduced", "two_conv"
    if name not in names or body not in plan.backbones(name):
        return []
    config = _rehearsed(plan, replace(TrainConfig(), epochs=100, read_test=True))
    sizes = paper_head(body, "spinal") | {"layer_width": 10}
    return [Cell(name, body, "spinal", seed, config, sizes, NO_SEARCH) for seed in range(2 if plan.steps else 10)]


def _as_published(plan: Tier, backbone: str, dataset: str, head: str) -> tuple[TrainConfig, dict]:
    if dataset not in TARGETS:
        recipe = replace(published_recipe(backbone, dataset), fast=True, read_test=True)
        return _rehearsed(plan, recipe), paper_head(backbone, head)
    sizes = {"hidden_sizes": [200, 100]} if head == "mlp" else {"layer_width": 50, "num_layers": 6}
    sizes |= {"act_layer": "LeakyReLU"}  # the published script's nets
    return _rehearsed(plan, regression_recipe()), {} if head == "linear" else sizes


def _rehearsed(plan: Tier, config: TrainConfig) -> TrainConfig:
    short = {"steps": plan.steps, "epochs": None, "warmup": 0, "evaluations": 1, "evals_per_epoch": 1}
    return replace(config, **short) if plan.steps else config


def _searches(plan: Tier, records: Sequence[Record] | None, datasets: Sequence[str]) -> _Searches:
    places = [(dataset, backbone) for dataset in datasets for backbone in plan.backbones(dataset)]
    return {place: None if records is None else _search(plan, records, *place) for place in places}


def _num_classes(dataset: str, root) -> int:
    """As its card says; any number where there is no sound card: the data cannot be read either, and the cells fail."""
    try:
        return load_card(split_name(dataset)[0], root)["num_classes"]
    except ValueError:
        return 10


def search_of(tier: str, records: Sequence[Record], dataset: str, backbone: str) -> Search:
    """The search among the records that a tier's settings on a set come from."""
    return _search(TIERS[tier], records, dataset, backbone)


def _search(plan: Tier, records: Sequence[Record], dataset: str, backbone: str) -> Search:
    """The search of a place, without records of other recipes or sizes; its runs differ in rate, dropout and seed only."""
    body = frozen_body(dataset, backbone)
    arms, grid, wanted = plan.searched(body), plan.grid(body), {}
    for head in arms:
        for rate in grid.drop_rates:
            cell = _search_cell(plan, dataset, backbone, head, 0, 0.001, rate)
            wanted[head, rate] = json.loads(json.dumps([describe_recipe(cell.config), cell.head_arguments]))

    def belongs(record: Record) -> bool:
        if record.seed not in grid.seeds or record.model["backbone"] != backbone:  # most are not, and this is soon seen
            return False
        recipe = {**record.recipe, "learning_rate": 0.001}
        return wanted.get((record.head, drop_rate(record))) == [recipe, record.model["head_arguments"]]

    return Search(filter(belongs, records), plan.search_sets(dataset), backbone, arms, grid)


def _search_cell(plan: Tier, *place) -> Cell:
    cell = _cell(plan, *place)
    return replace(cell, config=replace(cell.config, steps=plan.search_steps)) if plan.search_steps else cell


def _cell(
    plan: Tier,
    dataset: str,
    backbone: str,
    head: str,
    seed: int,
    rate: float,
    drop_rate: float,
    width: int | None = None,
    num_layers: int | None = None,
) -> Cell:
    body = frozen_body(dataset, backbone)
    config = _rehearsed(plan, plan.recipe(body, dataset, rate))
    if head in UNSTACKED:
        config = replace(config, stacked=False)
    arguments = arm_arguments(head, drop_rate, body, width, num_layers)
    if head == "spinal_random_mask" and not config.stacked:  # heads of a stack read the same features
        arguments["mask_seed"] = seed
    return Cell(dataset, backbone, head, seed, config, arguments, cut_seed=seed if plan.cuts else None)
