import sys

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
    assert "broken/card.json" in out and "svhn" in out


def test_data_new_elsewhere_says_how_to_load_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path / "data"))
    write_classes(tmp_path / "leaves", ["ash", "elm"], 6)
    assert main(["data", "new", str(tmp_path / "leaves")]) == 0
    assert f"load_dataset('{tmp_path / 'leaves'}')" in capsys.readouterr().out
    assert main(["data", "new", str(tmp_path / "leaves")]) == 2
    assert "move it away" in capsys.readouterr().err


def test_fetch_of_an_embedded_set_verifies_it(capsys):
    assert main(["data", "fetch", "digits"]) == 0
    assert "digits: 1199 train, 239 validation, 359 test images" in capsys.readouterr().out


def test_a_missing_package_is_one_line(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main(["data", "fetch", "digits"]) == 2
    error = capsys.readouterr().err
    assert "sklearn.datasets" in error and "pip install" in error and error.count("\n") == 1
