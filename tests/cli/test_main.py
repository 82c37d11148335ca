import os
import subprocess
import sys

import pytest

from spinalnet_lib.cli.main import main


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["train", "--head", "spinl"], "unknown head 'spinl'; did you mean 'spinal'"),
        (
            ["train", "--head", "mlp_matched"],
            "'mlp_matched' needs layer_width; pass layer_width=...; here as --head-argument",
        ),
        (["train", "--backbone", "nope"], "unknown backbone 'nope'"),
        (["train", "--checkpoint-seconds", "-1"], "checkpoint_seconds must be at least 0, got -1"),
        (["train", "--steps", "-3"], "steps must be at least 1, got -3"),
        (["train", "--steps", "-3", "--recipe", "tuned"], "steps must be at least 1, got -3"),
        (["train", "--data", "minst"], "did you mean 'mnist'"),
        (["train", "--epochs", "0"], "epochs must be at least 1, got 0"),
        (["train", "--drop-rate", "2"], "drop_rate must be at least 0 and below 1, got 2.0"),
        (["train", "--threads", "0"], "--threads must be at least 1, got 0"),
        (["train", "--device", "gpu"], "device 'gpu' cannot be used"),
        (["data", "fetch"], "fetch needs a name"),
        (["data", "fetch", "mars"], "unknown data set 'mars'"),
        (["records", "show", "nowhere"], "no records at 'nowhere'"),
        (
            ["records", "merge", "regression", "--into", "/proc/x"],
            "/proc/x: No such file or directory; correct the name",
        ),
        (["report", "regression", "--out", "/proc/x"], "/proc/x: No such file or directory; correct the name"),
        (["sweep", "tuning", "--time-limit", "-5"], "sweep: time_limit must be above 0 seconds, got -5"),
        (["sweep", "tuning", "--time-limit", "nan"], "sweep: time_limit must be finite, got nan"),
        (["sweep", "tuning", "--tuning", "x", "--tier", "C"], "--tuning is for the study"),
        (["sweep", "study", "--tuning", "/nope", "--tier", "R"], "no records at '/nope'"),
        (["sweep", "tuning", "--workers", "0"], "sweep: workers must be at least 1, got 0"),
        (["sweep", "tuning", "--tier", "R"], "tier R has no runs of 'tuning'"),
        (["sweep", "published", "--tier", "C", "--sets", "mnist"], "tier C has no runs of 'published'"),
        (["sweep", "study", "--data", "/nope"], "the data root '/nope' is no folder"),
        (["sweep", "study", "--sets", "mnits", "--device", "cpu"], "no tier for a cpu has mnits; name the tier"),
        (["sweep", "studdy", "--tier", "R"], "unknown study 'studdy'; did you mean 'study'"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_two_and_leave_nothing(argv, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    assert not list(tmp_path.iterdir())
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1 and "Traceback" not in error
    assert f"{argv[0]}: {argv[0]}:" not in error


@pytest.mark.processes
def test_python_m_is_the_same_command():
    run = subprocess.run([sys.executable, "-m", "spinalnet_lib", "data", "list"], capture_output=True, text=True)
    assert run.returncode == 0 and "digits" in run.stdout


@pytest.mark.processes
@pytest.mark.parametrize(
    ("command", "unbuffered"),
    [("records show first_training", "1"), ("records show first_training", ""), ("--help", "")],
)
def test_a_reader_that_has_enough_ends_the_command_in_silence(command, unbuffered):
    """As `| head -1` does, once it has closed its end of the pipe."""
    read, write = os.pipe()
    os.close(read)
    program = [sys.executable, "-m", "spinalnet_lib", *command.split()]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    run = subprocess.run(program, stdout=write, stderr=subprocess.PIPE, text=True, env=environment)
    os.close(write)
    assert (run.returncode, run.stderr) == (141, "")
