"""Downloads from a server on this machine that stands in for the internet as a proxy: torchvision's own code runs.

Only tables of sizes and checksums are replaced, as the files are small ones.
"""

import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torchvision

from spinalnet_lib import list_datasets, load_dataset
from spinalnet_lib.data import cards, checking, fetching
from spinalnet_lib.data.checking import check_dataset
from spinalnet_lib.data.fetching import fetch
from tests.data.cases import change_card, unwritable, write_idx, write_stl10


class Internet(dict):
    """Content by file name; what to do with a request is in `manner`."""

    manner = "whole"


@pytest.fixture
def internet(monkeypatch):
    content = Internet()

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self):
            body = content.get(self.path.rsplit("/", 1)[-1])
            if body is None or content.manner == "gone":
                self.send_error(404)
                return
            body = {"web page": b"<!DOCTYPE html>", "changed": gzip.compress(b"other labels")}.get(content.manner, body)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            half = content.manner == "cut off" and self.path.endswith(content.last)
            self.wfile.write(body[: len(body) // 2] if half else body)
            if half:
                self.wfile.flush()
                self.connection.close()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()  # looks so often for the end
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # it remembers the proxies of its first use
    yield content
    server.shutdown()


def left(root):
    """What is under a data root, the locks of fetches apart."""
    return sorted(
        path.name
        for path in [*root.iterdir(), *root.glob(".fetching/*")]
        if path.name != ".fetching" and path.suffix != ".lock"
    )


@pytest.fixture
def fashion(internet, tmp_path, monkeypatch):
    """A small Fashion-MNIST on the internet: gzipped idx files whose hashes torchvision is told."""
    source = tmp_path / "source"
    write_idx(source, "fashion_mnist", monkeypatch)
    resources = []
    for name, _ in torchvision.datasets.FashionMNIST.resources:
        internet[name] = gzip.compress((source / "FashionMNIST" / "raw" / name.removesuffix(".gz")).read_bytes())
        resources.append((name, hashlib.md5(internet[name]).hexdigest()))
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "resources", resources)
    internet.last = resources[-1][0]
    return internet


def test_a_set_is_fetched_checked_and_put_in_its_place(fashion, tmp_path):
    root = tmp_path / "root"
    data = load_dataset("fashion_mnist", root, download=True)
    assert data.source == "official" and (len(data.full_train), len(data.test)) == (60, 20)
    kept = sorted(path.name for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")
    assert kept == [".spinalnet_sha256.json", *sorted(name.removesuffix(".gz") for name in fashion)]
    assert load_dataset("fashion_mnist", root).sha256 == data.sha256  # without any network
    assert torchvision.datasets.FashionMNIST(root, train=False).data.shape == (20, 28, 28)


@pytest.mark.parametrize("manner", ["gone", "web page", "cut off", "changed"])
def test_a_failed_download_leaves_nothing_and_says_what_to_do(fashion, tmp_path, manner):
    fashion.manner = manner
    root = tmp_path / "root"
    with pytest.raises(ConnectionError, match=r"Fashion-MNIST could not be fetched .*try again, or put"):
        load_dataset("fashion_mnist", root, download=True)
    assert left(root) == [] and "fashion_mnist" not in list_datasets(root, present=True)
    fashion.manner = "whole"
    assert len(load_dataset("fashion_mnist", root, download=True).test) == 20


def test_a_bit_that_flips_after_the_fetch_is_noticed_and_mended_by_another(fashion, tmp_path, monkeypatch):
    """The hash was taken when the archive's own hash was right; here the card knows none."""
    root = tmp_path / "root"
    card = cards.load_card("fashion_mnist")
    files = {stem: {"shape": file["shape"]} for stem, file in card["files"].items()}
    change_card(monkeypatch, "fashion_mnist", files=files)
    monkeypatch.setattr(checking, "load_facts", dict)  # the project's hashes are those of the whole set
    good = load_dataset("fashion_mnist", root, download=True).sha256
    assert check_dataset("fashion_mnist", root)[1] == "hash as published"
    path = root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte differs from the published file"):
        load_dataset("fashion_mnist", root)
    fetch("fashion_mnist", root)
    assert load_dataset("fashion_mnist", root).sha256 == good


def test_two_who_fetch_at_once_download_once_whatever_a_killed_fetch_left(fashion, tmp_path, monkeypatch):
    half = tmp_path / "root" / ".fetching" / "fashion_mnist" / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    downloads, download = [], fetching._download
    monkeypatch.setattr(fetching, "_download", lambda *arguments: downloads.append(1) or download(*arguments))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: fetch("fashion_mnist", tmp_path / "root"), range(2)))
    assert len(downloads) == 1 and left(tmp_path / "root") == ["FashionMNIST"]


def test_what_was_fetched_is_read_whole_before_it_is_moved(fashion, tmp_path, monkeypatch):
    """An archive with the right hash whose content is not what the card says."""
    card = cards.load_card("fashion_mnist")
    files = {stem: {"shape": [61, *file["shape"][1:]]} for stem, file in card["files"].items()}
    change_card(monkeypatch, "fashion_mnist", files=files)
    with pytest.raises(ValueError, match=r"holds an array \(60, 28, 28\), its card says \(61, 28, 28\)"):
        fetch("fashion_mnist", tmp_path / "root")
    assert left(tmp_path / "root") == []


def test_a_fetch_that_is_stopped_while_files_are_moved_is_started_again(internet, tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.mkdir()
    write_stl10(source, monkeypatch)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(source / "stl10_binary", "stl10_binary")
    internet["stl10_binary.tar.gz"] = packed.getvalue()
    monkeypatch.setattr(torchvision.datasets.STL10, "tgz_md5", hashlib.md5(packed.getvalue()).hexdigest())
    root = tmp_path / "root"
    (root / "stl10_binary").mkdir(parents=True)  # so that files are moved one by one
    move, moved = fetching.Path.replace, []

    def stopped(self, target):
        if ".fetching" in str(self) and len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(self)
        return move(self, target)

    monkeypatch.setattr(fetching.Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        fetch("stl10", root)
    assert "stl10" not in list_datasets(root, present=True)
    monkeypatch.setattr(fetching.Path, "replace", move)
    assert len(load_dataset("stl10", root, download=True).test) == 20
    assert left(root) == ["stl10_binary"] and check_dataset("stl10", root)[1] == "hash as published"


def test_what_cannot_be_fetched_says_where_to_get_it(tmp_path):
    with pytest.raises(ValueError, match=r"birds225 cannot be fetched: get it from kaggle.com"):
        fetch("birds225", tmp_path)
    assert fetch("digits", tmp_path) == tmp_path


def test_no_room_and_a_read_only_root_are_said_before_anything_is_downloaded(tmp_path, monkeypatch):
    with pytest.raises(OSError, match=r"kmnist could not be put into .* \((Permission|Operation|Read-only)"):
        fetch("kmnist", unwritable(tmp_path))
    change_card(monkeypatch, "kmnist", download_mb=10**9)
    with pytest.raises(OSError, match=r"kmnist needs about [\d,]+ MB in .*, [\d,]+ MB are free; free some space"):
        fetch("kmnist", tmp_path)


@pytest.mark.processes
def test_a_disk_that_fills_up_loses_nothing(fashion, tmp_path):
    """A process that may write small files only: the kernel's own error in the middle of a download."""
    root = tmp_path / "root"
    code = f"""
import resource, signal, sys, pathlib
sys.path[:0] = {[p for p in sys.path if p]!r}
import torchvision
from spinalnet_lib.data import cards
from spinalnet_lib.data.fetching import fetch
torchvision.datasets.FashionMNIST.resources = {torchvision.datasets.FashionMNIST.resources!r}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    fetch("fashion_mnist", pathlib.Path({str(root)!r}))
except OSError as error:
    sys.stdout.write(str(error))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "could not be put into" in said.stdout and "free some space" in said.stdout, said.stderr
    assert left(root) == []
