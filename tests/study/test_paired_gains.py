"""Exploratory pairs: each gain and interval against numpy and scipy, and none of what is blind or incomplete."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spinalnet_lib import paired_gains
from spinalnet_lib.study.cells import list_cells
from spinalnet_lib.study.tiers import TIERS
from spinalnet_lib.study.tuning import drop_rate
from spinalnet_lib.training.recipes import TUNING_SEEDS
from tests.study.cases import comparison, complete, ended_search, own_results, recorded, run_of

FASHION = [comparison(f"C Fashion, tuned, spinal against {head}") for head in ("mlp_matched", "mlp")]
CIFAR = [comparison(f"P cifar10, tuned, spinal against {head}") for head in ("mlp_matched", "linear")]
DROPOUT = "spinal, dropout 0.5 against spinal, dropout 0"


def interval(gains, overlap=0.0):
    n = len(gains)
    half = stats.t.ppf(0.975, n - 1) * np.std(gains, ddof=1) * np.sqrt(1 / n + overlap)
    return np.mean(gains), np.mean(gains) - half, np.mean(gains) + half


def told(frame, **place):
    """The gain and its interval in the only row with these fields."""
    for name, value in place.items():
        frame = frame[frame[name] == value]
    (row,) = frame.to_dict("records")
    assert row["units"] == row["planned"]
    return row["gain"], row["low"], row["high"]


def together(*several):
    """Runs, each once, the later ones first."""
    return list({run.key: run for records in several for run in records}.values())


@pytest.fixture
def gains(monkeypatch, tmp_path):
    """`paired_gains` where the searches among these records are all that the project has of its own."""

    def gains(records, **options):
        found = [run for run in records if run.seed in TUNING_SEEDS]
        own_results(monkeypatch, tmp_path, tuning=found)
        return paired_gains(records, **options)

    return gains


@pytest.fixture(scope="module")
def crossed(record):
    """An open cell of the plan, and the two by two on its set, where dropout gains more in the spine; by head, rate, seed."""
    known = complete(record, FASHION, 0.03)
    cells = list_cells("study", "C", known, ["fashion_mnist"], part="crossed")
    errors, runs = {}, []
    for cell in cells:
        rate = drop_rate(*recorded(record, [cell]))
        gained = (0.02 if cell.head == "spinal" else 0.005) * (rate > 0)
        error = 0.1 - gained - 0.01 * (cell.head == "spinal") + 0.001 * ((cell.seed * (1 + 2 * (rate > 0))) % 5)
        errors[cell.head, rate, cell.seed] = error
        runs.append(run_of(record, cell, error))
    return known, runs, errors


def test_the_two_by_two_has_its_heads_its_dropout_and_how_they_meet(crossed, gains):
    known, runs, errors = crossed
    frame = gains(together(known, runs))
    of = {(h, r): 100 * np.array([errors[h, r, s] for s in range(10)]) for h in ("spinal", "mlp") for r in (0.0, 0.5)}
    expected = {
        ("spinal, dropout 0", "mlp, dropout 0"): of["mlp", 0.0] - of["spinal", 0.0],
        ("spinal, dropout 0.5", "mlp, dropout 0.5"): of["mlp", 0.5] - of["spinal", 0.5],
        ("spinal, dropout 0", "mlp, dropout 0.5"): of["mlp", 0.5] - of["spinal", 0.0],
        ("spinal, dropout 0.5", "spinal, dropout 0"): of["spinal", 0.0] - of["spinal", 0.5],
        (DROPOUT, DROPOUT.replace("spinal", "mlp")): of["spinal", 0.0]
        - of["spinal", 0.5]
        - of["mlp", 0.0]
        + of["mlp", 0.5],
    }
    for (arm, reference), values in expected.items():
        assert told(frame, part="crossed", arm=arm, reference=reference) == pytest.approx(interval(values), abs=1e-9)


def test_of_what_lacks_a_run_only_the_count_is_told_and_of_what_is_blind_nothing(crossed, gains):
    known, runs, _ = crossed
    frame = gains(together(known, runs[:-1]))
    lacking = frame[(frame.part == "crossed") & (frame.units < frame.planned)]
    assert len(lacking) and lacking[["gain", "low", "high"]].isna().all(axis=None)
    searches = [run for run in known if run.tuning_id is None]
    assert gains(together(searches, runs)).empty


def test_an_ablation_is_paired_with_the_same_seeds_of_the_spine(record, gains):
    known = complete(record, FASHION, 0.03)
    cells = list_cells("study", "C", known, ["fashion_mnist"], part="ablations")
    ablated = [cell for cell in cells if cell.head == "spinal_last"]
    frame = gains(together(known, [run_of(record, cell, 0.09) for cell in ablated]))
    spine = np.array([0.1 - 0.03 - 0.002 * (seed % 2 * 2 - 1) for seed in range(10)])
    for reference in ("spinal_last", "spinal_last, as large as spinal"):
        found = told(frame, arm="spinal", reference=reference, data="fashion_mnist")
        assert found == pytest.approx(interval(100 * (0.09 - spine)), abs=1e-9)


def test_the_direct_line_is_set_against_the_larger_spine_as_its_prediction_says(record, gains):
    known = complete(record, FASHION, 0.03)
    cells = list_cells("study", "C", known, ["fashion_mnist"], part="ablations")
    errors = {"spinal_direct": 0.07, "spinal_big": 0.08}
    runs = [run_of(record, c, errors[c.head] + 0.001 * (c.seed % 2)) for c in cells if c.head in errors]
    frame = gains(together(known, runs))
    found = told(frame, arm="spinal_direct", reference="spinal_big", data="fashion_mnist")
    assert found == pytest.approx((1, 1, 1), abs=1e-9)


def test_the_unit_of_tier_f_is_a_body_whose_heads_count_as_their_mean(record, gains):
    searches = ended_search(record, "mnist", tier="F")

    def error(cell):
        body = int(cell.dataset.rpartition("-")[2])
        return (
            0.1 + 0.01 * (cell.seed - 2) - (0.01 + 0.004 * (body % 3)) * (cell.head == "spinal") * (1 + cell.seed / 2)
        )

    opened = complete(
        record, [comparison("C NIST, tuned, spinal against mlp_matched")], 0.0
    )  # the cell on these images
    cells = list_cells("study", "F", searches, ["mnist"])
    runs = [run_of(record, cell, error(cell)) for cell in cells]
    assert gains([*searches, *runs]).empty
    frame = gains([*searches, *opened, *runs])
    for trained, bodies in (("linear", range(100, 108)), ("spinal", range(100, 103))):
        of_body = [
            100 * (0.01 + 0.004 * (body % 3)) * 2 for body in bodies
        ]  # the mean of 1 + seed / 2 over five seeds is 2
        for reference in ("mlp_matched", "mlp", "linear"):
            row = {"tier": "F", "data": f"mnist+trained:two_conv-{trained}", "reference": reference, "unit": "body"}
            assert told(frame, **row) == pytest.approx(interval(of_body), abs=1e-9)
    again = [replace(run, dataset_sha256="0" * 64, key=run.key[::-1]) for run in runs]
    with pytest.raises(ValueError, match=r"paired_gains: mnist.* two states of the data"):
        gains([*searches, *opened, *runs, *again])


def test_tier_p_has_its_sizes_and_its_wider_spine_as_wide_as_overlapping_draws(record, gains):
    known = complete(record, CIFAR, 0.03)
    cells = list_cells("study", "P", known, ["cifar10"], part="sizes")
    wave = 0.001 * (np.arange(30) % 4)
    runs = [run_of(record, cell, 0.2 - (0.05 + wave[cell.seed]) * (cell.head == "spinal")) for cell in cells]
    frame = gains(together(known, runs))
    for count in (5, 50, 200, 1000):
        found = told(frame, tier="P", train_per_class=count, arm="spinal", reference="linear")
        assert found == pytest.approx(interval(100 * (0.05 + wave)), abs=1e-9)
    sizes = runs[0].split_sizes
    found = told(frame, tier="P", arm="spinal, width 128", reference="linear")
    expected = interval(100 * (0.1 - 0.2 + 0.05 + wave), sizes["val"] / sizes["train"])
    assert found == pytest.approx(expected, abs=1e-9)


def test_validation_errors_are_read_where_they_are_asked_for(crossed, gains):
    known, runs, _ = crossed
    turned = [replace(run, curve=[*run.curve[:-1], {**run.last, "val_error": 0.3}]) for run in runs]
    frame = gains(together(known, turned), validation=True)
    assert told(frame, part="crossed", arm="spinal, dropout 0", reference="mlp, dropout 0.5") == (0, 0, 0)


def test_every_arm_that_no_comparison_judges_stands_in_a_pair(record, gains):
    """All arms of the ablations against the spine, by their heads."""
    known = complete(record, FASHION, 0.03)
    cells = list_cells("study", "C", known, ["fashion_mnist"], part="ablations")
    frame = gains(together([run_of(record, cell, 0.1) for cell in cells], known))
    heads = {head for runs in TIERS["C"].runs if runs.part == "ablations" for head in runs.heads("two_conv")}
    assert {*frame[frame.part == "ablations"].reference.str.partition(",")[0]} == heads - {"linear"}


def test_runs_of_another_device_are_no_partners(crossed, gains):
    """The pair of dropout in the dense head: on a second machine all its runs but one, with other errors."""
    known, runs, errors = crossed
    values = [100 * (errors["mlp", 0.0, seed] - errors["mlp", 0.5, seed]) for seed in range(10)]
    pair = {"part": "crossed", "arm": "mlp, dropout 0.5", "reference": "mlp, dropout 0"}
    dense = [run for run in runs if run.head == "mlp"]
    elsewhere = [replace(run, threads=9, key=run.key[::-1], test=dense[0].test) for run in dense[1:]]
    found = told(gains(together(known, runs, elsewhere)), **pair)
    assert found == pytest.approx(interval(values), abs=1e-9)
