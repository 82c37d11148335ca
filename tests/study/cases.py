"""What the tests of this room share."""

from dataclasses import replace

from spinalnet_lib import TrainConfig
from spinalnet_lib.records.files import RecordFolder
from spinalnet_lib.study.cells import Cell

QUICK = TrainConfig(optimizer="adam", learning_rate=0.003, steps=20, batch_size=100)


def cells(seeds=range(3), config=QUICK, heads=("mlp", "spinal")):
    arguments = {"mlp": {"hidden_sizes": 16}, "spinal": {"layer_width": 4}}
    return [Cell("digits", "pixels", head, seed, config, arguments[head]) for seed in seeds for head in heads]


def mixed(seeds):
    """Runs one by one, and runs in stacks."""
    return [*cells(seeds), *cells(seeds, replace(QUICK, stacked=True))]


def load_sweep(out):
    return RecordFolder(out).records()
