"""The bar of a run: counts steps, shows what was found, and without tqdm prints lines."""

import sys

from spinalnet_lib.training.progress import Progress

POINT = {"step": 2, "train_loss": 0.5, "val_error": 0.0321}


def test_it_counts_from_where_a_run_goes_on_and_shows_the_validation_error(capsys):
    bar = Progress(1, 3, True, "spinal, seed 0")
    steps = []
    for step in bar:
        steps.append(step)
        bar.evaluated(POINT)
    assert steps == [1, 2]
    shown = capsys.readouterr().err
    assert "spinal, seed 0" in shown and "loss 0.5, validation error 3.21%" in shown


def test_regressions_and_divergence_are_named(capsys):
    bar = Progress(0, 1, True, "mlp")
    for _ in bar:
        bar.evaluated({"step": 1, "train_loss": None, "val_mse": 0.25})
    assert "diverged, validation MSE 0.25" in capsys.readouterr().err


def test_without_tqdm_it_prints_a_line_an_evaluation(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    bar = Progress(0, 2, True, "mlp")
    for _ in bar:
        bar.evaluated(POINT)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "mlp: 2 steps" and lines[1] == "mlp, step 2 of 2: loss 0.5, validation error 3.21%"


def test_it_is_silent_unless_asked(capsys):
    bar = Progress(0, 2, False, "mlp")
    for _ in bar:
        bar.evaluated(POINT)
    assert capsys.readouterr() == ("", "")
