"""A chapter alone in an empty folder, with the library installed from a wheel, as in Colab."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.book.book_site import CHAPTERS, ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    return next(folder.glob("spinalnet_book-*.whl"))


def test_the_wheel_holds_library_widgets_cards_and_records(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "heads/spinal.py",
        "widgets/base.js",
        "widgets/widgets.css",
        "_data/cards/mnist.json",
        "_data/results/first_training.jsonl",
        "_data/paper/claims.csv",
    ):
        assert f"spinalnet_lib/{part}" in names
    assert not [name for name in names if name.startswith(("tests", "book"))]


def test_installing_it_does_not_touch_torch(wheel):
    """pip's own plan for an environment that has the rest: our package and nothing else."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--dry-run",
        "--ignore-installed",
        "--report",
        "-",
        f"{wheel}",
    ]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    planned = {item["metadata"]["name"].lower() for item in json.loads(report[report.index("{") :])["install"]}
    assert planned == {"spinalnet-book", "numpy"}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_runs_alone_in_an_empty_folder(chapter, wheel, tmp_path):
    library = tmp_path / "library"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(library)
    folder = tmp_path / "empty"
    folder.mkdir()
    shutil.copy(ROOT / f"{chapter}.ipynb", folder)
    environment = {**os.environ, "PYTHONPATH": str(library), "BOOK_FAST": "1"}
    environment.pop("SPINALNET_DATA", None)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbmake",
        "--nbmake-timeout",
        "200",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        str(folder),
    ]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-3000:]
    check = "import spinalnet_lib; print(spinalnet_lib.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", check], cwd=folder, env=environment, capture_output=True, text=True
    ).stdout
    assert where.startswith(str(library))
