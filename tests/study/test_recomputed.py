"""Every comparison that is told is computed anew from the lines of its records: the plan's sums, by numpy and scipy alone.

Of the library are only the comparisons' names and what they found. Which runs belong to a comparison is told by their lines:
by head and sizes, and by the setting with the lowest loss of the search's lines.
"""

import math
import re

import numpy as np
import pytest
import scipy.stats

from spinalnet_lib import comparison_verdicts
from spinalnet_lib.data.regression import TARGETS, regression_data
from tests.study.raw_runs import differences, error, lines, tuned

CNN = {"NIST": ("mnist", "emnist_letters", "emnist_balanced_reduced"), "Fashion": ("fashion_mnist",)}
CNN |= {"Kuzushiji": ("kmnist_10k",)}
NAME = re.compile(r"(\w+) ([\w+]+)(?:, width (\d+))?, (\w+), (\w+) against (\w+)")
PILOTS = range(1002, 1010)


def published(folder, name, head):
    return {
        run["seed"]: run
        for run in lines(folder, name)
        if run["model"]["head"] == head and run["recipe"]["optimizer"] == "sgd"
    }


def log_error(run):
    """Half an image where there is no error."""
    return math.log(max(error(run), 0.5 / run["split_sizes"]["test"]))


def log_squared_error(run):
    """A run that diverged has the error of the training labels' mean."""
    if not run["diverged"] and run["test"]["last_mse"] is not None:
        return math.log(run["test"]["last_mse"])
    data = regression_data(run["dataset"], run["seed"])
    labels = [np.asarray(part.labels, float) for part in (data.train, data.test)]
    return math.log(np.square(labels[1] - labels[0].mean()).mean())


def log_ratio(run):
    """The last layer's gradient norm over the first one's; none is below the plan's floor."""
    norms = [max(norm or 0.0, 1e-100) for norm in run["curve"][-1]["gradient_norms"]]
    return math.log(norms[-1] / norms[0])


def of_the_cnn(family, recipe, arm, reference):
    """Gains, of several sets as shares of the reference's validation error in the pilots; thirty more where they are needed."""
    sizes = {"spinal": 8, "mlp_matched": 8, "mlp": 50}

    def runs(folder, name, head):
        return published(folder, name, head) if recipe == "published" else tuned(folder, name, head, sizes[head])

    def gains(seeds):
        found = []
        for name in CNN[family]:
            of_heads = {
                head: runs("published" if recipe == "published" else "study", name, head) for head in (arm, reference)
            }
            gain = differences(of_heads, arm, reference, seeds)
            found.append(gain / levels[name] if len(CNN[family]) > 1 else gain)
        return np.mean(found, axis=0)

    pilots = {name: runs("power", name, reference) for name in CNN[family]}
    levels = {name: np.mean([of[seed]["curve"][-1]["val_error"] for seed in PILOTS]) for name, of in pilots.items()}
    if recipe == "published":
        return gains(range(10)), 3, 0.0
    first = gains(range(30))
    delta = 0.1 * (1 if len(levels) > 1 else levels[CNN[family][0]])
    if reference == "mlp_matched" and half_width(first, 3, 0.0) > delta:
        return gains(range(60)), 3, 0.0
    return first, 3, 0.0


def of_widths(name, width, arm, reference):
    runs = {head: tuned("study", name, head, width) for head in (arm, reference)}
    return differences(runs, arm, reference, range(10), log_error), 2, 0.0


def of_features(family, arm, reference):
    """The seeds draw from one pool of images."""
    name = f"{family}+efficientnet_lite0"
    runs = {head: tuned("study", name, head, 20) for head in (arm, reference)}
    sizes = runs[arm][0]["split_sizes"]
    return differences(runs, arm, reference, range(30)), 4, sizes["val"] / sizes["train"]


def of_functions(name, recipe, arm, reference):
    runs = {}
    for run in lines("regression" if recipe == "published" else "study", name):
        runs.setdefault(run["model"]["head"], {})[run["seed"]] = run
    return differences(runs, arm, reference, range(30, 60), log_squared_error), len(TARGETS), 0.0


def of_chains(name, arm, reference):
    runs = {}
    for run in lines("study", name):
        if "gradient_norms" in run["curve"][-1]:
            runs.setdefault(run["model"]["head"], {})[run["seed"]] = run
    return differences(runs, arm, reference, range(10), log_ratio), 1, 0.0


def half_width(gains, families, overlap):
    n = len(gains)
    return scipy.stats.t.ppf(1 - 0.025 / families, n - 1) * gains.std(ddof=1) * math.sqrt(1 / n + overlap)


def recomputed(name):
    """Gains, families and overlap of a comparison; a tier without a rule of its own fails."""
    tier, data, width, recipe, *heads = NAME.fullmatch(name).groups()
    rules = {
        "C": lambda: of_the_cnn(data, recipe, *heads),
        "W": lambda: of_widths(data, int(width), *heads),
        "P": lambda: of_features(data, *heads),
        "R": lambda: of_functions(data, recipe, *heads),
        "D4": lambda: of_chains(data, *heads),
    }
    return rules[tier]()


def named(delta, wide, narrow):
    """The plan's table, its rows from above."""
    (low, high), inner = wide, max(map(abs, narrow))
    rows = (
        (low > delta, "better, matters"),
        (high < -delta, "worse, matters"),
        (inner < delta, "equivalent"),
        (low > 0, "better, size open"),
        (high < 0, "worse, size open"),
    )
    return next((name for holds, name in rows if holds), "open")


def test_every_comparison_that_is_told_is_what_the_lines_of_its_records_give():
    parts = {part.name: part for part in comparison_verdicts()}
    told = {name: part.verdict for name, part in parts.items() if part.verdict.name != "untested"}
    assert {*told} >= {name for name in parts if name.split()[0] in ("C", "W", "P", "R", "D4")}
    for name, found in told.items():
        gains, families, overlap = recomputed(name)
        half = half_width(gains, families, overlap)
        expected = (gains.mean(), gains.mean() - half, gains.mean() + half)
        level = 0.05 / families  # of the narrower interval each side, of half of it for the wide one
        narrow = scipy.stats.t.ppf(1 - level, len(gains) - 1) * gains.std(ddof=1) * math.sqrt(1 / len(gains) + overlap)
        ends = gains.mean() - narrow, gains.mean() + narrow
        assert found.narrow_interval == pytest.approx(ends, rel=1e-6, abs=1e-9), name
        assert found.name == named(parts[name].delta, expected[1:], ends) or found.name == "too small to judge", name
        assert found.units == len(gains), name
        assert (found.mean, *found.interval) == pytest.approx(expected, rel=1e-6, abs=1e-9), name
