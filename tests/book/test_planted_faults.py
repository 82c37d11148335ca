"""Faults planted in a copy of the book must turn its build red or re-execute the page that they touch."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.book.book_site import ROOT

pytestmark = pytest.mark.slow


def cell(source, kind="code"):
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "id": str(abs(hash(source)))[:8], "metadata": {}, "source": source, **extra}


class Book:
    """A copy of library, data and configuration with one small chapter."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("spinalnet_lib", "data", "book/_ext", "book/_templates", "book/assets"):
            if (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns("__pycache__", "cache", "mathjax")
                shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        for name in ("_config.yml", "requirements.txt", "book/references.bib"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "_toc.yml").write_text("format: jb-book\nroot: book/introduction\n")

    def write(self, *cells):
        head = cell("# A chapter\n\n**A claim.**", "markdown")
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        metadata = {"kernelspec": kernel, "spinalnet": {"gpu": "not needed", "download": "nothing"}}
        notebook = {"cells": [head, *cells], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        (self.folder / "book" / "introduction.ipynb").write_text(json.dumps(notebook))

    def build(self):
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        environment.pop("SPINALNET_DATA", None)
        command = [str(Path(sys.executable).with_name("jupyter-book")), "build", ".", "-W", "-n", "--keep-going"]
        run = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        return run.returncode, run.stdout + run.stderr

    def is_red(self, says):
        """Red with these words, and red again when it is repeated: nothing has changed."""
        for _ in range(2):
            code, log = self.build()
            assert code != 0 and says in log, log[-3000:]

    def page(self):
        return (self.folder / "_build" / "html" / "book" / "introduction.html").read_text()

    def edit(self, name, old, new):
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


def test_a_sound_book_is_green_and_is_not_executed_twice(book):
    book.write(cell("import time\nprint('ran at', time.time_ns())"))
    code, log = book.build()
    assert code == 0, log[-3000:]
    first = book.page()
    code, _ = book.build()
    assert code == 0 and book.page() == first


def test_a_failing_cell_is_red(book):
    book.write(cell("1 / 0"))
    book.is_red("ZeroDivisionError")


def test_a_raising_callback_is_red(book):
    code = "from spinalnet_lib import WeightCounter\ncounter = WeightCounter()\ncounter.observe(lambda change: 1 / 0, 'layer_width')\ncounter.layer_width = 3"
    book.write(cell(code))
    book.is_red("ZeroDivisionError")


def test_an_error_that_hides_in_a_widget_is_red(book):
    """`interact` shows a callback's error in its output area and leaves the cell green."""
    book.write(cell("import ipywidgets\nipywidgets.interact(lambda x: 1 / x, x=0);"))
    book.is_red("a widget callback raised ZeroDivisionError")


def test_a_changed_library_constant_re_executes_the_page(book):
    book.write(
        cell("from spinalnet_lib import load_dataset\nprint('validation images:', len(load_dataset('digits').val))")
    )
    assert book.build()[0] == 0
    assert "validation images: 239" in book.page()
    book.edit("spinalnet_lib/data/splits.py", "VALIDATION_SHARE = 1 / 6", "VALIDATION_SHARE = 1 / 4")
    assert book.build()[0] == 0
    assert "validation images: 359" in book.page()


def test_a_changed_record_re_executes_the_page(book):
    book.write(
        cell("from spinalnet_lib import load_records\nprint('seconds:', load_records('first_training')[0].seconds)")
    )
    assert book.build()[0] == 0
    record = json.loads((book.folder / "data/results/first_training.jsonl").read_text().splitlines()[0])
    assert f"seconds: {record['seconds']}" in book.page()
    book.edit("data/results/first_training.jsonl", f'"seconds": {record["seconds"]}', '"seconds": 123.456')
    assert book.build()[0] == 0
    assert "seconds: 123.456" in book.page()


def test_a_number_typed_into_prose_is_red(book):
    book.write(cell("The spinal head reached 99.72 % here.", "markdown"))
    book.is_red("number '99.72 %' is typed into prose")
    book.write(cell("from IPython.display import Markdown\nMarkdown('It reached 99.72 % here.')"))
    book.is_red("number '99.72 %' is typed into prose")


def test_a_broken_link_is_red(book):
    book.write(cell("See [nowhere](no_such_chapter.ipynb).", "markdown"))
    book.is_red("no_such_chapter")
