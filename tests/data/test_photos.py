import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from spinalnet_lib.data import photos
from spinalnet_lib.data.class_folders import list_class_folders
from spinalnet_lib.data.photos import Photos, cache_folder, decode
from tests.data.cases import unwritable, write_classes, write_photo


@pytest.fixture
def files(tmp_path):
    return [write_photo(tmp_path / "set" / f"{i}.png", i) for i in range(7)]


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_photos_index_like_a_tensor(files, cache):
    lazy = Photos(files, 16, cache)
    whole = torch.from_numpy(np.stack([decode(path, 16) for path in files]))
    assert lazy.shape == whole.shape and len(lazy) == 7 and lazy.dtype == torch.uint8
    for index in (
        slice(2, 5),
        slice(None),
        torch.tensor([4, 4, 0]),
        np.array([6]),
        [1, 3],
        torch.arange(7) % 2 == 0,
        3,
    ):
        assert torch.equal(lazy[index], whole[index]), index
    assert torch.equal(lazy.to("cpu"), whole)
    assert torch.equal(lazy.select(np.array([5, 1]))[:], whole[[5, 1]])
    assert torch.equal(lazy.select(np.array([5])).joined(lazy.select(np.array([0, 2])))[:], whole[[5, 0, 2]])
    assert torch.equal(torch.cat(list(lazy.chunks(3))), whole)


def test_a_photograph_is_its_middle_square_resized(tmp_path):
    path = write_photo(tmp_path / "wide.png", size=(60, 30))
    picture = Image.open(path).resize((10, 10), Image.Resampling.BILINEAR, box=(15, 0, 45, 30))
    assert (decode(path, 10).transpose(1, 2, 0) == np.asarray(picture)).all()


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA", "LA"])
def test_grey_and_palette_images_become_rgb(tmp_path, mode):
    path = write_photo(tmp_path / "x.png", mode=mode)
    assert decode(path, 16).shape == (3, 16, 16)


def test_a_turned_photograph_stands_upright(tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = Image.open(write_photo(tmp_path / "x.png", size=(30, 30)))
    upright.rotate(90).save(path, exif=exif, quality=100, subsampling=0)
    difference = decode(path, 30).astype(int) - np.asarray(upright.convert("RGB")).transpose(2, 0, 1)
    assert np.abs(difference).mean() < 3
    assert ImageOps.exif_transpose(Image.open(path)).size == (30, 30)


def test_what_is_transparent_is_white(tmp_path):
    Image.new("RGBA", (20, 20), (200, 10, 10, 0)).save(tmp_path / "x.png")
    assert (decode(tmp_path / "x.png", 16) == 255).all()


@pytest.mark.parametrize(("mode", "suffix"), [("I;16", ".png"), ("F", ".tif")])
def test_more_than_eight_bits_are_refused(tmp_path, mode, suffix):
    Image.new(mode, (20, 20)).save(tmp_path / f"x{suffix}")
    with pytest.raises(ValueError, match=r"is a .* image, whose range is not known; convert it to 8-bit RGB"):
        decode(tmp_path / f"x{suffix}", 16)


def damage_text(path):
    path.write_text("not an image")


def damage_cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_cmyk(path):
    Image.open(path).convert("CMYK").save(path.with_suffix(".tif"))
    path.with_suffix(".tif").replace(path)


def damage_pixel(path):
    Image.new("RGB", (1, 1)).save(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_text, "cannot be read as an image"),
        (damage_cut, "cannot be read as an image"),
        (damage_cmyk, "is a CMYK image"),
        (damage_pixel, "is 1×1 pixels, at least 8 a side"),
    ],
)
def test_unusable_images_are_named_when_they_are_asked_for(files, cache, damage, message):
    damage(files[3])
    lazy = Photos(files, 16, cache)
    assert lazy[:3].shape == (3, 3, 16, 16)
    with pytest.raises(ValueError, match=message) as caught:
        lazy[:]
    assert str(files[3]) in str(caught.value) and "delete it" in str(caught.value)
    files[3].write_bytes(files[2].read_bytes())  # mended: nothing was lost, nothing wrong was kept
    assert (Photos(files, 16, cache)[3].numpy() == decode(files[3], 16)).all()


def test_the_second_epoch_decodes_nothing(files, cache, monkeypatch):
    before = Photos(files, 16, cache)[:]
    decoded = []
    monkeypatch.setattr(photos, "decode", lambda path, size: decoded.append(path))
    assert torch.equal(Photos(files, 16, cache)[:], before) and not decoded


def test_only_what_is_asked_for_is_decoded(files, cache, monkeypatch):
    decoded = []
    monkeypatch.setattr(photos, "decode", lambda path, size: decoded.append(path) or decode(path, size))
    lazy = Photos(files, 16, cache)
    assert not decoded and not cache.exists()
    lazy[torch.tensor([2, 2, 5])]
    assert sorted(decoded) == [files[2], files[5]]


def test_changed_photographs_are_decoded_again(files, cache, monkeypatch):
    before = Photos(files, 16, cache)[:]
    write_photo(files[0], seed=99)
    after = Photos(files, 16, cache)[:]
    assert not torch.equal(after[0], before[0]) and torch.equal(after[1:], before[1:])
    assert len(list(cache.glob("*.pixels"))) == 1  # the old cache is not kept
    status, decoded = files[1].stat(), []
    os.utime(files[1], ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))  # the same size, another time
    monkeypatch.setattr(photos, "decode", lambda path, size: decoded.append(path) or decode(path, size))
    Photos(files, 16, cache)[:1]
    assert decoded == files[:1]
    Photos(files, 8, cache)[:]
    assert len(list(cache.glob("*.pixels"))) == 2  # another size is


def test_a_half_written_cache_is_not_taken_for_whole(files, cache):
    whole = Photos(files, 16, cache)[:]
    (pixels,) = cache.glob("*.pixels")
    content = bytearray(pixels.read_bytes())
    content[5 * 3 * 16 * 16 + 7] ^= 1  # one bit of the sixth image
    pixels.write_bytes(content)
    assert torch.equal(Photos(files, 16, cache)[:], whole)
    pixels.write_bytes(pixels.read_bytes()[:-1])
    assert torch.equal(Photos(files, 16, cache)[:], whole)


@pytest.mark.processes
def test_a_killed_process_leaves_a_cache_that_heals(files, cache, tmp_path):
    code = f"""
import os, pathlib
from spinalnet_lib import photos
keep = photos.decode
def decode(path, size):
    if path.name == "4.png":
        os.kill(os.getpid(), 9)
    return keep(path, size)
photos.decode = decode
files = [pathlib.Path(path) for path in {[str(path) for path in files]!r}]
photos.Photos(files, 16, pathlib.Path({str(cache)!r}))[:]
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert torch.equal(Photos(files, 16, cache)[:], torch.from_numpy(np.stack([decode(path, 16) for path in files])))


def test_no_room_for_the_cache_is_said_before_anything_is_written(files, cache):
    with pytest.raises(OSError, match=r"decoded photographs need [\d,]+ bytes in .*cache, [\d,]+ are free; free some"):
        Photos(files, 1_000_000, cache)[:1]
    assert not list(cache.glob("*"))


def test_a_read_only_place_is_named_with_the_remedy(files, tmp_path):
    from pathlib import Path

    with pytest.raises(OSError, match=r"cannot be kept in .*; set SPINALNET_CACHE to a folder that can be written"):
        Photos(files, 16, Path(unwritable(tmp_path)))[:]


def test_the_cache_lies_beside_the_data_or_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.delenv("SPINALNET_CACHE", raising=False)
    assert cache_folder(tmp_path, "x") == tmp_path / ".decoded" / "x"
    monkeypatch.setenv("SPINALNET_CACHE", "/elsewhere")
    assert str(cache_folder(tmp_path, "x")) == "/elsewhere/x"


def test_class_folders_are_listed_in_order(tmp_path):
    write_classes(tmp_path, ["b", "a"], 2)
    (tmp_path / "a" / "notes.txt").write_text("passed over")
    (tmp_path / "a" / "._image_0000.png").write_bytes(b"left by another system")
    (tmp_path / "a" / "folder.png").mkdir()
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    write_photo(tmp_path / "a" / "image_0002.PNG")
    (tmp_path / ".hidden").mkdir(), (tmp_path / "__MACOSX").mkdir()
    found = list_class_folders(tmp_path, leave_out=["b"])
    assert list(found) == ["a"] and [path.name for path in found["a"]] == [
        "image_0000.png",
        "image_0001.png",
        "image_0002.PNG",
    ]


def test_empty_and_missing_class_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none is missing; it should hold a folder a class"):
        list_class_folders(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no class folders"):
        list_class_folders(tmp_path)
    write_classes(tmp_path, ["a"], 1)
    (tmp_path / "b").mkdir()
    with pytest.raises(ValueError, match=r"b holds no images"):
        list_class_folders(tmp_path)
