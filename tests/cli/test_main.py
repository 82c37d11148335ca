import os
import subprocess
import sys
import time

import pytest

from spinalnet_lib import load_records
from spinalnet_lib.cli.main import main
from tests.data.cases import write_classes

RUN = ["train", "--data", "mnist_5k", "--steps", "10", "--threads", "1", "--device", "cpu"]


def test_train_writes_records_and_skips_finished_runs(tmp_path, capsys):
    out = str(tmp_path / "runs.jsonl")
    assert main([*RUN, "--seeds", "0-1", "--out", out]) == 0
    assert [r.seed for r in load_records(out)] == [0, 1]
    assert main([*RUN, "--seeds", "0-2", "--out", out]) == 0
    assert [r.seed for r in load_records(out)] == [0, 1, 2]
    assert capsys.readouterr().out.count("already in") == 2
    assert main([*RUN, "--classifier-drop-rate", "0.5", "--out", out]) == 0
    assert load_records(out)[-1].arm == "spinal, dropout 0.5"
    assert main(["records", "show", out]) == 0
    assert "validation error" in capsys.readouterr().out
    assert main(["records", "check", out]) == 0 and main(["records", "check"]) == 0
    assert "4 records, sound" in capsys.readouterr().out
    into = str(tmp_path / "all.jsonl")
    assert main(["records", "merge", out, "--into", into]) == 0 and len(load_records(into)) == 4
    (tmp_path / "all.jsonl").write_text("{broken}\n")
    assert main(["records", "check", into]) == 2
    errors = capsys.readouterr().err
    assert "line 1 is damaged" in errors and "1 problems, 0 sound records" in errors


def test_photographs_are_trained_at_the_size_that_the_body_reads(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    write_classes(tmp_path / "leaves", ["ash", "elm"], 12)
    assert main(["data", "new", str(tmp_path / "leaves")]) == 0
    command = [
        "train",
        "--data",
        "leaves",
        "--backbone",
        "cifar_cnn",
        "--epochs",
        "1",
        "--out",
        str(tmp_path / "x.jsonl"),
    ]
    assert main([*command, "--size", "16"]) == 2
    assert "'cifar_cnn' reads images of 32 × 32, got image_size=16; leave it out" in capsys.readouterr().err
    assert main(command) == 0
    (record,) = load_records(tmp_path / "x.jsonl")
    assert (record.dataset, record.dataset_source, record.model["num_classes"]) == ("leaves", "packed", 2)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["train", "--head", "spinl"], "unknown head 'spinl'; did you mean 'spinal'"),
        (["train", "--head", "mlp_matched"], "needs layer_width; pass, say, layer_width=64; here as --head-argument"),
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


def test_a_folder_that_cannot_be_written_is_one_line_and_costs_no_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("spinalnet_lib.training.loop.train", lambda *args, **kwargs: pytest.fail("trained in vain"))
    (tmp_path / "file").write_text("")
    assert main([*RUN, "--out", str(tmp_path / "file" / "runs.jsonl")]) == 2
    error = capsys.readouterr().err
    assert "file" in error and error.count("\n") == 1 and "Traceback" not in error


def test_the_limit_of_a_sweep_counts_from_its_start(monkeypatch):
    began, start = [], time.monotonic()
    monkeypatch.setattr("spinalnet_lib.machine.TimeLimit", lambda seconds, began_at: began.append(began_at) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["sweep", "study", "--tier", "R", "--engine", "serial", "--time-limit", "5"])
    assert start <= began[0] < start + 0.5


def test_wrong_rates_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--drop-rate", "0.1,x"])
    assert "'0.1,x' is no rate; write 0.5" in capsys.readouterr().err


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


@pytest.mark.parametrize("seeds", ["a", "3-1", "-2"])
def test_wrong_seeds_are_refused(seeds, capsys):
    with pytest.raises(SystemExit):
        main(["train", "--seeds", seeds])
    assert "seeds" in capsys.readouterr().err


@pytest.mark.processes
def test_python_m_is_the_same_command():
    run = subprocess.run([sys.executable, "-m", "spinalnet_lib", "data", "list"], capture_output=True, text=True)
    assert run.returncode == 0 and "digits" in run.stdout
