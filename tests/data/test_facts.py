import itertools
import json

import numpy as np
import pytest
import torch

from spinalnet_lib import list_datasets, load_dataset
from spinalnet_lib.data import facts as data_facts
from spinalnet_lib.data.facts import different_test_images, has_own_split, image_digests, load_facts, measure_facts
from spinalnet_lib.data.own_sets import write_card
from tests.data.cases import sha, write_classes


def write_set(root, name, train, test, classes=("a", "b")):
    """A packed set out of lists of (grey level, label)."""
    folder = root / name
    folder.mkdir()
    for part, pairs in (("train", train), ("test", test)):
        np.save(folder / f"{part}_images.npy", np.stack([np.full((4, 4), level, np.uint8) for level, _ in pairs]))
        np.save(folder / f"{part}_labels.npy", np.array([label for _, label in pairs]))
    card = {"kind": "arrays", "num_classes": 2, "classes": classes, "splits": {"train": len(train), "test": len(test)}}
    card["sha256_of_raw_pixels"] = {"train_images": sha(np.load(folder / "train_images.npy"))}
    (folder / "card.json").write_text(json.dumps(card | {"licence": "CC0"}))


@pytest.fixture
def facts(tmp_path):
    first = [(level, level % 2) for level in range(24)]
    write_set(tmp_path, "one", [*first, (3, 1), (4, 1)], [(100, 0), (101, 1), (100, 0), (5, 1), (5, 1)])
    two = [(level, level % 2) for level in range(100, 124)]
    write_set(tmp_path, "two", two, [(7, 1), (8, 1), (200, 0)], classes=("A", "b"))  # their case does not matter
    write_card(write_classes(tmp_path / "leaves", ["ash", "elm"], 6))
    return measure_facts(tmp_path)


def test_repeated_and_contradicting_images_are_counted(facts):
    one = facts["one"]
    assert (one["train"], one["test"], one["source"]) == (26, 5, "packed")
    assert (one["repeated_in_train"], one["repeated_in_test"], one["test_images_in_train"]) == (2, 2, 2)
    assert one["images_with_two_labels"] == 1  # grey level 4 is there as 0 and as 1
    assert one["images_per_class"] == {"train": [12, 14], "test": [2, 3]}
    assert one["card"]["licence"] == "CC0" and one["image_shape"] == [1, 4, 4]


def test_images_shared_between_sets_are_counted_both_ways(facts):
    assert facts["one"]["shares_images_with"] == {
        "two": dict(train_in_train=0, train_in_test=2, test_in_train=2, test_in_test=0, under_another_name=1)
    }
    assert facts["two"]["shares_images_with"]["one"]["train_in_test"] == 2
    leaves = facts["leaves"]
    assert (leaves["train"], leaves["test"], leaves["image_shape"]) == (10, 2, [3, 128, 128])
    assert leaves["shares_images_with"] == {}


def test_sets_that_are_away_keep_what_was_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(data_facts, "data_path", lambda *parts: tmp_path.joinpath(*parts[1:]))
    assert load_facts() == {}
    data_facts.write_facts({"b": {"train": 1}, "a": {"train": 2}})
    path = data_facts.write_facts({"b": {"train": 3}})
    assert load_facts() == {"a": {"train": 2}, "b": {"train": 3}} and path.name == "datasets.json"
    assert [p.name for p in tmp_path.iterdir()] == ["datasets.json"]


@pytest.mark.parametrize("name", ["digits", "mnist_5k"])
def test_the_committed_facts_are_those_of_the_embedded_sets(name):
    facts, data = load_facts()[name], load_dataset(name)
    assert facts["sha256"] == data.sha256 and facts["train"] == len(data.full_train)
    assert facts["images_per_class"]["test"] == torch.bincount(data.test.labels).tolist()


NIST = ("mnist", "emnist_letters", "emnist_balanced_reduced")


def test_test_images_that_two_sets_share_count_once(facts, monkeypatch):
    monkeypatch.setattr(data_facts, "load_facts", lambda: facts)
    assert different_test_images(["one"]) == 3 and different_test_images(["leaves"]) == 2
    assert different_test_images(["one", "two", "leaves"]) == 3 + 3 + 2 and different_test_images(["one", "x"]) is None
    facts["one"]["shares_images_with"]["two"]["test_in_test"] = 2
    assert different_test_images(["one", "two", "leaves"]) == 3 + 3 + 2 - 2
    facts["one"]["shares_images_with"]["leaves"] = {"test_in_test": 1}
    with pytest.raises(ValueError, match="one, two, leaves three share"):
        different_test_images(["one", "two", "leaves"])


def test_the_nist_test_sets_share_what_was_counted():
    """Digest by digest, on the sets themselves: what the committed facts say, and what the plan says."""
    if not {*NIST} <= {*list_datasets(present=True)}:
        pytest.skip("the NIST sets are not all under the data root")
    digests = {name: image_digests(load_dataset(name).test) for name in NIST}
    for first, second in itertools.combinations(NIST, 2):
        shared = load_facts()[first]["shares_images_with"].get(second, {}).get("test_in_test", 0)
        assert len({*digests[first]} & {*digests[second]}) == shared, (first, second)
    assert len({digest for found in digests.values() for digest in found}) == different_test_images(NIST)


def test_the_plan_says_how_many_test_images_the_nist_sets_have(root):
    plan = (root / "data" / "protocol.md").read_text(encoding="utf-8")
    facts = load_facts()
    shared = facts["emnist_letters"]["shares_images_with"]["emnist_balanced_reduced"]
    of_balanced = (shared[f"{part}_in_train"] + shared[f"{part}_in_test"] for part in ("train", "test"))
    numbers = (sum(facts[name]["test"] for name in NIST), different_test_images(NIST), shared["test_in_test"])
    for number in (*numbers, *of_balanced):
        assert f"{number:,}" in plan, number


def test_splits_of_our_own_are_told_from_official_ones():
    assert has_own_split("kmnist_10k") and has_own_split("caltech101_reduced")
    assert not any(map(has_own_split, ("mnist", "cifar10", "monkeys10", "no such set")))
