"""Notebooks run side by side and are kept; the hash that names the cache sees all that outputs depend on; what a shared link shows."""

import json
import os
import re
from types import SimpleNamespace

import pytest
import spinal_book

INPUTS = (
    "spinalnet_lib/heads/spinal.py",
    "spinalnet_lib/widgets/base.js",
    "spinalnet_lib/widgets/widgets.css",
    "data/cards/mnist.json",
    "data/paper/claims.csv",
    "data/results/first_training.jsonl",
    "data/results/bench/cpu.json",
    "data/thumbnails/mnist.webp",
    "requirements.txt",
)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name in INPUTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(spinal_book, "ROOT", tmp_path)
    monkeypatch.delenv("SPINALNET_DATA", raising=False)
    monkeypatch.delenv("BOOK_FAST", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", INPUTS)
def test_a_changed_added_or_lost_input_renames_the_cache(tree, name):
    before = spinal_book.inputs_hash()
    assert spinal_book.inputs_hash() == before
    (tree / name).write_text("two")
    changed = spinal_book.inputs_hash()
    (tree / name).rename((tree / name).with_stem("other")) if name != "requirements.txt" else None
    assert len({before, changed, spinal_book.inputs_hash()}) == (2 if name == "requirements.txt" else 3)


def test_the_data_at_hand_and_the_fast_mode_rename_it_too(tree, tmp_path, monkeypatch):
    seen = [spinal_book.inputs_hash()]
    file = tmp_path / "data" / "cache" / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    file.parent.mkdir(parents=True)
    file.write_text("images")
    seen.append(spinal_book.inputs_hash())
    os.utime(file, ns=(1, 1))
    seen.append(spinal_book.inputs_hash())
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path / "nowhere"))
    seen.append(spinal_book.inputs_hash())
    assert seen[3] == seen[0] and len(set(seen)) == 3
    monkeypatch.setenv("BOOK_FAST", "1")
    assert spinal_book.inputs_hash() not in seen


MEETING = """from pathlib import Path
import time
Path("{me}").touch()
Path("{me}.runs").open("a").write("once ")
while not Path("{other}").exists():
    time.sleep(0.01)"""


def write_notebook(path, source):
    code = {"cell_type": "code", "id": "one", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": [code], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook))


def test_notebooks_are_executed_side_by_side_and_once(tmp_path):
    """Each of the two waits until the other has begun: one after the other neither would end."""
    names = ("here", "there")
    for me, other in (names, names[::-1]):
        write_notebook(tmp_path / f"{me}.ipynb", MEETING.format(me=tmp_path / me, other=tmp_path / other))
    app = SimpleNamespace(
        config=SimpleNamespace(nb_execution_cache_path=str(tmp_path / "kept"), nb_execution_timeout=120)
    )
    env = SimpleNamespace(doc2path=lambda name: tmp_path / f"{name}.ipynb")
    for _ in range(2):
        spinal_book.execute_in_parallel(app, env, names)
    assert [(tmp_path / f"{name}.runs").read_text() for name in names] == ["once ", "once "]


def tags(site):
    text = spinal_book.share_tags('A "spine"', "It <b>reads</b> & votes.", "book/idea/one_matrix", site)
    return dict(re.findall(r'="([a-z:]+)" content="([^"]*)"/>', text))


def test_a_shared_link_has_a_picture_where_the_site_has_an_address():
    said = {
        "description": "It reads &amp; votes.",
        "og:title": "A &quot;spine&quot;",
        "og:description": "It reads &amp; votes.",
    }
    assert tags("") == said  # an address within the site is no use to a crawler
    for site in ("https://spine.example/book", "https://spine.example/book/"):
        assert tags(site) == said | {
            "og:url": "https://spine.example/book/book/idea/one_matrix.html",
            "og:image": "https://spine.example/book/_static/page.png",
        }


@pytest.mark.parametrize("site", ["", "https://spine.example"])
def test_the_shared_picture_is_in_the_site_that_names_it(site, tmp_path):
    app = SimpleNamespace(
        outdir=tmp_path, builder=SimpleNamespace(format="html"), config=SimpleNamespace(html_baseurl=site)
    )
    spinal_book.copy_shared_picture(app)
    picture = tmp_path / "_static" / "page.png"
    assert picture.is_file() == bool(site)
    if site:
        assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size < 300_000
