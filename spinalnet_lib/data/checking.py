"""Checking data sets that are here: read whole, every hash compared; and their size on disk."""

from __future__ import annotations

import os

from ..paths import data_root
from .cards import PHOTOGRAPHS, find_place, find_set, is_present, load_card
from .facts import load_facts
from .loading import load_images
from .own_sets import check_files
from .photos import cache_folder
from .publishers import MANIFEST
from .readers import find_file
from .splits import DataSet


def check_dataset(name: str, root: str | os.PathLike | None = None) -> tuple[DataSet, str]:
    """Read a set whole, decode every photograph, compare every hash that is known; returns it and what was compared.

    Raises what loading raises, and ValueError for class folders that no longer hold the files of their card.
    """
    name, root = find_set(name, root)
    data = load_images(name, root)
    card, of_photographs = data.card, data.card["kind"] in PHOTOGRAPHS
    if of_photographs:
        data.train.images.check()
    known = load_facts().get(name)
    if known and known["source"] == data.source:
        # The pixels of photographs depend on the decoder.
        key, found = ("sha256_of_files", data.train.images.hash_files()) if of_photographs else ("sha256", data.sha256)
        if known[key] != found:
            raise ValueError(
                f"{name} is not what the project's records were made on: {key} is {found}, recorded is {known[key]}; "
                f"get it again, or give the folder another name"
            )
        what = "the same files" if of_photographs else "all pixels and labels"
        return data, f"{what} as in the project's own records"
    hashes = card.get("sha256_of_raw_pixels", {})
    all_hashed = all(f"{part}_images" in hashes for part in card["sizes"])
    if data.source == "packed" and (check_files(root, card) or all_hashed):
        return data, "hash as on its card"
    has_hashes = card["kind"] == "torchvision" or any("sha256" in file for file in card.get("files", {}).values())
    if has_hashes or (card["kind"] == "idx" and (find_place(root, card) / MANIFEST).is_file()):
        return data, "hash as published"
    return data, "whole and readable; no hash is known for it"


def size_on_disk(name: str) -> int:
    """Bytes of the files of a set that is here, what is decoded of it included."""
    root = data_root()
    card = load_card(name, root)
    files = [root / name]
    if "places" in card and is_present(root, card):
        place = find_place(root, card)
        files = [place / name for name in (*card.get("files", ()), *card.get("requires", ()))] or [place]
    found = [path for path in map(find_file, files) if path]
    found += [path for folder in [*files, cache_folder(root, name)] for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in found)
