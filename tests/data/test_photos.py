import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from spinalnet_lib.data import photos
from spinalnet_lib.data.decoding import decode
from spinalnet_lib.data.photos import Photos, cache_folder
from tests.data.cases import unwritable, write_photo


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
    assert len(lazy.index_select(0, torch.tensor([3, 1]))) == 2 and not cache.exists()  # nothing is decoded yet
    for index in (slice(2, 5), slice(None), torch.tensor([4, 4, 0]), [1, 3], torch.arange(7) % 2 == 0, 3):
        assert torch.equal(lazy[index], whole[index]), index
    assert torch.equal(lazy.to("cpu")[:], whole)
    first, second = (lazy.index_select(0, torch.tensor(index)) for index in ([5, 1], [0, 2]))
    assert torch.equal(first[:], whole[[5, 1]]) and torch.equal(first.joined(second)[:], whole[[5, 1, 0, 2]])
    assert all(map(torch.equal, lazy.split(3), whole.split(3)))


def test_an_unusable_image_is_named_when_it_is_asked_for(files, cache):
    files[3].write_bytes(files[3].read_bytes()[: files[3].stat().st_size // 2])
    with pytest.raises(ValueError, match=r"3.png cannot be read as an image .*delete it"):
        Photos(files, 16, cache)[:3]
    files[3].write_bytes(files[2].read_bytes())  # mended: nothing wrong was kept
    assert (Photos(files, 16, cache)[3].numpy() == decode(files[3], 16)).all()


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
    assert sorted(decoded) == files
    Photos(files, 8, cache)[:]
    assert len(list(cache.glob("*.pixels"))) == 2  # another size is


def test_what_is_left_of_a_cut_or_killed_decode_is_not_taken_for_whole(files, cache):
    whole = Photos(files, 16, cache)[:]
    (pixels,) = cache.glob("*.pixels")
    pixels.rename(pixels.with_name(f".{pixels.name}.123"))  # as a killed process leaves it
    assert torch.equal(Photos(files, 16, cache)[:], whole) and list(cache.glob("*px-*")) == [pixels]
    pixels.write_bytes(pixels.read_bytes()[:-1])
    assert torch.equal(Photos(files, 16, cache)[:], whole)


def test_two_who_ask_at_once_decode_once(files, cache, monkeypatch):
    decoded = []
    monkeypatch.setattr(photos, "decode", lambda path, size: decoded.append(path) or decode(path, size))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: Photos(files, 16, cache)[:], range(2)))
    assert torch.equal(*both) and sorted(decoded) == files


@pytest.mark.processes
def test_a_killed_process_leaves_a_cache_that_heals(files, cache, tmp_path):
    code = f"""
import os, pathlib
from spinalnet_lib.data import photos
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


def test_a_place_without_room_or_that_is_read_only_is_named_with_the_remedy(files, cache, tmp_path):
    with pytest.raises(OSError, match=r"decoded photographs need [\d,]+ bytes in .*cache, [\d,]+ are free; free some"):
        Photos(files, 1_000_000, cache)[:1]
    assert not list(cache.glob("*px-*"))
    with pytest.raises(OSError, match=r"cannot be kept in .*; set SPINALNET_CACHE to a folder that can be written"):
        Photos(files, 16, unwritable(tmp_path))[:]


def test_the_cache_lies_beside_the_data_or_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.delenv("SPINALNET_CACHE", raising=False)
    assert cache_folder(tmp_path, "x") == tmp_path / ".decoded" / "x"
    monkeypatch.setenv("SPINALNET_CACHE", "/elsewhere")
    assert str(cache_folder(tmp_path, "x")) == "/elsewhere/x"
