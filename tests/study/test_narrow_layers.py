"""C8 on one set, from made-up runs: what breaks its state is found, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from spinalnet_lib.study.comparisons import COMPARISONS, planned_cells
from spinalnet_lib.study.narrow_layers import narrowing
from tests.study.cases import complete, ended_search, run_of

pytestmark = pytest.mark.usefixtures("no_data")

WIDTHS = sorted(
    (c for c in COMPARISONS if (c.tier, c.family, c.reference) == ("W", "mnist", "mlp")), key=lambda c: c.width
)


@pytest.fixture(scope="module")
def base(record):
    """The runs of the primary cell that opens the set, and the searches."""
    primary = complete(record, [c for c in COMPARISONS if c.name.startswith("C NIST, tuned")], 0.0)
    return primary, ended_search(record, "mnist", "emnist_letters", "emnist_balanced_reduced")


def records_with(record, base, gain, level=lambda seed: 1.0):
    """Runs of both arms at all widths; `gain(width, seed)` is how much lower the error of `spinal` is, at level 1."""
    primary, searches = base
    runs = {run.key: run for run in primary}
    for each in WIDTHS:
        for (head, _, seed), cell in planned_cells(each, each.seeds, searches).items():
            run = run_of(record, cell, level(seed) * (0.1 - (head == "spinal") * gain(each.width, seed)))
            runs[run.key] = run
    return list(runs.values())


def changed(found):
    return {what for what, state in found.sensitivity.items() if state != found.state}


def test_a_clear_narrowing_survives_all_of_it(record, base):
    found = narrowing(WIDTHS, records_with(record, base, lambda width, seed: 0.07 / width + 0.002 * (seed % 2)))
    assert found.state == "holds" and found.slope[2] < 0 and changed(found) == set()
    assert len(found.sensitivity) == 2 + 1 + 2 + 1 + 1 + 5 + 5  # δ, level, pools, pairs, validation, seeds, widths


def test_it_waits_for_every_width(record, base):
    runs = records_with(record, base, lambda width, seed: 0.07 / width)
    lost = next(run for run in runs if run.model["head_arguments"].get("layer_width") == 64 and run.head == "spinal")
    assert narrowing(WIDTHS, [run for run in runs if run is not lost]) is None


def test_a_width_and_seeds_that_carry_it_alone_are_named(record, base):
    by_width = narrowing(
        WIDTHS, records_with(record, base, lambda width, seed: 0.03 - 0.1 * (width == 64) + 0.002 * (seed % 2))
    )
    assert by_width.state == "holds" and changed(by_width) == {"without width 64"}
    by_seed = narrowing(
        WIDTHS,
        records_with(record, base, lambda width, seed: 0.03 / width + (width == 2) * (0.04 if seed < 8 else -0.2)),
    )
    assert "without seeds 8 to 9" in changed(by_seed)


def test_validation_that_says_otherwise_and_a_larger_delta_are_seen(record, base):
    runs = records_with(record, base, lambda width, seed: 0.026 / width + 0.001 * (seed % 2))
    assert "δ of 20 %" in changed(narrowing(WIDTHS, runs))

    def turned(run):
        if run.head != "spinal" or run.test is None:
            return run
        return replace(run, curve=[*run.curve[:-1], {**run.last, "val_error": 0.2}])

    found = narrowing(WIDTHS, list(map(turned, runs)))
    assert found.sensitivity["validation instead of test"] == "contradicted" != found.state
    diverged = replace(runs[-1], curve=[*runs[-1].curve[:-1], {**runs[-1].last, "val_error": None}])
    found = narrowing(WIDTHS, [*runs[:-1], diverged])
    assert found.sensitivity["validation instead of test"] == "untested" and np.isfinite(found.slope).all()


def test_what_pairs_and_pools_hide_is_read_beside(record, base):
    """Both arms move together with the seed, which pairs take away; the gains' small spread may still be one of the pool."""
    runs = records_with(
        record, base, lambda width, seed: 0.05 / width + 0.01 * (seed % 2), lambda seed: 1 + 2 * (seed % 3)
    )
    found = narrowing(WIDTHS, runs)
    assert found.state == "holds" and found.sensitivity["each seed against the next one"] == "open"
    assert found.sensitivity["training images of another pool"] == "open"
