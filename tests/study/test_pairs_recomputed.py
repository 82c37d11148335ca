"""Every exploratory gain that is told is computed anew from the lines of its records, by numpy and scipy alone.

Of the library are only the names of the pairs and what was found. Which runs are meant is told by their lines: by head, sizes,
dropout and images a class, and by the setting with the lowest loss of the search's lines.
"""

import math
import re

import numpy as np
import pytest
import scipy.stats

from spinalnet_lib import comparisons_table, gains_by_size, load_facts, paired_gains
from spinalnet_lib.paths import data_path
from tests.study.raw_runs import chosen, dropout, error, lines

DENSE = 50  # hidden units of the paper's dense head
SEARCHED = ("linear", "mlp", "mlp_matched", "mlp_deep_skip", "spinal")  # the others take the spine's setting
CHAIN = 30  # layers of the heads of tier D4, which are in no pair


def setting(run):
    return run["recipe"]["learning_rate"], dropout(run)


def is_of(run, head, width):
    sizes = run["model"]["head_arguments"]
    fits = head == "linear" or sizes.get("hidden_sizes") == DENSE or sizes.get("layer_width") == width
    return run["model"]["head"] == head and fits and sizes.get("num_layers") != CHAIN


def width_as_large(head, name):
    """Of the widths in which a head was run the one that is nearest to the spine in size."""
    parameters = {
        run["model"]["head_arguments"]["layer_width"]: run["head_cost"]["parameters"]
        for run in lines("study", name)
        if run["model"]["head"] == head and run["model"]["head_arguments"]["num_layers"] != CHAIN
    }
    (spine,) = {run["head_cost"]["parameters"] for run in lines("study", name) if is_of(run, "spinal", 8)}
    return min(parameters, key=lambda width: abs(parameters[width] - spine))


def errors(arm, name, per_class=math.nan):
    """By seed the test errors of an arm in words: its head, and behind commas its dropout, its width or its size."""
    head, _, words = arm.partition(", ")
    width = 20 if "efficientnet" in name else 8  # of the paper's heads
    if words.startswith("width"):
        width = int(words.split()[1])
    elif words:
        width = width if words.startswith("dropout") else width_as_large(head, name)
    runs = [
        run
        for run in lines("study", name)
        if is_of(run, head, width)
        and (run["split_sizes"].get("train_per_class") or math.nan) == pytest.approx(per_class, nan_ok=True)
    ]
    if words.startswith("dropout"):
        runs = [run for run in runs if dropout(run) == float(words.split()[1])]
    elif "trained" not in name:
        runs = [run for run in runs if setting(run) == chosen(name, head if head in SEARCHED else "spinal")]
    assert len({setting(run) for run in runs}) == 1, (arm, name)
    return {run["seed"]: error(run) for run in runs}


def bodies(data):
    """Files of the frozen bodies of one kind."""
    names = (path.name.partition(".jsonl")[0] for path in data_path("results", "study").iterdir())
    return sorted(name for name in names if re.fullmatch(rf"{re.escape(data.replace(':', '_'))}-\d+", name))


def gains_of(row):
    """In points, a seed or a body each."""
    if row["unit"] == "body":
        of_bodies = [[errors(row[which], name) for which in ("reference", "arm")] for name in bodies(row["data"])]
        return 100 * np.array([np.mean([*its.values()]) - np.mean([*ours.values()]) for its, ours in of_bodies])
    arms = [arm for which in ("reference", "arm") for arm in row[which].split(" against ")]
    # Of four arms: what dropout gains in the first head, less what it gains in the second.
    signs = (1, -1, -1, 1) if len(arms) == 4 else (1, -1)
    found = [errors(arm, row["data"], row["train_per_class"]) for arm in arms]
    seeds = range(row["planned"])
    return 100 * np.array([sum(sign * of[seed] for sign, of in zip(signs, found, strict=True)) for seed in seeds])


def sizes_of(name):
    """How many images are trained on and validated on where none are left out."""
    (sizes,) = {
        (run["split_sizes"]["train"], run["split_sizes"]["val"])
        for run in lines("study", name)
        if not run["split_sizes"].get("train_per_class")
    }
    return sizes


def interval(gains, overlap):
    n = len(gains)
    half = scipy.stats.t.ppf(0.975, n - 1) * gains.std(ddof=1) * math.sqrt(1 / n + overlap)
    return gains.mean(), gains.mean() - half, gains.mean() + half


def test_every_pair_that_is_told_is_what_the_lines_of_its_records_give():
    told = paired_gains().dropna(subset="gain").to_dict("records")
    assert {(row["tier"], row["part"]) for row in told} >= {("C", "crossed"), ("P", "sizes"), ("F", "primary")}
    for row in told:
        gains, overlap = gains_of(row), 0.0
        if row["tier"] == "P" and math.isnan(row["train_per_class"]):
            train, validation = sizes_of(row["data"])
            overlap = validation / train
        assert len(gains) == row["units"] == row["planned"], row
        expected = interval(gains, overlap)
        assert (row["gain"], row["low"], row["high"]) == pytest.approx(expected, rel=1e-6, abs=1e-9), row
        if row["unit"] == "seed" and " against " not in row["reference"]:
            its = errors(row["reference"], row["data"], row["train_per_class"])
            assert row["error"] == pytest.approx(100 * np.mean([its[seed] for seed in range(row["planned"])])), row


def test_every_gain_by_size_is_what_the_lines_of_its_records_give():
    for row in gains_by_size(comparisons_table(), paired_gains()).to_dict("records"):
        name = row["data"] if row["data"] == "fashion_mnist" else f"{row['data']}+efficientnet_lite0"
        ours, its = (
            errors(arm, name, math.nan if row["whole"] else row["per_class"]) for arm in ("spinal", row["reference"])
        )
        mean, *ends = interval(100 * np.array([its[seed] - ours[seed] for seed in range(30)]), 0.0)
        assert row["gain"] == pytest.approx(mean, rel=1e-6, abs=1e-9), row
        if row["whole"]:
            classes = len(load_facts()[row["data"]]["images_per_class"]["train"])
            assert row["per_class"] == pytest.approx(sizes_of(name)[0] / classes), row
        else:
            assert (row["low"], row["high"]) == pytest.approx(ends, rel=1e-6, abs=1e-9), row
