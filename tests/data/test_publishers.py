"""Official sets in their publishers' own formats, written small. Only tables of sizes and checksums are replaced."""

import shutil

import numpy as np
import pytest
import scipy.io
import torch
import torchvision

from spinalnet_lib import list_datasets, load_dataset
from spinalnet_lib.data import cards, publishers
from spinalnet_lib.data.cards import is_present
from tests.data.cases import (
    change_card,
    idx_bytes,
    write_cifar10,
    write_cifar100,
    write_classes,
    write_flowers,
    write_folders,
    write_idx,
    write_photo,
    write_stl10,
    write_svhn,
)

CARDS = {name: cards.load_card(name) for name in cards.official_names()}
IDX = [name for name, card in CARDS.items() if card["kind"] == "idx" and "images_of" not in card]


@pytest.mark.parametrize("name", IDX)
def test_sets_of_mnists_kind(tmp_path, monkeypatch, name):
    _images, _labels, test_images, test_labels = write_idx(tmp_path, name, monkeypatch)
    assert name in list_datasets(tmp_path, present=True)
    data = load_dataset(name, tmp_path)
    num_classes = data.card["num_classes"]
    assert len(data.full_train) == 6 * num_classes and len(data.val) == num_classes and data.source == "official"
    assert sorted(set(data.test.labels.tolist())) == list(range(num_classes))
    upright = test_images.transpose(0, 2, 1) if name.startswith("emnist") else test_images
    assert (data.test.images[:, 0].numpy() == upright).all()
    first = test_labels[:, 0] if test_labels.ndim == 2 else test_labels
    assert (data.test.labels.numpy() == first - (1 if name == "emnist_letters" else 0)).all()


def test_mnists_files_are_found_under_their_other_usual_name(tmp_path, monkeypatch):
    write_idx(tmp_path, "mnist", monkeypatch)
    expected = load_dataset("mnist", tmp_path).sha256
    for path in (tmp_path / "MNIST" / "raw").iterdir():
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert load_dataset("mnist", tmp_path).sha256 == expected and "mnist" in list_datasets(tmp_path, present=True)


def test_labels_that_count_from_another_first_label_are_refused(tmp_path, monkeypatch):
    write_idx(tmp_path, "kmnist", monkeypatch)
    change_card(monkeypatch, "kmnist", first_label=1, files=cards.load_card("kmnist")["files"])
    with pytest.raises(ValueError, match="kmnist: labels run from -1 to 8, its card says 0 to 9"):
        load_dataset("kmnist", tmp_path)


def test_a_set_that_lacks_a_file_is_missing(tmp_path, monkeypatch):
    write_idx(tmp_path, "kmnist", monkeypatch)
    (tmp_path / "KMNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    assert "kmnist" not in list_datasets(tmp_path, present=True)
    with pytest.raises(FileNotFoundError, match=r"t10k-labels-idx1-ubyte is missing; .*spinalnet data fetch kmnist"):
        load_dataset("kmnist", tmp_path)


def test_qmnists_labels_go_with_mnists_images(tmp_path, monkeypatch):
    _images, labels, *_ = write_idx(tmp_path, "mnist", monkeypatch)
    relabelled = (labels + 1) % 10
    relabelled[-5:] = 0  # the first rows of the test file are MNIST's, not the last
    other = np.stack([relabelled] + [labels] * 7, 1).astype(np.int32)
    folder = tmp_path / "QMNIST" / "raw"
    folder.mkdir(parents=True)
    card = cards.load_card("qmnist_labels")
    files = {}
    for stem in card["files"]:
        array = other if "train" in stem else np.concatenate([other[:30], other[:30][::-1]])
        (folder / stem).write_bytes(idx_bytes(array))
        files[stem] = {"shape": list(array.shape)}
    change_card(monkeypatch, "qmnist_labels", files=files)
    data, plain = load_dataset("qmnist_labels", tmp_path), load_dataset("mnist", tmp_path)
    assert len(data.full_train.labels) == len(plain.full_train.labels)
    assert torch.equal(data.test.images, plain.test.images)
    assert torch.equal(data.test.labels, (plain.test.labels + 1) % 10)


FOLDERS = [name for name, card in CARDS.items() if card["kind"] == "photographs" and "parts" in card]


@pytest.mark.parametrize("name", FOLDERS)
def test_sets_in_class_folders(tmp_path, monkeypatch, name):
    place, classes = write_folders(tmp_path, name, monkeypatch)
    names = ["mantled howler", "patas monkey", "bald uakari"] if name == "monkeys10" else classes
    if name == "caltech101":
        write_photo(place / "BACKGROUND_Google" / "image_0001.jpg")
    if name == "hymenoptera":  # a placeholder in the publisher's archive
        (place / "train" / "ants" / "imageNotFound.gif").write_bytes(b"GIF89a")
    assert name in list_datasets(tmp_path, present=True)
    data = load_dataset(name, tmp_path, size=16)
    assert data.train.images.shape[1:] == (3, 16, 16) and data.card["classes"] == names
    parts = data.card["parts"]
    whole = 6 * len(classes)
    if "test" not in parts:
        assert len(data.test) == len(classes) and len(data.full_train) == 5 * len(classes)
    else:
        assert len(data.test) == whole and len(data.full_train) == (2 if "val" in parts else 1) * whole
        assert len(data.val) == (whole if "val" in parts else len(classes))
    assert torch.bincount(data.test.labels).min() == torch.bincount(data.test.labels).max()
    folder = {
        path.parent.name for path in data.train.images.index_select(0, (data.train.labels == 1).nonzero()[:, 0]).files
    }
    assert folder == {classes[1]}


def test_other_photographs_than_the_cards_are_named(tmp_path, monkeypatch):
    """Another release, a folder that was renamed, and an archive that was unpacked in part."""
    place, _ = write_folders(tmp_path, "birds225", monkeypatch)
    for part in ("train", "valid", "test"):
        write_photo(place / part / "wren" / "x.jpg")
    with pytest.raises(ValueError, match=r"birds225 has 4 class folders, its card says 3: another release\?"):
        load_dataset("birds225", tmp_path)
    for part in ("train", "valid"):
        shutil.rmtree(place / part / "wren")
    with pytest.raises(ValueError, match=r"the test part and the card differ in the class folders wren"):
        load_dataset("birds225", tmp_path)
    shutil.rmtree(place / "test" / "wren")
    change_card(monkeypatch, "birds225", sizes={"train": 244, "val": 18, "test": 18})
    with pytest.raises(ValueError, match="the train part has 18 photographs, its card says 244; unpack the archive"):
        load_dataset("birds225", tmp_path)
    (place / "valid").rename(place / "elsewhere")
    assert "birds225" not in list_datasets(tmp_path, present=True)


def test_monkeys_unpacked_into_a_folder_twice(tmp_path, monkeypatch):
    """The publisher's archive holds training/training and validation/validation."""
    change_card(monkeypatch, "monkeys10", sizes={"train": 60, "test": 60})
    for part in ("training", "validation"):
        write_classes(tmp_path / "10-monkey-species" / part / part, [f"n{i}" for i in range(10)], 6)
    assert len(load_dataset("monkeys10", tmp_path, size=8).test) == 60


@pytest.mark.parametrize("name", sorted(set(cards.official_names()) - {"digits", "mnist_5k"}))
def test_every_official_set_is_missing_in_an_empty_folder_and_says_what_to_do(tmp_path, name):
    card = cards.load_card(name)
    assert not is_present(tmp_path, card)
    with pytest.raises(
        FileNotFoundError, match=r"is missing; .*(spinalnet data fetch|from .*unpack it under the data root)"
    ):
        load_dataset(name, tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "3", "[" * 100_000])
def test_a_damaged_manifest_is_named(tmp_path, monkeypatch, content):
    write_idx(tmp_path, "kmnist", monkeypatch)
    (tmp_path / "KMNIST" / "raw" / publishers.MANIFEST).write_text(content)
    with pytest.raises(ValueError, match=r"spinalnet_sha256.json is no JSON object .*delete it"):
        load_dataset("kmnist", tmp_path)


HASHED = {"cifar10": write_cifar10, "cifar100": write_cifar100, "svhn": write_svhn, "stl10": write_stl10}


@pytest.mark.parametrize("name", HASHED)
def test_sets_with_torchvisions_hashes(tmp_path, monkeypatch, name):
    """Read and shown as torchvision does; damaged files are named before anything is unpickled."""
    path, (train, test), shape = HASHED[name](tmp_path, monkeypatch)
    assert name in list_datasets(tmp_path, present=True)
    data = load_dataset(name, tmp_path)
    assert data.source == "official" and data.train.images.shape[1:] == shape
    assert (len(data.full_train), len(data.test)) == (train, test)
    assert sorted(set(data.test.labels.tolist())) == list(range(data.card["num_classes"]))
    cls, arguments = getattr(torchvision.datasets, data.card["torchvision"]["class"]), data.card["torchvision"]["calls"]
    picture, label = cls(tmp_path, **arguments[1])[7]
    assert (data.test.images[7].permute(1, 2, 0).numpy() == np.asarray(picture)).all() and data.test.labels[7] == label
    remedy = f"spinalnet data fetch {name}"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match=rf"{path.name} differs from the published file.*{remedy}"):
        load_dataset(name, tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=rf"{path.name} is missing; .*{remedy}"):
        load_dataset(name, tmp_path)
    assert name not in list_datasets(tmp_path, present=True)


def test_flowers_keep_the_publishers_three_parts(tmp_path, monkeypatch):
    folder = write_flowers(tmp_path, monkeypatch)
    data = load_dataset("flowers102", tmp_path, size=16)
    assert (len(data.train), len(data.val), len(data.test)) == (102, 102, 102)
    assert data.card["classes"][0] == "pink primrose" and data.test.labels.tolist() == list(range(102))
    assert data.test.images.files[0].name == "image_00205.jpg"
    (folder / "jpg" / "image_00205.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"image_00205.jpg is missing"):
        load_dataset("flowers102", tmp_path)
    (folder / "setid.mat").write_bytes(b"")
    with pytest.raises(ValueError, match=r"setid.mat differs from the published file"):
        load_dataset("flowers102", tmp_path)


def test_cars_in_their_original_archives(tmp_path, monkeypatch):
    change_card(monkeypatch, "cars", sizes={"train": 18, "test": 3}, num_classes=3, classes=None)
    root = tmp_path / "stanford_cars"
    (root / "devkit").mkdir(parents=True)
    names = np.array([f"car {c}" for c in range(3)], dtype=object)
    scipy.io.savemat(root / "devkit" / "cars_meta.mat", {"class_names": names})
    tables = {"train": root / "devkit" / "cars_train_annos.mat", "test": root / "cars_test_annos_withlabels.mat"}
    for part, table in tables.items():
        rows = [(f"{c + 1:05d}.jpg", c + 1) for c in range(3)] * (6 if part == "train" else 1)
        scipy.io.savemat(table, {"annotations": np.array(rows, dtype=[("fname", object), ("class", object)])})
        for c in range(3):
            write_photo(root / f"cars_{part}" / f"{c + 1:05d}.jpg", c)
    data = load_dataset("cars", tmp_path, size=8)
    assert (len(data.full_train), len(data.test)) == (18, 3) and data.card["classes"] == ["car 0", "car 1", "car 2"]
    assert data.test.labels.tolist() == list(range(3))
    tables["test"].unlink()
    with pytest.raises(FileNotFoundError, match=r"stanford_cars lacks a file of its devkit"):
        load_dataset("cars", tmp_path)
