import functools
import gzip
import hashlib
import lzma
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from spinalnet_lib.data import readers
from spinalnet_lib.machine import memory_bytes
from tests.data.cases import idx_bytes, sheet

REMEDY = "fetch it again"
PACKERS = [(".gz", gzip.compress), (".xz", functools.partial(lzma.compress, preset=0))]  # its unpacker takes little


@pytest.fixture
def images(tmp_path):
    array = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(idx_bytes(array))
    return path, array


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), *PACKERS])
def test_idx_is_read_plain_and_packed(images, suffix, pack):
    path, array = images
    content = path.read_bytes()
    path.unlink()
    path.with_name(path.name + suffix).write_bytes(pack(content))
    assert (readers.read_idx(path, (2, 3, 4), None, REMEDY) == array).all()


DAMAGES = {
    "truncated": (lambda content: content[:-1], "holds 23 bytes after its header, which says 24"),
    "longer": (lambda content: content + b"x", "holds more than 24 bytes"),
    "wrong magic": (lambda content: b"\0\0\x08\x01" + content[4:], "begins with 00000801, no idx file of 3 dim"),
    "another type": (lambda content: b"\0\0\x0d\x03" + content[4:], "begins with 00000d03"),
    "no header": (lambda content: content[:6], r"holds an array \(\), its card says \(2, 3, 4\)"),
    "empty": (lambda content: b"", "begins with , no idx file"),
    "wrong size": (lambda content: content[:7] + b"\x03" + content[8:], r"holds an array \(3, 3, 4\)"),
    "a web page": (lambda content: b"<!DOCTYPE html><html>moved</html>", "is a web page, not data"),
    "an error in XML": (lambda content: b"\n<?xml version='1.0'?><Error/>", "is a web page, not data"),
    "a flipped bit": (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "differs from the published file"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_idx_is_named_with_what_is_wrong_and_the_remedy(images, damage):
    path, _ = images
    change, message = DAMAGES[damage]
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=message) as caught:
        readers.read_idx(path, (2, 3, 4), sha256, REMEDY)
    assert str(path) in str(caught.value) and str(caught.value).endswith(REMEDY)


@pytest.mark.parametrize(("suffix", "pack"), PACKERS)
@pytest.mark.parametrize("change", [lambda packed: packed[:-9], lambda packed: b"no archive"])
def test_damaged_archives_are_named(images, suffix, pack, change):
    path, _ = images
    packed = path.with_name(path.name + suffix)
    packed.write_bytes(change(pack(path.read_bytes())))
    path.unlink()
    with pytest.raises(ValueError, match="cannot be unpacked") as caught:
        readers.read_idx(path, (2, 3, 4), None, REMEDY)
    assert str(packed) in str(caught.value) and str(caught.value).endswith(REMEDY)


@pytest.mark.parametrize(("suffix", "pack"), PACKERS)
@pytest.mark.parametrize("kind", ["idx", "npy"])
def test_an_archive_that_unpacks_to_far_more_than_its_header_says_takes_no_memory(images, suffix, pack, kind):
    path, array = images
    np.save(path.with_name("npy.npy"), array)
    plain = {"idx": path, "npy": path.with_name("npy.npy")}[kind]
    plain.with_name(plain.name + suffix).write_bytes(pack(plain.read_bytes() + bytes(2**24)))
    plain.unlink()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="more than 24 bytes"):
            if kind == "idx":
                readers.read_idx(plain, (2, 3, 4), None, REMEDY)
            readers.read_npy(plain, lambda dtype, shape: True, "", REMEDY)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_an_array_that_memory_does_not_hold_is_refused_before_it_is_unpacked(tmp_path):
    with lzma.open(tmp_path / "x.npy.xz", "wb") as file:
        shape = (memory_bytes() // 2**20 * 3 // 4, 2**10, 2**10)
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.write(bytes(2**20))
    with pytest.raises(ValueError, match=r"x.npy says that it holds .* bytes"):
        readers.read_npy(tmp_path / "x.npy", lambda dtype, shape: True, "", REMEDY)


def test_a_sheet_of_too_many_pixels_is_named_before_it_is_decoded(tmp_path, monkeypatch):
    path = sheet(tmp_path, np.zeros((8, 8, 8, 3), np.uint8), 4)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match=r"train_000.webp"):
        readers.read_sheets([path], 8, 4, 8, REMEDY)


def test_npy_is_read_without_pickles_by_rows_or_columns(tmp_path):
    path = tmp_path / "x.npy"
    for array in (np.arange(12).reshape(3, 4), np.asfortranarray(np.arange(12).reshape(3, 4))):
        np.save(path, array)
        assert (readers.read_npy(path, lambda dtype, shape: shape == (3, 4), "", REMEDY) == array).all()
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"x.npy holds object \(1,\), needed is int64"):
        readers.read_npy(path, lambda dtype, shape: dtype == np.int64, "int64", REMEDY)


def test_sheets_are_cut_in_reading_order(tmp_path):
    tiles = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    paths = [sheet(tmp_path, tiles[:8], 4), sheet(tmp_path, tiles[8:], 4, "train_001.webp")]
    assert (readers.read_sheets(paths, 8, 4, 11, REMEDY) == tiles[:11]).all()
    with pytest.raises(ValueError, match="hold 12 images, the card says 13"):
        readers.read_sheets(paths, 8, 4, 13, REMEDY)
    with pytest.raises(ValueError, match="is no sheet of 7-pixel images"):
        readers.read_sheets(paths, 7, 4, 12, REMEDY)
    paths[0].write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"train_000.webp is no sheet"):
        readers.read_sheets(paths, 8, 4, 12, REMEDY)
