import subprocess
import sys

import pytest

from spinalnet_lib import list_datasets
from spinalnet_lib.cli.main import main
from tests.data.cases import write_classes


def test_data_list_says_what_is_here(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in out.splitlines()[1:]}
    assert (
        str(tmp_path) in out and lines["mnist_5k"][1] == "embedded" and lines["mnist"][1:4] == ["missing", "12", "MB"]
    )
    assert set(lines) == set(list_datasets(tmp_path)) and "kaggle.com/datasets/moltean/fruits" in out
    write_classes(tmp_path / "leaves", ["ash", "elm"], 6)
    assert main(["data", "new", str(tmp_path / "leaves"), "--title", "Leaves"]) == 0
    assert "load it with load_dataset('leaves')" in capsys.readouterr().out
    assert main(["data", "list"]) == 0
    assert "Leaves" in capsys.readouterr().out


def test_data_check_counts_and_names_what_is_not_sound(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    write_classes(tmp_path / "leaves", ["ash", "elm"], 6)
    assert main(["data", "new", str(tmp_path / "leaves")]) == 0
    assert main(["data", "check"]) == 0
    out = capsys.readouterr().out
    assert "leaves (packed): 8 train, 2 validation, 2 test images in 2 classes; hash as on its card" in out
    assert "digits (embedded)" in out
    (tmp_path / "leaves" / "ash" / "image_0000.png").write_text("no image")
    assert main(["data", "check", "leaves", "digits"]) == 2
    said = capsys.readouterr()
    assert "image_0000.png cannot be read as an image" in said.err and "not sound: leaves" in said.err
    assert "digits (embedded)" in said.out


def test_one_bad_card_does_not_hide_the_other_sets(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "card.json").write_text("{")
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    assert "broken" in out and "bad card" in out and "svhn" in out


def test_data_new_elsewhere_says_how_to_load_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path / "data"))
    write_classes(tmp_path / "leaves", ["ash", "elm"], 6)
    assert main(["data", "new", str(tmp_path / "leaves")]) == 0
    assert f"load_dataset('leaves', root='{tmp_path}')" in capsys.readouterr().out
    assert main(["data", "new", str(tmp_path / "leaves")]) == 2
    assert "move it away" in capsys.readouterr().err


def test_fetch_of_an_embedded_set_verifies_it(capsys):
    assert main(["data", "fetch", "digits"]) == 0
    assert "digits: 1199 train, 239 validation, 359 test images" in capsys.readouterr().out


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


def test_a_missing_package_is_one_line(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main(["data", "fetch", "digits"]) == 2
    error = capsys.readouterr().err
    assert "package 'sklearn.datasets' is not installed; pip install" in error and error.count("\n") == 1


@pytest.mark.processes
def test_python_m_is_the_same_command():
    run = subprocess.run([sys.executable, "-m", "spinalnet_lib", "data", "list"], capture_output=True, text=True)
    assert run.returncode == 0 and "digits" in run.stdout
