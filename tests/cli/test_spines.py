"""`spinalnet spines` as a shell calls it."""

import json

from spinalnet_lib.cli.main import main
from spinalnet_lib.models.small_spine import read_spine
from spinalnet_lib.study import small_spines


def test_it_writes_a_file_for_each_alphabet_that_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(small_spines, "make_spine", read_spine)  # training takes minutes; it has tests of its own
    assert main(["spines", "digits", "letters", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits.json", "letters.json"]
    assert json.loads((tmp_path / "digits.json").read_text()) == read_spine("digits")
    said = capsys.readouterr().out
    assert "33,706 parameters" in said and "validation accuracy" in said


def test_another_alphabet_is_one_line_and_nothing_is_trained(tmp_path, capsys):
    assert main(["spines", "digits", "runes", "--out", str(tmp_path)]) == 2
    assert "runes" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_told_before_the_training(tmp_path, monkeypatch, capsys):
    trained = []
    monkeypatch.setattr(small_spines, "make_spine", trained.append)
    (tmp_path / "letters.json").mkdir()
    assert main(["spines", "digits", "letters", "--out", str(tmp_path)]) == 2
    assert "letters.json" in capsys.readouterr().err and not trained
