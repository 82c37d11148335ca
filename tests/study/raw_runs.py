"""The committed runs as their lines have them, and the plan's sums over them, by numpy alone: what tables are recomputed from."""

import gzip
import json
import math
from functools import cache

import numpy as np

from spinalnet_lib.paths import data_path


@cache
def lines(folder, name):
    """The runs of a committed file as JSON has them."""
    path = data_path("results", folder, f"{name}.jsonl")
    text = path.read_bytes() if path.exists() else gzip.decompress(path.with_suffix(".jsonl.gz").read_bytes())
    return tuple(json.loads(line) for line in text.splitlines())


def dropout(run):
    return float(np.max(run["model"]["head_arguments"].get("drop_rate", 0.0)))


@cache
def chosen(name, head):
    """Learning rate and dropout with the lowest mean validation loss of the search's two seeds."""
    losses = {}
    for run in lines("tuning", name):
        if run["model"]["head"] == head and run["model"]["backbone"] in ("two_conv", "pixels"):
            loss = run["curve"][-1]["val_nll"]
            setting = run["recipe"]["learning_rate"], dropout(run)
            losses.setdefault(setting, {})[run["seed"]] = math.inf if loss is None else loss
    return min(losses, key=lambda setting: np.mean([losses[setting][seed] for seed in (1000, 1001)]))


def tuned(folder, name, head, width):
    """Runs of a head of this width with the chosen setting on all images, by seed; without those of other tiers."""
    found = {}
    for run in lines(folder, name):
        sizes = run["model"]["head_arguments"]
        same_width = head == "linear" or sizes.get("layer_width", sizes.get("hidden_sizes")) == width
        others = run["split_sizes"].get("train_per_class") or "gradient_norms" in run["curve"][-1]
        setting = run["recipe"]["learning_rate"], dropout(run)
        is_tuned = run["recipe"]["optimizer"] == "adamw" and run["recipe"]["steps"] == 2000
        if run["model"]["head"] == head and same_width and is_tuned and not others and setting == chosen(name, head):
            found[run["seed"]] = run
    return found


def error(run):
    """In whole test images; a run that diverged has the error of the network that it ended with."""
    images = run["split_sizes"]["test"]
    return round((1 - run["test"]["last"]) * images) / images


def differences(runs, arm, reference, seeds, badness=error):
    return np.array([badness(runs[reference][seed]) - badness(runs[arm][seed]) for seed in seeds])
