"""A chapter alone in an empty folder, with the library installed from a wheel, as in Colab."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from spinalnet_lib.data import cards
from tests.book.book_site import CHAPTERS, PRACTICE, ROOT
from tests.data.cases import write_folders, write_idx

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_kernel")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run([sys.executable, "-m", *command], check=True)
    return next(folder.glob("spinalnet_book-*.whl"))


@pytest.fixture(scope="module")
def alone(wheel, tmp_path_factory):
    """Options of a process to which the library is what the wheel holds."""
    library = tmp_path_factory.mktemp("library")
    zipfile.ZipFile(wheel).extractall(library)
    environment = {**os.environ, "PYTHONPATH": str(library), "BOOK_FAST": "1"}
    environment.pop("SPINALNET_DATA", None)
    options = {"cwd": tmp_path_factory.mktemp("empty"), "env": environment, "capture_output": True, "text": True}
    code = "import spinalnet_lib; print(spinalnet_lib.__file__)"
    assert subprocess.run([sys.executable, "-c", code], **options).stdout.startswith(str(library))
    return options


def test_the_wheel_holds_library_widgets_cards_and_records(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    data = ("cards/mnist.json", "results/first_training.jsonl", "paper/claims.csv")
    for part in ("heads/spinal.py", "widgets/base.js", "widgets/widgets.css", *(f"_data/{name}" for name in data)):
        assert f"spinalnet_lib/{part}" in names
    assert not [name for name in names if name.startswith(("tests", "book"))]


def test_installing_it_does_not_touch_torch(wheel):
    """pip's own plan for an environment that has the rest: our package, and two that torch needs as well."""
    command = ["pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-", wheel]
    report = subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True, text=True).stdout
    planned = {item["metadata"]["name"].lower() for item in json.loads(report[report.index("{") :])["install"]}
    assert planned == {"spinalnet-book", "numpy", "filelock"}


def run_alone(notebook, folder, alone, **environment):
    """Execute it by nbmake in a folder that is empty but for it; the notebook with what it printed."""
    shutil.copy(ROOT / f"{notebook}.ipynb", folder)
    options = ["--nbmake", "--nbmake-timeout", "1800", "--overwrite", "-q", "-p", "no:cacheprovider", "--rootdir"]
    command = [sys.executable, "-m", "pytest", *options, folder, folder]
    run = subprocess.run(command, **alone | {"cwd": folder, "env": alone["env"] | environment})
    assert run.returncode == 0, run.stdout[-3000:]
    return (folder / f"{notebook.rpartition('/')[2]}.ipynb").read_text()


@pytest.mark.parametrize("chapter", CHAPTERS + PRACTICE)
def test_chapter_runs_alone_in_an_empty_folder(chapter, alone, tmp_path):
    run_alone(chapter, tmp_path, alone)


def test_a_lab_notebook_without_its_images_runs_alone_and_claims_nothing(alone, tmp_path):
    said = run_alone("book/lab/stl10", tmp_path, alone)
    assert "claims nothing" in said and "settle nothing" not in said


@pytest.mark.parametrize(("name", "write"), [("kmnist", write_idx), ("hymenoptera", write_folders)])
def test_a_lab_notebook_trains_alone_on_small_files_of_its_publisher(name, write, alone, tmp_path, monkeypatch):
    """A network from scratch, and one that is fine-tuned. The card in the copy of the wheel has the small files' sizes."""
    write(tmp_path / "data", name, monkeypatch)
    place = Path(alone["env"]["PYTHONPATH"], "spinalnet_lib", "_data", "cards", f"{name}.json")
    card = place.read_bytes()
    place.write_text(json.dumps(cards.load_card(name)))
    (tmp_path / "empty").mkdir()
    try:
        said = run_alone(f"book/lab/{name}", tmp_path / "empty", alone, SPINALNET_DATA=str(tmp_path / "data"))
    finally:
        place.write_bytes(card)
    assert "4 runs (2 seeds) of 2 steps" in said and "settle nothing" in said
    assert (tmp_path / "empty" / f"{name}.npz").is_file() and (tmp_path / "empty" / "lab" / f"{name}.jsonl").is_file()
