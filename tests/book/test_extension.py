"""The hash that names the execution cache sees everything that a page's outputs depend on."""

import os

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
