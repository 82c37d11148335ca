"""Official sets in their publishers' own formats, written small. Only tables of sizes and checksums are replaced."""

import pickle

import numpy as np
import pytest
import scipy.io
import torch
import torchvision

from spinalnet_lib import list_datasets, load_dataset
from spinalnet_lib.data import cards, publishers
from spinalnet_lib.data.cards import is_present
from tests.data.cases import change_card, idx_bytes, md5, write_classes, write_idx, write_photo, write_stl10

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


def test_emnist_letters_is_as_torchvision_reads_it(tmp_path, monkeypatch):
    """torchvision's EMNIST reads the same files, transposed and counted from 1."""
    write_idx(tmp_path, "emnist_letters", monkeypatch)
    folder = tmp_path / "EMNIST" / "raw"
    for split in torchvision.datasets.EMNIST.splits:
        for part in ("train", "test"):
            for what in ("images-idx3", "labels-idx1"):
                stem = f"emnist-{split}-{part}-{what}-ubyte"
                source = folder / f"emnist-letters-{part}-{what}-ubyte"
                (folder / stem).write_bytes(source.read_bytes())
    theirs = torchvision.datasets.EMNIST(tmp_path, split="letters", train=False)
    ours = load_dataset("emnist_letters", tmp_path).test
    assert torch.equal(ours.images[:, 0].transpose(1, 2), theirs.data) and torch.equal(ours.labels + 1, theirs.targets)
    names = load_dataset("emnist_letters", tmp_path).card["classes"]
    assert names[0] == "a" and theirs.classes[1] == "a"


def test_a_label_out_of_range_is_refused(tmp_path, monkeypatch):
    write_idx(tmp_path, "kmnist", monkeypatch)
    card = cards.load_card("kmnist")
    change_card(monkeypatch, "kmnist", num_classes=9, files=card["files"])
    with pytest.raises(ValueError, match="kmnist: labels run from 0 to 9, its card says 0 to 8"):
        load_dataset("kmnist", tmp_path)
    change_card(monkeypatch, "kmnist", num_classes=10, first_label=1, files=card["files"])
    with pytest.raises(ValueError, match="kmnist: labels run from -1 to 8"):
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


def write_folders(root, name, monkeypatch, per_class=6):
    """Three class folders where the publisher's archive puts them; the card's sizes are those of the small set."""
    card = cards.load_card(name)
    classes = (card["classes"] or [f"class {c}" for c in range(card["num_classes"])])[:3]
    sizes = {"train": 0, "test": 0} | {part: per_class * len(classes) for part in card["parts"]}
    change_card(monkeypatch, name, sizes=sizes, num_classes=len(classes), classes=card["classes"] and classes)
    for i, inner in enumerate(card["parts"].values()):
        write_classes(root / card["places"][0] / inner, classes, per_class, first_seed=i, suffix=".jpg")
    return root / card["places"][0], classes


FOLDERS = [name for name, card in CARDS.items() if card["kind"] == "photographs" and "parts" in card]


@pytest.mark.parametrize("name", FOLDERS)
def test_sets_in_class_folders(tmp_path, monkeypatch, name):
    place, classes = write_folders(tmp_path, name, monkeypatch)
    if name == "caltech101":
        write_photo(place / "BACKGROUND_Google" / "image_0001.jpg")
    assert name in list_datasets(tmp_path, present=True)
    data = load_dataset(name, tmp_path, size=16)
    assert data.train.images.shape[1:] == (3, 16, 16) and data.card["classes"] == classes
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


def test_photographs_that_were_unpacked_in_part_are_not_taken_for_whole(tmp_path, monkeypatch):
    write_folders(tmp_path, "hymenoptera", monkeypatch)
    change_card(monkeypatch, "hymenoptera", sizes={"train": 244, "test": 153})
    with pytest.raises(
        ValueError, match="the train part has 12 photographs, its card says 244; unpack the archive again"
    ):
        load_dataset("hymenoptera", tmp_path)


def test_monkeys_unpacked_into_a_folder_twice(tmp_path, monkeypatch):
    """The publisher's archive holds training/training and validation/validation."""
    change_card(monkeypatch, "monkeys10", sizes={"train": 60, "test": 60})
    for part in ("training", "validation"):
        write_classes(tmp_path / "10-monkey-species" / part / part, [f"n{i}" for i in range(10)], 6)
    assert len(load_dataset("monkeys10", tmp_path, size=8).test) == 60


def test_another_release_is_not_taken_for_the_papers(tmp_path, monkeypatch):
    place, _ = write_folders(tmp_path, "birds225", monkeypatch, per_class=1)
    for part in ("train", "valid", "test"):
        write_photo(place / part / "one more" / "x.jpg")
    with pytest.raises(ValueError, match=r"birds225 has 4 class folders, its card says 3: another release\?"):
        load_dataset("birds225", tmp_path)


def test_an_empty_renamed_or_missing_folder_is_named(tmp_path, monkeypatch):
    place, _ = write_folders(tmp_path, "hymenoptera", monkeypatch, per_class=1)
    (place / "val").rename(place / "elsewhere")
    assert "hymenoptera" not in list_datasets(tmp_path, present=True)
    (place / "elsewhere").rename(place / "val")
    (place / "val" / "bees").rename(place / "val" / "wasps")
    with pytest.raises(ValueError, match=r"the test part and the card differ in the class folders bees, wasps"):
        load_dataset("hymenoptera", tmp_path)


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


def write_cifar10(root, monkeypatch):
    cls, folder = torchvision.datasets.CIFAR10, root / "cifar-10-batches-py"
    folder.mkdir()
    rng, labels = np.random.default_rng(0), [i % 10 for i in range(60)]
    for name, _ in cls.train_list + cls.test_list:
        images = rng.integers(0, 256, (60, 3072), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": images, "labels": labels}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": cards.load_card("cifar10")["classes"]}))
    for table in ("train_list", "test_list"):
        monkeypatch.setattr(cls, table, [[name, md5(folder / name)] for name, _ in getattr(cls, table)])
    monkeypatch.setattr(cls, "meta", cls.meta | {"md5": md5(folder / "batches.meta")})
    return folder / "data_batch_3", (300, 60), (3, 32, 32)


def write_svhn(root, monkeypatch):
    cls, table = torchvision.datasets.SVHN, {}
    for part, (url, name, _) in cls.split_list.items():
        count = {"train": 60, "test": 20}.get(part)
        if count:
            images = np.random.default_rng(count).integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
            labels = (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]  # 1 … 10, and 10 is the digit 0
            scipy.io.savemat(root / name, {"X": images, "y": labels})
            table[part] = [url, name, md5(root / name)]
    monkeypatch.setattr(cls, "split_list", cls.split_list | table)
    return root / "test_32x32.mat", (60, 20), (3, 32, 32)


HASHED = {"cifar10": write_cifar10, "svhn": write_svhn, "stl10": write_stl10}


@pytest.mark.parametrize("name", HASHED)
def test_sets_with_torchvisions_hashes(tmp_path, monkeypatch, name):
    _, (train, test), shape = HASHED[name](tmp_path, monkeypatch)
    assert name in list_datasets(tmp_path, present=True)
    data = load_dataset(name, tmp_path)
    assert data.source == "official" and data.train.images.shape[1:] == shape
    assert (len(data.full_train), len(data.test)) == (train, test)
    assert sorted(set(data.test.labels.tolist())) == list(range(data.card["num_classes"]))


def test_images_of_svhn_and_stl10_stand_as_torchvision_shows_them(tmp_path, monkeypatch):
    for name, cls in (("svhn", torchvision.datasets.SVHN), ("stl10", torchvision.datasets.STL10)):
        HASHED[name](tmp_path, monkeypatch)
        test = load_dataset(name, tmp_path).test
        picture, label = cls(tmp_path, split="test")[7]
        assert (test.images[7].permute(1, 2, 0).numpy() == np.asarray(picture)).all() and test.labels[7] == label


@pytest.mark.parametrize("name", HASHED)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"), ValueError, "differs from the published file"),
        (lambda path: path.unlink(), FileNotFoundError, "is missing"),
    ],
)
def test_damaged_files_are_named_before_anything_is_unpickled(tmp_path, monkeypatch, name, change, error, message):
    path, _, _ = HASHED[name](tmp_path, monkeypatch)
    change(path)
    with pytest.raises(error, match=message) as caught:
        load_dataset(name, tmp_path)
    assert str(path) in str(caught.value) and f"spinalnet data fetch {name}" in str(caught.value)
    assert path.exists() or name not in list_datasets(tmp_path, present=True)


def write_flowers(root, monkeypatch):
    cls, folder = torchvision.datasets.Flowers102, root / "flowers-102"
    folder.mkdir()
    ids = np.arange(1, 102 * 3 + 1)
    for i in ids:
        write_photo(folder / "jpg" / f"image_{i:05d}.jpg", int(i))
    scipy.io.savemat(folder / "imagelabels.mat", {"labels": (ids - 1) % 102 + 1})
    scipy.io.savemat(folder / "setid.mat", {"trnid": ids[:102], "valid": ids[102:204], "tstid": ids[204:]})
    table = {
        what: (name, md5(folder / name) if (folder / name).exists() else h)
        for what, (name, h) in cls._file_dict.items()
    }
    monkeypatch.setattr(cls, "_file_dict", table)
    change_card(monkeypatch, "flowers102", sizes={"train": 102, "val": 102, "test": 102})
    return folder


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
    for part, table in (
        ("train", root / "devkit" / "cars_train_annos.mat"),
        ("test", root / "cars_test_annos_withlabels.mat"),
    ):
        rows = [(f"{c + 1:05d}.jpg", c + 1) for c in range(3) for _ in range(1)]
        if part == "train":
            rows = rows * 6
        scipy.io.savemat(table, {"annotations": np.array(rows, dtype=[("fname", object), ("class", object)])})
        for c in range(3):
            write_photo(root / f"cars_{part}" / f"{c + 1:05d}.jpg", c)
    data = load_dataset("cars", tmp_path, size=8)
    assert (len(data.full_train), len(data.test)) == (18, 3) and data.card["classes"] == ["car 0", "car 1", "car 2"]
    assert data.test.labels.tolist() == list(range(3))
    (root / "cars_test_annos_withlabels.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"stanford_cars lacks a file of its devkit"):
        load_dataset("cars", tmp_path)
