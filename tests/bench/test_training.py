import pytest

from spinalnet_lib import TrainConfig
from spinalnet_lib.bench import training
from spinalnet_lib.study.cell import Cell
from tests.bench.cases import names, replace_clock, some_images


def test_a_race_is_a_ratio_of_whole_runs_and_says_what_is_a_bound(monkeypatch):
    monkeypatch.setattr(training, "load_dataset", lambda name: some_images(64))
    monkeypatch.setattr(training, "GOAL", 0.02)
    (row,) = training.race_rows(pairs=1)
    assert row["ratio"] > 0 and "a bound" not in row["peer"] and row["promised"] == 0.2
    monkeypatch.setattr(training, "evaluate", lambda *args: (0.0, None))
    (row,) = training.race_rows(pairs=1, patience=0.01)
    assert "in 1 of 1 races: a bound" in row["peer"]
    monkeypatch.setattr(training, "GOAL", 0.9999)
    with pytest.raises(RuntimeError, match="the race is lost"):
        list(training.race_rows(pairs=1))


def test_augmentation_and_records_have_their_rows(monkeypatch):
    replace_clock(monkeypatch, training)
    monkeypatch.setattr(training, "RECORDS", 3)
    assert len(names([*training.augmentation_rows(), *training.record_rows()])) == 3


@pytest.mark.processes
def test_a_sweep_in_two_processes_is_measured_against_half_of_one():
    recipe = TrainConfig(steps=1, batch_size=100)
    cells = [Cell("digits", "pixels", "spinal", seed, recipe, {"layer_width": 4}) for seed in range(2)]
    (row,) = training.sweep_rows(1, cells)
    assert row["name"].startswith("sweep of 2 runs") and row["ratio"] > 0
