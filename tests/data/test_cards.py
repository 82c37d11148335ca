import json
import re
import shutil

import pytest

from spinalnet_lib import card_html, list_datasets, load_dataset
from spinalnet_lib.data import cards
from spinalnet_lib.data.own_sets import write_card
from spinalnet_lib.paths import data_path
from tests.data.cases import write_classes

EMBEDDED = ["digits", "mnist_5k"]


def test_the_names_are_those_of_the_paper():
    names = "mnist fashion_mnist kmnist qmnist emnist_letters emnist_digits emnist_balanced cifar10 cifar100 svhn stl10"
    names += " caltech101 fruits360 birds225 flowers102 cars cinic10 monkeys10 hymenoptera digits mnist_5k"
    assert set(names.split()) <= set(list_datasets())


@pytest.mark.parametrize("name", cards.official_names())
def test_every_card_is_whole(name):
    card = cards.load_card(name)
    for key in ("title", "about", "source", "licence", "splits", "how_to_get", "traps", "paper"):
        assert isinstance(card[key], str) and card[key], key
    assert 2 <= len(re.findall(r"\w\w[.](?: |$)", card["story"])) <= 3
    assert card["name"] == name and len(card["image_shape"]) == 3 and {"train", "test"} <= set(card["sizes"])
    assert card["classes"] is None or len(card["classes"]) == card["num_classes"] == len(set(card["classes"]))


def test_the_data_root_comes_from_the_environment(tmp_path, monkeypatch):
    write_card(write_classes(tmp_path / "leaves", ["ash", "elm"], 6))
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    assert len(load_dataset("leaves", size=8).test) == 2
    assert list_datasets(present=True) == [*EMBEDDED[:1], "leaves", *EMBEDDED[1:]]
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path / "leaves"))
    assert list_datasets(present=True) == EMBEDDED


def test_a_mistyped_data_root_is_not_taken_for_an_empty_one(monkeypatch, tmp_path):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path / "mnits"))
    with pytest.raises(ValueError, match=r"SPINALNET_DATA='.*mnits' is no folder; create it"):
        list_datasets(present=True)
    with pytest.raises(ValueError, match="the data root '/nope' is no folder"):
        list_datasets("/nope", present=True)


@pytest.fixture
def folder_of_cards(tmp_path, monkeypatch):
    """The project's own data in a folder that a test may write to."""
    shutil.copytree(data_path("cards"), tmp_path / "data" / "cards")
    monkeypatch.setattr(cards, "data_path", lambda *parts: tmp_path.joinpath("data", *parts))
    return tmp_path / "data" / "cards"


def test_a_further_official_set_is_one_card(folder_of_cards, tmp_path):
    """One new file, and the set is listed, says how to get it, loads and shows its card."""
    changes = {"name": "leaves", "title": "Leaves", "places": ["all-leaves"], "num_classes": 2, "classes": None}
    changes |= {"sizes": {"train": 12, "test": 4}, "parts": {"train": "train", "test": "held out"}}
    card = json.loads((folder_of_cards / "hymenoptera.json").read_bytes()) | changes
    (folder_of_cards / "leaves.json").write_text(json.dumps(card))
    assert "leaves" in list_datasets(tmp_path) and "leaves" not in list_datasets(tmp_path, present=True)
    with pytest.raises(FileNotFoundError, match=r"all-leaves.* is missing; get it from"):
        load_dataset("leaves", tmp_path)
    write_classes(tmp_path / "all-leaves" / "train", ["ash", "elm"], 6)
    write_classes(tmp_path / "all-leaves" / "held out", ["ash", "elm"], 2)
    data = load_dataset("leaves", tmp_path, size=16)
    assert (len(data.full_train), len(data.test), data.card["classes"]) == (12, 4, ["ash", "elm"])
    assert "Leaves" in card_html("leaves")
