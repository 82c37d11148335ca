from pathlib import Path

from spinalnet_lib import paths


def test_data_path_finds_the_checkout(root):
    assert paths.data_path("cards", "mnist.json") == root / "data" / "cards" / "mnist.json"
    assert paths.data_path("cards", "mnist.json").is_file()


def test_data_path_falls_back_to_the_wheels_copy(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "site-packages" / "spinalnet_lib")
    assert paths.data_path("results") == tmp_path / "site-packages" / "spinalnet_lib" / "_data" / "results"
    monkeypatch.delenv("SPINALNET_DATA", raising=False)
    assert paths.data_root() == Path("data/cache")


def test_order_of_the_data_root(monkeypatch, root):
    monkeypatch.setenv("SPINALNET_DATA", "/from/env")
    assert paths.data_root("/given") == Path("/given")
    assert paths.data_root() == Path("/from/env")
    monkeypatch.setenv("SPINALNET_DATA", "")
    assert paths.data_root() == root / "data" / "cache"
