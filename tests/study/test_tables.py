"""The tables say what `judge` and the power runs say, and of a comparison that lacks runs nothing else than how many."""

import math

import numpy as np
import pytest
from scipy.stats import t

from spinalnet_lib import comparison_verdicts, comparisons_table, power_table
from spinalnet_lib.study import gate
from spinalnet_lib.study.comparisons import COMPARISONS
from spinalnet_lib.study.power import RIGHT, VERDICTS
from tests.study.cases import comparison, ended_search, own_results, power_runs, runs_of

SPREAD, PILOT = np.tile([-0.002, 0.002], 15), np.tile([-0.002, 0.002], 4)  # whole images of the made-up sets
INTERVALS = ["gain", "low", "high", "narrow_low", "narrow_high"]


@pytest.fixture(scope="module")
def pair():
    return comparison("C Fashion, tuned, spinal against mlp_matched")


@pytest.fixture(scope="module")
def known(record, pair):
    searches = ended_search(record, "fashion_mnist")
    return searches, [*searches, *power_runs(record, pair, PILOT, searches)]


def row_of(table, pair):
    return table.set_index("name").loc[pair.name]


def test_the_committed_table_is_that_of_the_verdicts():
    table, parts = comparisons_table(), comparison_verdicts()
    assert list(table["name"]) == [each.name for each in COMPARISONS] == [part.name for part in parts]
    assert list(table["verdict"]) == [part.verdict.name for part in parts]
    done = table[table["verdict"] != "untested"]
    assert len(done) >= 8 and (done["units"] == done["planned"]).all()
    for name in ("gain", "narrow_low", "narrow_high"):
        assert (done["low"] <= done[name]).all() and (done[name] <= done["high"]).all()
    assert table.loc[table["verdict"] == "untested", INTERVALS].isna().all(axis=None)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_pair_has_a_gain_once_its_last_run_is_there(record, pair, known, missing):
    searches, records = known
    runs = runs_of(record, pair, SPREAD + 0.02, searches)
    row = row_of(comparisons_table([*records, *runs[missing:]]), pair)
    assert (row["units"], row["planned"], row["delta"]) == (30 - missing, 30, pytest.approx(0.01))
    if missing:
        assert row["verdict"] == "untested" and row[INTERVALS].isna().all()
    else:
        assert row["verdict"] == "better, matters" and row["gain"] == pytest.approx(0.02)
        half = t.isf(0.025 / 3, 29) * SPREAD.std(ddof=1) / math.sqrt(30)
        assert row["high"] - row["gain"] == pytest.approx(half, rel=1e-4)


def test_the_pilot_lets_expect_a_width_whatever_its_mean(record, pair, known):
    searches, records = known
    half = t.isf(0.025 / 3, 29) * PILOT.std(ddof=1) / math.sqrt(30)
    assert row_of(comparisons_table(records), pair)["expected"] == pytest.approx(half / 0.01, rel=1e-4)
    moved = [*searches, *power_runs(record, pair, PILOT + 0.03, searches)]
    assert comparisons_table(moved).equals(comparisons_table(records))
    assert np.isnan(row_of(comparisons_table(searches), pair)["expected"])


def test_power_is_that_of_the_file_with_the_share_of_its_drill(record, pair, known, tmp_path, monkeypatch):
    searches, records = known
    own_results(monkeypatch, tmp_path, tuning=searches, power=records[len(searches) :])
    monkeypatch.setattr(gate, "data_path", lambda *parts: tmp_path.joinpath(*parts))
    assert power_table().empty and {"name", "tier", "right", "drilled"} <= {*power_table().columns}
    written = gate.write_power(records, repeats=2)[pair.name]
    table = power_table()
    assert set(table["name"]) == {pair.name} and len(table) == len(written["power"]) == 9
    for row, told in zip(table.to_dict("records"), written["power"], strict=True):
        assert {name: row[name] for name in ("effect", "sd_is", "sd", "right", *VERDICTS)} == told
        shares = written["drill"]["shares"][f"{row['effect']:g}"]
        drilled = shares.get(RIGHT[row["effect"]], 0.0) if row["sd_is"] == "estimate" else math.nan
        assert row["drilled"] == pytest.approx(drilled, nan_ok=True)
