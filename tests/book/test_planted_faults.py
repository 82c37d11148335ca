"""Faults planted in a copy of the book must turn its build red or re-execute the page that they touch."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.book.book_site import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_kernel")]


def cell(source, kind="code"):
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "id": str(abs(hash(source)))[:8], "metadata": {}, "source": source, **extra}


class Book:
    """A copy of library, data and configuration with one small chapter."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("spinalnet_lib", "data", "book/_ext", "book/_templates", "book/assets"):
            if (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns("__pycache__", "cache")
                shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        for name in ("_config.yml", "requirements.txt", "book/references.bib"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "_toc.yml").write_text("format: jb-book\nroot: book/introduction\n")

    def write_second(self, *cells):
        self.write(*cells, name="second")
        chapters = "chapters:\n- file: book/second\n"
        (self.folder / "_toc.yml").write_text(f"format: jb-book\nroot: book/introduction\n{chapters}")

    def write(self, *cells, name="introduction"):
        head = cell("# A chapter\n\n**A claim.**", "markdown")
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        metadata = {"kernelspec": kernel, "spinalnet": {"gpu": "not needed", "download": "nothing"}}
        notebook = {"cells": [head, *cells], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        (self.folder / "book" / f"{name}.ipynb").write_text(json.dumps(notebook))

    def build(self):
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        environment.pop("SPINALNET_DATA", None)
        command = [str(Path(sys.executable).with_name("jupyter-book")), "build", ".", "-W", "-n", "--keep-going"]
        run = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        return run.returncode, run.stdout + run.stderr

    def red_twice(self, *says):
        """Red with these words, and red again when it is repeated: nothing has changed."""
        for _ in range(2):
            code, log = self.build()
            missing = [words for words in says if words not in log]
            assert code != 0 and not missing, f"{missing} in\n{log[-3000:]}"

    def page(self):
        """The page of a build that is green."""
        code, log = self.build()
        assert code == 0, log[-3000:]
        return (self.folder / "_build" / "html" / "book" / "introduction.html").read_text()

    def edit(self, name, old, new):
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


SOUND = """
import time
from spinalnet_lib import load_dataset, load_records
print("ran at", time.time_ns())
print("validation images:", len(load_dataset("digits").val))
print("seconds:", load_records("first_training")[0].seconds)
"""


def test_a_sound_book_is_green_and_executed_again_only_when_the_library_or_a_record_changes(book):
    book.write(cell(SOUND))
    first = book.page()
    records = "data/results/first_training.jsonl"
    seconds = json.loads((book.folder / records).read_text().splitlines()[0])["seconds"]
    assert "validation images: 239" in first and f"seconds: {seconds}" in first
    assert book.page() == first
    book.edit("spinalnet_lib/data/splits.py", "VALIDATION_SHARE = 1 / 6", "VALIDATION_SHARE = 1 / 4")
    assert "validation images: 359" in book.page()
    book.edit(records, f'"seconds": {seconds}', '"seconds": 123.456')
    assert "seconds: 123.456" in book.page()


MEETING = """
import time
from pathlib import Path
with Path("{own}.txt").open("a") as file:
    file.write("once ")
for _ in range(3000):
    if Path("{other}.txt").exists():
        break
    time.sleep(0.1)
else:
    raise TimeoutError("nobody came")
"""


def test_chapters_are_executed_side_by_side_and_once(book):
    """Each waits for the other, which only comes if it runs at the same time."""
    book.write(cell(MEETING.format(own="introduction", other="second")))
    book.write_second(cell(MEETING.format(own="second", other="introduction")))
    book.page()
    assert [(book.folder / "book" / f"{name}.txt").read_text() for name in ("introduction", "second")] == ["once "] * 2


def test_a_callback_that_raises_is_red(book):
    """In a cell, as any error there; another chapter does not hide it."""
    book.write_second(cell("1 + 1"))
    setup = "from spinalnet_lib import WeightCounter\ncounter = WeightCounter()\n"
    book.write(cell(setup + "counter.observe(lambda change: 1 / 0, 'layer_width')\ncounter.layer_width = 3"))
    book.red_twice("ZeroDivisionError")


def test_a_typed_number_a_broken_link_and_an_error_that_hides_in_a_widget_are_red(book):
    """`interact` shows a callback's error in its output area and leaves the cell green. Each is a warning: one is enough."""
    book.write(
        cell("The spinal head reached 99.72 % here. See [nowhere](no_such_chapter.ipynb).", "markdown"),
        cell("from IPython.display import Markdown\nMarkdown('It reached 88.51 % there.')"),
        cell("import ipywidgets\nipywidgets.interact(lambda x: 1 / x, x=0);"),
    )
    typed = [f"WARNING: number '{number}' is typed into prose" for number in ("99.72 %", "88.51 %")]
    book.red_twice(
        *typed,
        "WARNING: 'myst' cross-reference target not found: 'no_such_chapter",
        "WARNING: a widget callback raised ZeroDivisionError",
    )
