"""What the tests of this room share."""

import hashlib
import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np

from spinalnet_lib import TrainConfig
from spinalnet_lib.machine import TimeLimit
from spinalnet_lib.records import files
from spinalnet_lib.records.files import RecordFolder, append_record
from spinalnet_lib.records.record import pack_bits
from spinalnet_lib.study.cell import Cell
from spinalnet_lib.study.cells import list_cells
from spinalnet_lib.study.comparisons import COMPARISONS, planned_cells
from spinalnet_lib.study.gains import LOG_DELTAS
from spinalnet_lib.study.jobs import Job, Shelf
from spinalnet_lib.study.setup import Setup
from spinalnet_lib.study.tuning import drop_rate
from spinalnet_lib.training.config import describe_recipe
from spinalnet_lib.training.recipes import POWER_SEEDS, TUNING_RATES
from spinalnet_lib.training.runs import numerics_of

QUICK = TrainConfig(optimizer="adam", learning_rate=0.003, steps=3, batch_size=100)
LONG_ENOUGH = 300  # seconds after which something hangs
SPREAD = np.linspace(-0.002, 0.002, 30)  # of gains over 30 seeds, their mean is 0
PILOT = np.linspace(-0.002, 0.002, 8)  # over the power seeds


def cells(seeds=range(3), config=QUICK, heads=("mlp", "spinal")):
    arguments = {"mlp": {"hidden_sizes": 16}, "spinal": {"layer_width": 4}}
    return [Cell("digits", "pixels", head, seed, config, arguments[head]) for seed in seeds for head in heads]


def mixed(seeds):
    """Runs one by one, and runs in stacks."""
    return [*cells(seeds), *cells(seeds, replace(QUICK, stacked=True))]


def load_sweep(out):
    return RecordFolder(out).records()


def keys(out):
    return [record.key for record in load_sweep(out)]


def expected(todo, **how):
    known, wrong = Setup(**how).keys(todo)
    assert not wrong
    return [known[cell] for cell in todo]


def job(groups, out, limit=None):
    """A job as a sweep would make it, with a limit that is never up unless one is given."""
    setup = Setup()
    known, _ = setup.keys([cell for group in groups for cell in group])
    return Job(groups, known, setup, Shelf(out), limit or TimeLimit(None))


class OneStep(TimeLimit):
    """A limit by whose clock there is time to begin, and none for a second step."""

    is_up = False
    left = 1e-9

    def __init__(self):
        pass


def search(record, dataset="mnist"):
    """Records of the whole search of tier C on a set."""
    return recorded(record, list_cells("tuning", "C", (), [dataset]))


def recorded(record, cells):
    """A record of each cell, with the results of `record`."""
    found = [
        replace(
            record,
            key=f"{number:064x}",
            dataset=cell.dataset,
            model={
                **record.model,
                "backbone": cell.backbone,
                "head": cell.head,
                "head_arguments": json.loads(json.dumps(cell.head_arguments)),
            },
            recipe=json.loads(json.dumps(describe_recipe(cell.config))),  # as a file has it
            seed=cell.seed,
        )
        for number, cell in enumerate(cells)
    ]
    fast_and_drops = [(run.recipe.get("fast", False), drop_rate(run) > 0) for run in found]
    return [replace(run, numerics_version=numerics_of(*how)) for run, how in zip(found, fast_and_drops, strict=True)]


def with_losses(records, middle=TUNING_RATES[2]):
    """The records, with the loss of each by its distance from the rate `middle`."""
    found = []
    for record in records:
        loss = 1 + abs(record.recipe["learning_rate"] - middle) + drop_rate(record) / 10
        found.append(replace(record, curve=[{**record.last, "val_nll": loss}]))
    return found


IMAGES = 2000  # of a made-up test set


def ended_search(record, *datasets, tier="C"):
    """Records of a search that has ended at the middle rate."""
    cells = list_cells("tuning", tier, (), datasets)
    rates = sorted({cell.config.learning_rate for cell in cells})
    found = with_losses(recorded(record, cells), rates[len(rates) // 2])
    return [replace(run, key=_key(run)) for run in found]


def run_of(record, cell, error, images=IMAGES):
    """The record that a planned cell would have, with this test and validation error, or squared error."""
    (run,) = recorded(record, [cell])
    cut = {"seed": cell.cut_seed, "train_per_class": cell.train_per_class} if cell.cut_seed is not None else {}
    run = replace(run, split_sizes={"train": 5 * images, "val": images, "test": images} | cut, tuning_id=cell.tuning_id)
    if cell.config.loss == "mse":
        point = {"step": 10, "epoch": 1.0, "train_loss": 0.1, "val_mse": error}
        test = {"last_mse": error, "val_best_mse": error, "test_min_mse": error}
    else:
        wrong = round(error * images)
        point = {"step": 10, "epoch": 1.0, "train_loss": 0.1, "val_error": wrong / images, "val_nll": wrong / images}
        right = np.random.default_rng(cell.seed).permutation(images) >= wrong
        accuracy = 1 - wrong / images
        test = {"last": accuracy, "val_best": accuracy, "test_max": accuracy, "nll": 0.1, "brier": 0.1}
        test["correct"] = pack_bits(right)
    if cell.config.gradient_norms:  # the log ratio of the first to the last is as much above 0 as the error is below 1
        point["gradient_norms"] = [math.exp(1 - error), *[1.0] * 29]
    run = replace(run, curve=[{**point, "step": 5, "epoch": 0.5}, point], test=test if cell.config.read_test else None)
    return replace(run, key=_key(run))


def _key(run):
    return hashlib.sha256(repr(run.setup).encode()).hexdigest()


def runs_of(record, comparison, gains, searches=(), level=0.1):
    """Runs of both arms with these gains, a seed each in the plan's order, the reference's errors about `level`."""
    seeds = (*comparison.seeds, *comparison.extended)[: len(gains)]
    cells = planned_cells(comparison, seeds, searches)
    found = []
    for place, cell in cells.items():
        gain = gains[seeds.index(place[2])] * (place[0] == comparison.arm)
        found.append(run_of(record, cell, level - gain))
    return found


def power_runs(record, comparison, gains, searches=(), level=0.1, images=IMAGES):
    """Power runs of both arms with these eight gains on validation images."""
    cells = planned_cells(comparison, POWER_SEEDS, searches).items()
    closed = {place: replace(cell, config=replace(cell.config, read_test=False)) for place, cell in cells}
    return [
        run_of(record, cell, level - gains[POWER_SEEDS.index(seed)] * (head == comparison.arm), images)
        for (head, _, seed), cell in closed.items()
    ]


def comparison(name):
    """The comparison of the plan with this name, or the only one whose name begins so."""
    found = [each for each in COMPARISONS if each.name == name]
    (found,) = found or [each for each in COMPARISONS if each.name.startswith(name)]
    return found


def complete(record, comparisons, gain, spread=0.002):
    """Searches, power runs and runs of these comparisons, whose gains lie `spread` below and above `gain`; each run once."""
    return complete_studies(record, comparisons, {"": (gain, spread)})[""]


def complete_studies(record, comparisons, effects):
    """The same for several effects, each a gain and its spread, by their names; the cells are listed once."""
    found, searches = {name: {} for name in effects}, {}
    for tier in dict.fromkeys(each.tier for each in comparisons):
        sets = dict.fromkeys(name for each in comparisons if each.tier == tier for name in each.datasets)
        searches[tier] = ended_search(record, *sets, tier=tier)
    for each in comparisons:
        seeds, pilot = (*each.seeds, *each.extended), () if each.tier in LOG_DELTAS else POWER_SEEDS
        for (head, _, seed), cell in planned_cells(each, (*seeds, *pilot), searches[each.tier]).items():
            for name, (gain, spread) in effects.items():
                if seed in pilot:
                    run = run_of(record, replace(cell, config=replace(cell.config, read_test=False)), 0.1)
                else:
                    sign = seeds.index(seed) % 2 * 2 - 1
                    run = run_of(record, cell, 0.1 - (gain + spread * sign) * (head == each.arm))
                found[name].setdefault(run.key, run)
    ended = [run for of_tier in searches.values() for run in of_tier]
    return {name: list({run.key: run for run in [*ended, *runs.values()]}.values()) for name, runs in found.items()}


def python(code, *arguments, **options):
    """A process of its own that runs `code` with the paths of this one, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
        text=True,
        **options,
    )


def own_results(monkeypatch, folder, **kinds):
    """Lets the project's own records be these, a folder of the results a kind."""
    for kind, records in kinds.items():
        for record in records:
            append_record(folder / "results" / kind / f"{record.dataset}.jsonl", record)
    monkeypatch.setattr(files, "data_path", lambda *parts: folder.joinpath(*parts))
