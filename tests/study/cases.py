"""What the tests of this room share."""

import json
import os
import subprocess
import sys
from dataclasses import replace

from spinalnet_lib import TrainConfig
from spinalnet_lib.machine import TimeLimit
from spinalnet_lib.records.files import RecordFolder
from spinalnet_lib.study.cells import Cell, list_cells
from spinalnet_lib.study.jobs import Job, Shelf
from spinalnet_lib.study.setup import Setup
from spinalnet_lib.study.tuning import drop_rate
from spinalnet_lib.training.config import describe_recipe
from spinalnet_lib.training.recipes import TUNING_RATES

QUICK = TrainConfig(optimizer="adam", learning_rate=0.003, steps=3, batch_size=100)
LONG_ENOUGH = 300  # seconds after which something hangs


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
    return [
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
            recipe=describe_recipe(cell.config),
            seed=cell.seed,
        )
        for number, cell in enumerate(cells)
    ]


def with_losses(records, middle=TUNING_RATES[2]):
    """The records, with the loss of each by its distance from the rate `middle`."""
    found = []
    for record in records:
        loss = 1 + abs(record.recipe["learning_rate"] - middle) + drop_rate(record) / 10
        found.append(replace(record, curve=[{**record.last, "val_nll": loss}]))
    return found


def python(code, *arguments, **options):
    """A process of its own that runs `code` with the paths of this one, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
        text=True,
        **options,
    )
