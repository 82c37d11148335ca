import subprocess
import sys

import pytest

from spinalnet_lib import load_records
from spinalnet_lib.cli import main

RUN = ["train", "--data", "mnist_5k", "--epochs", "1", "--threads", "1", "--device", "cpu"]


def test_train_writes_records_and_skips_finished_runs(tmp_path, capsys):
    out = str(tmp_path / "runs.jsonl")
    assert main([*RUN, "--seeds", "0-1", "--out", out]) == 0
    assert [r.seed for r in load_records(out)] == [0, 1]
    assert main([*RUN, "--seeds", "0-2", "--out", out]) == 0
    assert [r.seed for r in load_records(out)] == [0, 1, 2]
    assert capsys.readouterr().out.count("already in") == 2
    assert main([*RUN, "--classifier-drop-rate", "0.5", "--out", out]) == 0
    assert load_records(out)[-1].arm == "spinal, dropout 0.5"
    assert main(["records", out]) == 0
    assert "validation error" in capsys.readouterr().out


def test_data_list_says_what_is_here(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    assert str(tmp_path) in out and "mnist_5k   here" in out and "mnist      missing" in out


def test_fetch_of_an_embedded_set_verifies_it(capsys):
    assert main(["data", "fetch", "digits"]) == 0
    assert "digits: 1199 train, 239 validation, 359 test images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["train", "--head", "spinl"], "the paper has no head 'spinl'"),
        (["train", "--data", "minst"], "did you mean 'mnist'"),
        (["train", "--epochs", "0"], "epochs must be at least 1, got 0"),
        (["train", "--drop-rate", "2"], "drop_rate must be at least 0 and below 1, got 2.0"),
        (["train", "--threads", "0"], "--threads must be at least 1, got 0"),
        (["train", "--device", "gpu"], "device 'gpu' cannot be used"),
        (["data", "fetch"], "fetch needs a name"),
        (["data", "fetch", "mars"], "unknown data set 'mars'"),
        (["records", "nowhere"], "no records at 'nowhere'"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_two_and_leave_nothing(argv, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    assert not list(tmp_path.iterdir())
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1 and "Traceback" not in error


def test_a_folder_that_cannot_be_written_is_one_line_and_costs_no_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("spinalnet_lib.training.train", lambda *args, **kwargs: pytest.fail("trained in vain"))
    (tmp_path / "file").write_text("")
    assert main([*RUN, "--out", str(tmp_path / "file" / "runs.jsonl")]) == 2
    error = capsys.readouterr().err
    assert "file" in error and error.count("\n") == 1 and "Traceback" not in error


def test_wrong_rates_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--drop-rate", "0.1,x"])
    assert "'0.1,x' is no rate; write 0.5" in capsys.readouterr().err


def test_a_missing_package_is_one_line(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main(["data", "fetch", "digits"]) == 2
    error = capsys.readouterr().err
    assert "sklearn" in error and "Traceback" not in error


@pytest.mark.parametrize("seeds", ["a", "3-1", "-2"])
def test_wrong_seeds_are_refused(seeds, capsys):
    with pytest.raises(SystemExit):
        main(["train", "--seeds", seeds])
    assert "seeds" in capsys.readouterr().err


def test_python_m_is_the_same_command():
    run = subprocess.run([sys.executable, "-m", "spinalnet_lib", "data", "list"], capture_output=True, text=True)
    assert run.returncode == 0 and "digits" in run.stdout
