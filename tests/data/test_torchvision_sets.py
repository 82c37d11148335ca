"""Sets that torchvision reads, written small. Only its tables of sizes and checksums are replaced."""

import pickle

import numpy as np
import pytest
import scipy.io
import torchvision

from spinalnet_lib import list_datasets, load_dataset
from spinalnet_lib.data import cards
from tests.data.cases import change_card, md5, write_photo, write_stl10


def write_cifar10(root, monkeypatch):
    cls, folder = torchvision.datasets.CIFAR10, root / "cifar-10-batches-py"
    folder.mkdir()
    rng, labels = np.random.default_rng(0), [i % 10 for i in range(60)]
    for name, _ in cls.train_list + cls.test_list:
        images = rng.integers(0, 256, (60, 3072), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": images, "labels": labels}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": cards.load_card("cifar10")["classes"]}))
    hash_cifar(cls, folder, monkeypatch)
    return folder / "data_batch_3", (300, 60), (3, 32, 32)


def write_cifar100(root, monkeypatch):
    cls, folder = torchvision.datasets.CIFAR100, root / "cifar-100-python"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, count in (("train", 600), ("test", 200)):
        images, labels = rng.integers(0, 256, (count, 3072), dtype=np.uint8), [i % 100 for i in range(count)]
        (folder / name).write_bytes(pickle.dumps({"data": images, "fine_labels": labels}))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": cards.load_card("cifar100")["classes"]}))
    hash_cifar(cls, folder, monkeypatch)
    return folder / "train", (600, 200), (3, 32, 32)


def hash_cifar(cls, folder, monkeypatch):
    for table in ("train_list", "test_list"):
        monkeypatch.setattr(cls, table, [[name, md5(folder / name)] for name, _ in getattr(cls, table)])
    monkeypatch.setattr(cls, "meta", cls.meta | {"md5": md5(folder / cls.meta["filename"])})


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


HASHED = {"cifar10": write_cifar10, "cifar100": write_cifar100, "svhn": write_svhn, "stl10": write_stl10}


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
def test_a_folder_in_which_a_file_is_missing_is_not_the_set(tmp_path, monkeypatch, name):
    path, _, _ = HASHED[name](tmp_path, monkeypatch)
    path.unlink()
    assert name not in list_datasets(tmp_path, present=True)


@pytest.mark.parametrize("name", HASHED)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), ValueError, "differs from the published file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"), ValueError, "differs from the published file"),
        (lambda path: path.write_text("<html>"), ValueError, "differs from the published file"),
        (lambda path: path.unlink(), FileNotFoundError, "is missing"),
    ],
)
def test_damaged_files_are_named_before_anything_is_unpickled(tmp_path, monkeypatch, name, change, error, message):
    path, _, _ = HASHED[name](tmp_path, monkeypatch)
    change(path)
    with pytest.raises(error, match=message) as caught:
        load_dataset(name, tmp_path)
    assert str(path) in str(caught.value) and f"spinalnet data fetch {name}" in str(caught.value)


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
