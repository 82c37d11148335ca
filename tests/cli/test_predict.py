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


def test_what_is_passed_over_is_said_and_does_not_hide(pets, capsys):
    (pets / "phone").mkdir()
    for name in ("IMG_1.HEIC", "IMG_2.heic"):
        (pets / "phone" / name).write_bytes(b"content")
    for place in (pets / "phone", pets / "phone" / "IMG_1.HEIC"):
        assert main(["predict", str(pets / "model.npz"), str(place)]) == 2
        assert "JPEG or PNG" in capsys.readouterr().err
    (pets / "phone" / "a.png").write_bytes(next((pets / "pets" / "cat").iterdir()).read_bytes())
    assert main(["predict", str(pets / "model.npz"), str(pets / "phone")]) == 0
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and "left out: 2 not read here: convert to JPEG or PNG (.heic)" in said.err
    assert main(["predict", str(pets / "model.npz"), str(pets / "phone" / "a.png")]) == 0
    assert not capsys.readouterr().err


def test_a_sheet_is_a_png(pets, capsys):
    assert main(["predict", str(pets / "model.npz"), str(pets / "pets"), "--sheet", str(pets / "sheet.txt")]) == 2
    said = capsys.readouterr()
    assert "sheet.png" in said.err and not said.out and not (pets / "sheet.txt").exists()


def test_a_place_that_cannot_be_written_is_said_first(pets, capsys):
    assert main(["predict", str(pets / "model.npz"), str(pets / "pets"), "--csv", str(unwritable(pets) / "x.csv")]) == 2
    said = capsys.readouterr()
    assert not said.out and "x.csv" in said.err


@pytest.mark.parametrize("place", ["none.png", "empty", "text.png", "half.png", "mixed"])
def test_what_is_no_picture_is_named_and_nothing_is_written(pets, capsys, place):
    picture = next((pets / "pets" / "cat").iterdir()).read_bytes()
    (pets / "empty").mkdir()
    (pets / "mixed").mkdir()
    for name, content in (
        ("text.png", b"text"),
        ("half.png", picture[:100]),
        ("mixed/a.png", picture),
        ("mixed/b.png", b""),
    ):
        (pets / name).write_bytes(content)
    assert main(["predict", str(pets / "model.npz"), str(pets / place), "--csv", str(pets / "out.csv")]) == 2
    said = capsys.readouterr()
    assert not said.out and said.err.count("\n") == 1
    assert (
        str(pets / place / "b.png" if place == "mixed" else pets / place) in said.err
        and not (pets / "out.csv").exists()
    )


@pytest.mark.parametrize("damage", ["cut off", "text", "missing"])
def test_what_is_no_model_is_named(pets, capsys, damage):
    path = pets / "model.npz"
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[: len(content) // 2] if damage == "cut off" else b"text")
    for command in (["predict", str(path), str(pets / "pets")], ["export", str(path), str(pets / "x.onnx")]):
        assert main(command) == 2
        said = capsys.readouterr()
        assert not said.out and str(path) in said.err and said.err.count("\n") == 1
    assert not (pets / "x.onnx").exists()
