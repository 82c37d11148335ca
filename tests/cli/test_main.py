import os
import subprocess
import sys
from pathlib import Path

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
        (["train", "--drop-rate", "2"], "drop_rate must be at least 0 and below 1, got 2.0"),
        (["train", "--threads", "0"], "threads must be at least 1, got 0"),
        (["train", "--device", "gpu"], "device 'gpu' cannot be used"),
        (["data", "fetch"], "fetch needs a name"),
        (["data", "fetch", "mars"], "unknown data set 'mars'"),
        (["records", "show", "nowhere"], "no records at 'nowhere'"),
        (["sweep", "tuning", "--time-limit", "-5"], "sweep: time_limit must be above 0 seconds, got -5"),
        (["sweep", "tuning", "--time-limit", "nan"], "sweep: time_limit must be finite, got nan"),
        (["sweep", "tuning", "--tuning", "x", "--tier", "C"], "--tuning"),
        (["sweep", "study", "--tuning", "/nope", "--tier", "R"], "no records at '/nope'"),
        (["sweep", "tuning", "--workers", "0"], "sweep: workers must be at least 1, got 0"),
        (["sweep", "published", "--tier", "W", "--sets", "mnist"], "tier W has no runs of 'published', on mnist"),
        (
            ["sweep", "study", "--tier", "C", "--part", "crossed", "--sets", "kmnist_10k"],
            "tier C has no runs of 'study', part 'crossed', on kmnist_10k",
        ),
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


@pytest.mark.parametrize(
    ("argv", "work"),
    [
        (["train", "--data", "digits", "--backbone", "pixels", "--out"], "study.setup.load_dataset"),
        (["sweep", "published", "--tier", "R", "--engine", "serial", "--out"], "study.sweep.prepare"),
        (["bench", "--out"], "bench.run.print_row"),
        (["report", "regression", "--out"], "show.report.write_report"),
        (["records", "merge", "regression", "--into"], "records.files.merge_records"),
        (["data", "new"], "data.own_sets.write_card"),
        (["data", "measure"], "data.facts.measure_facts"),
    ],
)
@pytest.mark.parametrize("place", ["/proc/x", "a file/x"])
def test_a_place_that_cannot_be_written_is_said_before_the_work(argv, work, place, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"spinalnet_lib.{work}", lambda *args, **kwargs: pytest.fail("worked in vain"))
    monkeypatch.setattr("spinalnet_lib.bench.run.GROUPS", {"cpu": {"one": (lambda: pytest.fail("in vain"),)}})
    if "measure" in argv:
        monkeypatch.setattr("spinalnet_lib.paths.data_path", lambda *parts: Path(place, *parts))
    (tmp_path / "a file").touch()
    assert main(argv if "measure" in argv else [*argv, place]) == 2
    error = capsys.readouterr().err
    assert place in error and error.count("\n") == 1 and ("name another place" in error or "correct the name" in error)
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("data list | cat", 0, "digits"),
        ("data list >&-", 0, ""),
        ("data list >&- 2>&-", 0, ""),
        ("--help > /dev/full", 2, "No space left on device"),
    ],
)
def test_python_m_is_the_same_command_wherever_its_output_goes(command, code, says):
    shell = ["bash", "-c", f"set -o pipefail; {sys.executable} -m spinalnet_lib {command}"]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    run = subprocess.run(shell, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    assert run.returncode == code and says in run.stdout and "Traceback" not in run.stdout
    assert says == "digits" or run.stdout.count("\n") == bool(says)


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
