"""From folders of pictures to predictions, as a shell runs it: in an empty folder, with nothing set."""

import csv
import json
import re
import shlex
import subprocess
import sys

import pytest
from PIL import Image

from spinalnet_lib import load_dataset, load_records, transfer_recipe
from spinalnet_lib.cli.main import main
from spinalnet_lib.data.own_sets import write_card
from tests.data.cases import write_classes, write_photo

QUICK = ["--size", "32", "--epochs", "2", "--device", "cpu", "--threads", "1"]


@pytest.fixture
def shell(tmp_path, root, monkeypatch):
    """Runs a line as it is typed, with options that make it short; what it said."""
    for name in ("SPINALNET_DATA", "SPINALNET_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(root))

    def run(line: str, *options: str) -> str:
        program, *arguments = shlex.split(line)
        assert program == "spinalnet"
        command = [sys.executable, "-m", "spinalnet_lib", *arguments, *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.processes
def test_four_lines_lead_from_pictures_to_predictions(shell, tmp_path):
    write_classes(tmp_path / "shapes", ["disc", "ring", "star"], 6)
    said = shell("spinalnet data new shapes")
    train = "spinalnet train --data shapes --backbone torchvision:resnet18 --head spinal --save model.npz"
    assert said.splitlines()[-1] == train
    assert "recipe: transfer" in shell(train, *QUICK)
    picture = write_photo(tmp_path / "new" / "one.png").relative_to(tmp_path)
    assert shell(f"spinalnet predict model.npz {picture}").split()[0] == str(picture)
    shell("spinalnet predict model.npz shapes --csv classes.csv --sheet sheet.png")
    with (tmp_path / "classes.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["picture", "class", "disc", "ring", "star"] and len(rows) == 18
    assert Image.open(tmp_path / "sheet.png").format == "PNG"
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {"shapes", "new", "model.npz", "runs.jsonl", "classes.csv", "sheet.png", ".decoded"}


@pytest.mark.processes
def test_the_lines_in_the_lab_run_as_they_are_printed(shell, tmp_path, root):
    """But for `--pretrained`, which downloads."""
    cells = json.loads((root / "book/lab/own_pictures.ipynb").read_text())["cells"]
    [text] = ["".join(cell["source"]) for cell in cells if "spinalnet data new" in "".join(cell["source"])]
    lines = re.search(r"```\n(.*?)```", text, re.S)[1].replace("\\\n", "").splitlines()
    assert [line.split()[1] for line in lines] == ["data", "train", "predict"]
    write_classes(tmp_path / "pictures", ["disc", "ring"], 6)
    write_photo(tmp_path / "new_pictures" / "one.png")
    for line in lines:
        assert ("--pretrained" in line) == (" train " in line)
        shell(line.replace("--pretrained", ""), *(QUICK if " train " in line else ()))
    assert (tmp_path / "sheet.png").exists() and (tmp_path / "classes.csv").exists()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with a set, and a data root elsewhere."""
    (tmp_path / "root").mkdir()
    (tmp_path / "desk").mkdir()
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path / "root"))
    monkeypatch.chdir(tmp_path / "desk")
    write_card(write_classes(tmp_path / "desk" / "leaves", ["ash", "elm"], 6))
    return tmp_path


def test_a_set_is_found_by_its_name_or_path_from_here(here, capsys):
    by_name = load_dataset("leaves", size=16)
    for path in ("./leaves", "leaves/", "../desk/leaves", str(here / "desk" / "leaves")):
        assert load_dataset(path, size=16).sha256 == by_name.sha256 and load_dataset(path).name == "leaves"
    assert main(["data", "check", "leaves"]) == 0 and "leaves (packed): 8 train" in capsys.readouterr().out
    assert main(["data", "list"]) == 0 and "leaves" in capsys.readouterr().out
    with pytest.raises(ValueError, match="unknown data set 'leaves'"):
        load_dataset("leaves", here / "root")


def test_a_set_of_the_data_root_has_its_name_and_another_of_it_its_path(here, capsys):
    write_card(write_classes(here / "root" / "leaves", ["fir", "oak"], 7))
    assert load_dataset("leaves", size=16).card["classes"] == ["fir", "oak"]
    (here / "desk" / "leaves" / "card.json").unlink()
    assert main(["data", "new", "leaves"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert f"--data {here / 'desk' / 'leaves'} " in line
    out = here / "runs.jsonl"
    assert main([*shlex.split(line)[1:-2], *QUICK, "--out", str(out)]) == 0
    assert load_records(out)[0].dataset_sha256 == load_dataset("./leaves", size=32).sha256


@pytest.mark.parametrize(
    ("name", "says"),
    [("bare", "data new bare"), ("leafs", r"did you mean 'leaves'|known: .*; the data root is .*root")],
)
def test_what_is_no_set_is_said_with_what_to_do(here, capsys, name, says):
    (here / "desk" / "bare").mkdir()
    assert main(["train", "--data", name]) == 2
    error = capsys.readouterr().err
    assert re.search(says, error) and error.count("\n") == 1


def test_a_body_of_a_library_has_a_width_and_a_recipe_unless_they_are_given(here, capsys):
    command = shlex.split("train --data leaves --backbone torchvision:resnet18 --head spinal --out r.jsonl")
    assert main([*command, *QUICK]) == 0
    said = capsys.readouterr().out
    assert (
        "recipe: transfer" in said
        and "--pretrained" in said
        and "layer_width 20, num_layers 4, the paper's where it fine-tunes" in said
    )
    assert main([*command, *QUICK, "--head-argument", "layer_width=8", "--recipe", "default"]) == 0
    said = capsys.readouterr().out
    assert "recipe:" not in said and "fine-tunes" not in said
    ours, given = load_records("r.jsonl")
    assert ours.recipe["optimizer"] == transfer_recipe().optimizer and "start" not in ours.recipe
    assert ours.model["head_arguments"] == {"layer_width": 20, "num_layers": 4}
    assert (given.recipe["optimizer"], given.model["head_arguments"]) == ("sgd", {"layer_width": 8})


def test_a_recipe_that_does_not_fit_the_number_of_images_is_fitted_and_said(here, capsys):
    """Of 12 pictures 8 are trained on: batches of 7 leave one alone, and twenty steps of warm-up are too many."""
    command = shlex.split("train --data leaves --backbone torchvision:resnet18 --head spinal --out r.jsonl")
    assert main([*command, *QUICK, "--batch-size", "7"]) == 0
    said = capsys.readouterr().out
    assert "batch size: 8, as 7" in said and "warm-up: 1, as 20" in said
    assert load_records("r.jsonl")[0].recipe["batch_size"] == 8
    assert main([*command, *QUICK, "--batch-size", "6"]) == 0 and "batch size" not in capsys.readouterr().out


def test_the_size_that_pictures_are_read_at_is_said(here, capsys):
    assert main(["train", "--data", "leaves", "--backbone", "vgg5", "--epochs", "1", "--out", "r.jsonl"]) == 0
    assert "28 × 28" in capsys.readouterr().out
