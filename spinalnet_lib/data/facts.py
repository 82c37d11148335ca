"""What is counted on the data sets that are here: sizes, classes, repeated images, images shared between sets.

`spinalnet data measure` writes the facts to `data/results/datasets.json`; cards and the chapter on the data read them.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import torch

from ..files import write_whole
from ..paths import data_path, data_root
from .cards import PHOTOGRAPHS, list_datasets
from .loading import load_images
from .splits import CHUNK, DataSet, Split

CARD = ("title", "licence", "num_classes", "classes", "splits", "traps", "own_split", "source")


def load_facts() -> dict[str, dict]:
    """Facts by name of the set; empty if none have been measured."""
    path = data_path("results", "datasets.json")
    return json.loads(path.read_bytes()) if path.is_file() else {}


def has_own_split(name: str) -> bool:
    """Whether a set was cut into training and test images by this project, so that no published figure can be checked on it."""
    return bool(load_facts().get(name, {}).get("card", {}).get("own_split"))


def measure_facts(root: str | Path | None = None) -> dict[str, dict]:
    """Facts of every set that is here, sets that share an image with it included.

    Two images are the same if all their pixels are; near-duplicates are not found.
    """
    facts, images = {}, {}
    for name in list_datasets(root, present=True):
        data = load_images(name, data_root(root))
        # Class names by digest: two sets number the same class differently.
        names = data.card["classes"] or [str(c) for c in range(data.card["num_classes"])]
        images[name] = {
            part: [(digest, names[label]) for digest, label in zip(image_digests(split), split.labels, strict=True)]
            for part, split in (("train", data.full_train), ("test", data.test))
        }
        facts[name] = describe(data, images[name])
        if data.card["kind"] in PHOTOGRAPHS:
            facts[name]["sha256_of_files"] = data.train.images.hash_files()
        if data.source == "packed":  # its card is not ours: keep what tells what was measured
            facts[name]["card"] = {key: data.card[key] for key in CARD}
        print(f"{name}: {facts[name]['train']:,} training and {facts[name]['test']:,} test images")
    for name, own in images.items():
        pairs = {other: _shared(own, theirs) for other, theirs in images.items() if other != name}
        facts[name]["shares_images_with"] = {other: shared for other, shared in pairs.items() if shared}
    return facts


def write_facts(facts: dict[str, dict]) -> Path:
    """Write facts to their place, sets that are not here now keeping what was measured before."""
    path = data_path("results", "datasets.json")
    merged = dict(sorted((load_facts() | facts).items()))
    write_whole(path, (json.dumps(merged, indent=1, ensure_ascii=False) + "\n").encode())
    return path


def describe(data: DataSet, images: dict[str, list[tuple[bytes, str]]]) -> dict:
    """Counts of one set: images, classes, images that are there more than once or under two labels."""
    digests = {part: [digest for digest, _ in found] for part, found in images.items()}
    labels: dict[bytes, set[str]] = {}
    for digest, label in (pair for found in images.values() for pair in found):
        labels.setdefault(digest, set()).add(label)
    in_train = set(digests["train"])
    splits = {"train": data.full_train.labels, "test": data.test.labels}
    num_classes = data.card["num_classes"]
    return {
        "source": data.source,
        "image_shape": list(data.train.images.shape[1:]),
        "train": len(digests["train"]),
        "validation_within_train": len(data.val),
        "test": len(digests["test"]),
        "images_per_class": {part: torch.bincount(of, minlength=num_classes).tolist() for part, of in splits.items()},
        "repeated_in_train": len(digests["train"]) - len(in_train),
        "repeated_in_test": len(digests["test"]) - len(set(digests["test"])),
        "test_images_in_train": sum(digest in in_train for digest in digests["test"]),
        "images_with_two_labels": sum(len(found) > 1 for found in labels.values()),
        "sha256": data.sha256,
    }


def image_digests(split: Split) -> list[bytes]:
    """A digest of the pixels of each image, in order."""
    images = (image.numpy() for some in split.images.split(CHUNK) for image in some.flatten(1))
    return [blake2b(image, digest_size=16).digest() for image in images]


def different_test_images(names: Sequence[str]) -> int | None:
    """How many different images the test sets of these sets have together, by the committed counts.

    An image that is in two of them is one. None if a set is not counted. ValueError where three share images, so that pairs do not tell it.
    """
    facts = load_facts()
    if not set(names) <= facts.keys():
        return None
    pairs = {
        (first, second): facts[first]["shares_images_with"].get(second, {}).get("test_in_test", 0)
        for first, second in itertools.combinations(names, 2)
    }
    shared = [pair for pair, count in pairs.items() if count]
    if len(shared) > 1 and len({name for pair in shared for name in pair}) < 2 * len(shared):
        raise ValueError(f"different_test_images: of {', '.join(names)} three share images; count their digests")
    own = (facts[name]["test"] - facts[name]["repeated_in_test"] for name in names)
    return sum(own) - sum(pairs.values())


def _shared(own: dict[str, list], theirs: dict[str, list]) -> dict:
    """How many images of each part are in each part of another set, and how many under another class name; or {}."""
    counts, renamed = {}, 0
    for part, known in ((part, dict(found)) for part, found in own.items()):
        for their_part, their_known in ((part, dict(found)) for part, found in theirs.items()):
            both = known.keys() & their_known.keys()
            counts[f"{part}_in_{their_part}"] = len(both)
            renamed += sum(known[digest].casefold() != their_known[digest].casefold() for digest in both)
    return counts | {"under_another_name": renamed} if any(counts.values()) else {}
