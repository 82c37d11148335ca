"""A chapter alone in an empty folder, with the library installed from a wheel, as in Colab."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.book.book_site import CHAPTERS, ROOT

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


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_runs_alone_in_an_empty_folder(chapter, alone, tmp_path):
    shutil.copy(ROOT / f"{chapter}.ipynb", tmp_path)
    options = ["--nbmake", "--nbmake-timeout", "1800", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    run = subprocess.run([sys.executable, "-m", "pytest", *options], **alone | {"cwd": tmp_path})
    assert run.returncode == 0, run.stdout[-3000:]
