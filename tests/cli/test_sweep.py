"""Long commands with real processes: training killed and gone on with, a sweep cut off by its time limit and ended."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import pytest

from spinalnet_lib import load_records
from spinalnet_lib.cli.main import main
from spinalnet_lib.records.record import CIRCUMSTANCES

TRAIN = ["train", "--data", "digits", "--backbone", "pixels", "--head", "spinal", "--head-argument", "layer_width=16"]


def results(path):
    return [{k: v for k, v in asdict(r).items() if k not in CIRCUMSTANCES} for r in load_records(path)]


@pytest.mark.processes
def test_training_that_was_killed_goes_on_by_the_same_command(tmp_path):
    command = [*TRAIN, "--epochs", "150", "--batch-size", "100", "--learning-rate", "0.05", "--device", "cpu"]
    command += ["--threads", "1", "--checkpoint-seconds", "0.05", "--evals-per-epoch", "0.1"]
    out = tmp_path / "runs.jsonl"
    process = subprocess.Popen([sys.executable, "-m", "spinalnet_lib", *command, "--out", str(out)])
    saved = tmp_path / ".checkpoints"
    until = time.monotonic() + 60
    while not list(saved.glob("[!.]*.npz")) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists() and list(saved.glob("[!.]*.npz"))
    for path in (out, tmp_path / "whole.jsonl"):
        assert main([*command, "--out", str(path)]) == 0
    assert results(out) == results(tmp_path / "whole.jsonl")
    assert not list(saved.glob("[!.]*.npz"))


def test_recipes_and_what_is_given_instead(tmp_path):
    out = str(tmp_path / "runs.jsonl")
    short = [*TRAIN, "--steps", "3", "--device", "cpu", "--out", out]
    assert main([*short]) == 0
    assert main([*short, "--recipe", "tuned", "--no-fast", "--learning-rate", "0.01"]) == 0
    argv = ["train", "--data", "digits", "--backbone", "pixels", "--head", "mlp", "--steps", "3", "--out", out]
    assert main([*argv, "--head-argument", "hidden_sizes=8,4", "--head-argument", "act_layer=LeakyReLU"]) == 0
    first, tuned, mlp = load_records(out)
    assert (first.recipe["optimizer"], first.n_steps, first.model["head_arguments"]) == ("sgd", 3, {"layer_width": 16})
    assert (tuned.recipe["optimizer"], tuned.recipe["learning_rate"]) == ("adamw", 0.01) and "fast" not in tuned.recipe
    assert mlp.model["head_arguments"] == {"hidden_sizes": [8, 4], "act_layer": "LeakyReLU"}


def test_the_published_recipe_is_the_backbones():
    from spinalnet_lib.cli.main import _parser
    from spinalnet_lib.cli.train import _recipe

    args = _parser().parse_args(["train", "--backbone", "vgg5", "--recipe", "published", "--fast", "--epochs", "2"])
    config = _recipe(args)
    assert (config.learning_rate, config.batch_size, config.epochs, config.fast) == (0.005, 100, 2, True)
    assert config.augmentation


@pytest.mark.parametrize("argument", ["layer_width", "=3", "layer width=3"])
def test_a_head_argument_without_name_or_value_is_refused(argument, capsys):
    with pytest.raises(SystemExit):
        main([*TRAIN, "--head-argument", argument])
    assert "is no argument of a head; write layer_width=16" in capsys.readouterr().err


@pytest.mark.processes
def test_a_sweep_cut_off_by_its_time_limit_ends_with_what_was_left_and_nothing_else(tmp_path, capsys):
    """As a new user would: tier R's first target, cut off after some runs, and the rest by the same command."""
    sweep = ["sweep", "study", "--tier", "R", "--sets", "regression_sum", "--out", str(tmp_path), "--engine", "serial"]
    assert main([*sweep, "--device", "cpu", "--time-limit", "12"]) == 0
    said = capsys.readouterr().out
    done = load_records(tmp_path)
    assert f"{120 - len(done)} runs are left, about" in said and 0 < len(done) < 120
    lines = (tmp_path / "regression_sum.jsonl").read_text()
    assert main([*sweep, "--device", "cpu", "--time-limit", "12"]) == 0
    again = load_records(tmp_path)
    assert f"120 runs, {len(done)} of them in" in capsys.readouterr().out
    assert (tmp_path / "regression_sum.jsonl").read_text().startswith(lines) and len(again) > len(done)
    assert len({record.key for record in again}) == len(again)


@pytest.mark.processes
def test_ctrl_c_ends_the_command_with_a_word_and_whole_records(tmp_path):
    command = [sys.executable, "-m", "spinalnet_lib", "sweep", "study", "--tier", "R", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [*command, "--device", "cpu"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    while not (tmp_path / "regression_sum.jsonl").exists() and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, errors = process.communicate(timeout=10)
    assert process.returncode == 130 and "480 runs, 0 of them" in out
    assert errors == "spinalnet sweep: stopped; finished runs are on disk, start it again to go on\n"
    assert load_records(tmp_path / "regression_sum.jsonl")


def test_a_report_is_written_by_its_command(tmp_path, capsys):
    assert main(["report", "tuning", "--out", str(tmp_path)]) == 0
    assert "written to" in capsys.readouterr().out and (tmp_path / "report.md").is_file()
