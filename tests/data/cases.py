"""Small sets of every kind, written as their publishers ship them."""

import copy
import gzip
import hashlib
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import scipy.io
import torchvision
from PIL import Image

from spinalnet_lib.data import cards, checking, fetching, loading, publishers


def flip_in_gz(path):
    """Pack a file and damage it: no block of a .gz has this kind."""
    packed = bytearray(gzip.compress(path.read_bytes()))
    packed[10] ^= 0x06
    path.with_name(path.name + ".gz").write_bytes(packed)
    path.unlink()


def write_photo(path, seed=0, size=(40, 30), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1] // 10 + 1, size[0] // 10 + 1, 3), dtype=np.uint8)
    Image.fromarray(noise).resize(size).convert(mode).save(path)
    return path


def write_classes(folder, classes, per_class, suffix=".png", first_seed=0):
    for c, name in enumerate(classes):
        for i in range(per_class):
            write_photo(folder / name / f"image_{i:04d}{suffix}", first_seed + 1000 * c + i)
    return folder


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def unwritable(tmp_path):
    if os.geteuid() == 0:  # no folder is read-only for root, but this file system is
        return Path("/sys/spinalnet")
    (tmp_path / "locked").mkdir(mode=0o555)
    return tmp_path / "locked" / "cache"


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def change_card(monkeypatch, name, **changes):
    """Replace sizes and hashes on a card; everything else stays."""
    load = cards.load_card

    def changed(asked, root=None):
        return load(asked, root) | copy.deepcopy(changes) if asked == name else load(asked, root)

    for module in (cards, checking, fetching, loading, publishers):
        monkeypatch.setattr(module, "load_card", changed)


def write_idx(root, name, monkeypatch, per_class=6, in_test=2):
    """The files of a set of MNIST's kind; returns images and labels as the publisher counts and turns them."""
    card = cards.load_card(name)
    folder = root / card["places"][0]
    folder.mkdir(parents=True, exist_ok=True)
    rng, files, arrays = np.random.default_rng(0), {}, {}
    for stem, file in card["files"].items():
        training = "train" in stem
        labels = np.arange(card["num_classes"] * (per_class if training else in_test)) % card["num_classes"]
        if "images" in stem:
            array = rng.integers(0, 256, (len(labels), 28, 28), dtype=np.uint8)
        else:
            array = (labels + card.get("first_label", 0)).astype(np.uint8)
            if len(file["shape"]) == 2:  # QMNIST: eight columns, the class first
                array = np.stack([labels, *rng.integers(0, 99, (7, len(labels)))], 1).astype(np.int32)
        content = idx_bytes(array)
        (folder / stem).write_bytes(content)
        files[stem] = {"shape": list(array.shape), "sha256": hashlib.sha256(content).hexdigest()}
        arrays[stem] = array
    change_card(monkeypatch, name, files=files)
    return list(arrays.values())


def write_stl10(root, monkeypatch):
    cls, folder = torchvision.datasets.STL10, root / "stl10_binary"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, count in (("train", 60), ("test", 20)):
        (folder / f"{part}_X.bin").write_bytes(rng.integers(0, 256, (count, 3, 96, 96), dtype=np.uint8).tobytes())
        (folder / f"{part}_y.bin").write_bytes((np.arange(count) % 10 + 1).astype(np.uint8).tobytes())
    (folder / "unlabeled_X.bin").write_bytes(b"")
    (folder / "class_names.txt").write_text("\n".join(cards.load_card("stl10")["classes"]))
    for table in ("train_list", "test_list"):
        monkeypatch.setattr(cls, table, [[name, md5(folder / name)] for name, _ in getattr(cls, table)])
    return folder / "test_X.bin", (60, 20), (3, 96, 96)


def write_cifar10(root, monkeypatch):
    return _write_cifar(root, "cifar10", torchvision.datasets.CIFAR10, "labels", 60, monkeypatch)


def write_cifar100(root, monkeypatch):
    return _write_cifar(root, "cifar100", torchvision.datasets.CIFAR100, "fine_labels", 600, monkeypatch)


def _write_cifar(root, name, cls, key, count, monkeypatch):
    """So many images in each of the publisher's files."""
    folder, card = root / cls.base_folder, cards.load_card(name)
    folder.mkdir()
    rng, labels = np.random.default_rng(0), [i % card["num_classes"] for i in range(count)]
    for file, _ in cls.train_list + cls.test_list:
        images = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        (folder / file).write_bytes(pickle.dumps({"data": images, key: labels}))
    (folder / cls.meta["filename"]).write_bytes(pickle.dumps({cls.meta["key"]: card["classes"]}))
    for table in ("train_list", "test_list"):
        monkeypatch.setattr(cls, table, [[name, md5(folder / name)] for name, _ in getattr(cls, table)])
    monkeypatch.setattr(cls, "meta", cls.meta | {"md5": md5(folder / cls.meta["filename"])})
    last = folder / cls.train_list[-1][0]
    return last, (count * len(cls.train_list), count), (3, 32, 32)


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


def write_flowers(root, monkeypatch, per_class=1):
    cls, folder, part = torchvision.datasets.Flowers102, root / "flowers-102", 102 * per_class
    folder.mkdir()
    ids = np.arange(1, part * 3 + 1)
    for i in ids:
        write_photo(folder / "jpg" / f"image_{i:05d}.jpg", int(i))
    scipy.io.savemat(folder / "imagelabels.mat", {"labels": (ids - 1) % 102 + 1})
    scipy.io.savemat(
        folder / "setid.mat", {"trnid": ids[:part], "valid": ids[part : 2 * part], "tstid": ids[2 * part :]}
    )
    table = {
        what: (name, md5(folder / name) if (folder / name).exists() else h)
        for what, (name, h) in cls._file_dict.items()
    }
    monkeypatch.setattr(cls, "_file_dict", table)
    change_card(monkeypatch, "flowers102", sizes={"train": part, "val": part, "test": part})
    return folder


def write_folders(root, name, monkeypatch, per_class=6):
    """Three class folders where the publisher's archive puts them; the card's sizes are those of the small set."""
    card = cards.load_card(name)
    classes = (card["classes"] or [f"class {c}" for c in range(card["num_classes"])])[:3]
    sizes = {"train": 0, "test": 0} | {part: per_class * len(classes) for part in card["parts"]}
    change_card(monkeypatch, name, sizes=sizes, num_classes=len(classes), classes=card["classes"] and classes)
    for i, inner in enumerate(card["parts"].values()):
        write_classes(root / card["places"][0] / inner, classes, per_class, first_seed=i, suffix=".jpg")
    return root / card["places"][0], classes


def idx_bytes(array):
    kind = 8 if array.dtype == np.uint8 else 12
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def sheet(tmp_path, tiles, columns, name="train_000.webp"):
    rows = tiles.reshape(-1, columns, *tiles.shape[1:]).swapaxes(1, 2)
    picture = rows.reshape(rows.shape[0] * rows.shape[1], -1, 3)
    Image.fromarray(picture).save(tmp_path / name, lossless=True)
    return tmp_path / name
