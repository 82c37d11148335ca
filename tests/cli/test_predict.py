"""`spinalnet predict` as a shell calls it."""

import csv

import pytest
from PIL import Image

from spinalnet_lib import create_model, load_dataset, save_model
from spinalnet_lib.cli.main import main
from spinalnet_lib.data.own_sets import write_card
from tests.data.cases import unwritable, write_classes


@pytest.fixture
def pets(tmp_path):
    write_card(write_classes(tmp_path / "pets", ["cat", "dog"], 6))
    model = create_model("pixels", "spinal", 2, 3, 32, layer_width=4)
    save_model(model, tmp_path / "model.npz", load_dataset("pets", tmp_path, size=32))
    return tmp_path


def test_a_line_a_picture_a_table_and_a_sheet(pets, capsys):
    files = ["--csv", str(pets / "made" / "table.csv"), "--sheet", str(pets / "sheet.png")]
    assert main(["predict", str(pets / "model.npz"), str(pets / "pets"), *files]) == 0
    lines = [line.rsplit(" ", 2) for line in capsys.readouterr().out.splitlines()]
    with (pets / "made" / "table.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["picture", "class", "cat", "dog"] and len(rows) == len(lines) == 12
    for (path, name, likely), row in zip(lines, rows, strict=True):
        assert [path, name] == row[:2] and name in ("cat", "dog")
        assert float(likely) == pytest.approx(max(map(float, row[2:])), abs=5e-4)
    assert Image.open(pets / "sheet.png").size[0] > 500


def test_a_place_that_cannot_be_written_is_said_first(pets, capsys):
    assert main(["predict", str(pets / "model.npz"), str(pets / "pets"), "--csv", str(unwritable(pets) / "x.csv")]) == 2
    said = capsys.readouterr()
    assert not said.out and "x.csv" in said.err
