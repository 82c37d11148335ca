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
from .splits import OWN_TEST_SHARE, VALIDATION_SHARE


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
    name, root = find_set(name, root)
    if name in official_names():
        return json.loads(data_path("cards", f"{name}.json").read_bytes())
    return load_own_card(root, name)


def find_set(name: str, root: str | os.PathLike | None = None) -> tuple[str, Path]:
    """The name and the root of a set: one that is known under the data root, else a folder with a card, by its path from here.

    Where `root` is given, folders elsewhere are none. Raises ValueError for an unknown name.
    """
    place = data_root(root)
    known, folder = {*official_names(), *list_own(place)}, Path(os.path.abspath(Path(str(name)).expanduser()))
    if name and name not in known and root is None:
        if folder.name in list_own(folder.parent):
            return folder.name, folder.parent
        if folder.is_dir():
            raise ValueError(f"the folder {name} has no card; write it with `spinalnet data new {name}`")
    elsewhere = "; or the path of a folder with a card.json" if root is None else ""
    own = f"; or a folder under the data root with a card.json{elsewhere}; the data root is {place}"
    check_name("data set", name, known, own)
    return name, place


def official_names() -> list[str]:
    return sorted(path.stem for path in data_path("cards").glob("*.json"))


def whole_set(name: str) -> str:
    """The official set that a part of it, such as "cifar100_small", belongs to; a name of another set as it is."""
    return max((whole for whole in official_names() if f"{name}_".startswith(f"{whole}_")), key=len, default=name)


def is_present(root: Path, card: dict) -> bool:
    """Whether all that the reader needs is under the root, not whether it is sound."""
    if card["kind"] == "embedded":
        return importlib.util.find_spec(card["package"]) is not None
    here = find_place(root, card)
    if "images_of" in card and not is_present(root, load_card(card["images_of"])):
        return False
    parts = [] if (here / "devkit").is_dir() else card.get("parts", {}).values()
    needed = [here, *(here / name for name in (*card.get("requires", ()), *parts))]
    return all(path.exists() for path in needed) and all(find_file(here / stem) for stem in card.get("files", ()))


def find_place(root: Path, card: dict) -> Path:
    """Where the files of a set are, or where they belong if they are not here."""
    places = [root / place for place in card["places"]]
    return max(places, key=lambda p: (p.exists(), all(find_file(p / stem) for stem in card.get("files", ()))))


def remedy(card: dict) -> str:
    """What to do for files that are missing or damaged."""
    name = card["name"]
    if "torchvision" in card:
        where = f"set SPINALNET_DATA to the folder that holds {' or '.join(f'{place}/' for place in card['places'])}"
        return f"fetch it with `spinalnet data fetch {name}` or load_dataset({name!r}, download=True), or {where}"
    return f"get it {card['how_to_get']}" if card["how_to_get"].startswith("from") else f"get {card['how_to_get']}"


PARTS = ("train", "val", "test")
PHOTOGRAPHS = ("photographs", "folder")  # kinds whose images are decoded to the size that is asked for
_KINDS = ("arrays", "sheets", "folder")
_SIDE = 128  # pixels of photographs, where the card does not say
_MOST_IMAGES, _MOST_PIXELS = 10**8, 2**14


def list_own(root: Path) -> list[str]:
    """Folders under the root with a card, but for official files in packed form, which the official readers read."""
    return [path.parent.name for path in sorted(root.glob("*/card.json")) if not _is_official(path)]


def _is_official(path: Path) -> bool:
    try:
        return _read_card(path).get("kind") in ("idx", "idx-labels")
    except ValueError:
        return False  # listed, so that loading it can say what is wrong with its card


def _read_card(path: Path) -> dict:
    try:
        card = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise ValueError(f"{path} is no card ({error}); {_new_card(path)}") from error
    if not isinstance(card, dict):
        raise ValueError(f"{path} is no card, it holds a {type(card).__name__}; {_new_card(path)}")
    return card


def _new_card(path: Path) -> str:
    return f"correct it, or move it away and have `spinalnet data new {path.parent}` write one for class folders"


def _counts(values, most: int = _MOST_IMAGES) -> bool:
    return all(type(value) is int and 0 < value <= most for value in values)


def _are_names(values, count: int) -> bool:
    return type(values) is list and len({*values}) == count and all(type(value) is str for value in values)


def _is_shape(channels: int, height: int, width: int) -> bool:
    return channels in (1, 3) and _counts([height, width], _MOST_PIXELS)


_TEXTS = ("title", "about", "source", "licence", "note", "paper")  # each may be left out
# What must hold on a card of one's own, in this order: key -> (whether it does, what is needed).
_NEEDED = {
    "kind": (lambda card: card["kind"] in _KINDS, f"one of {', '.join(_KINDS)}"),
    "splits": (
        lambda card: {"train"} <= {*card["splits"]} <= {*PARTS} and _counts(card["splits"].values()),
        f"images a part, from 1 to {_MOST_IMAGES:,}: train, and perhaps val and test",
    ),
    "num_classes": (
        lambda card: _counts([card["num_classes"]], sum(card["splits"].values())),
        "a number from 1 to that of the images",
    ),
    "classes": (
        lambda card: card["classes"] is None or _are_names(card["classes"], card["num_classes"]),
        "num_classes different names, or nothing",
    ),
    "parts": (
        lambda card: all(type(card["parts"].get(part)) is str for part in card["splits"]),
        "a folder for each part of splits",
    ),
    "shape": (lambda card: not card["shape"] or _is_shape(*card["shape"]), "[1 or 3, height, width]"),
    "shorter_side": (lambda card: _counts([card["shorter_side"]], _MOST_PIXELS), "a number of pixels"),
    "sha256_of_raw_pixels": (lambda card: isinstance(card["sha256_of_raw_pixels"], dict), "hashes by name of the file"),
    "tile": (lambda card: card["kind"] != "sheets" or _counts([card["tile"]], _MOST_PIXELS), "a number of pixels"),
    "columns": (lambda card: card["kind"] != "sheets" or _counts([card["columns"]], _MOST_PIXELS), "images in a row"),
    **{key: (lambda card, key=key: isinstance(card[key] or "", str), "a text") for key in _TEXTS},
}


def load_own_card(root: Path, name: str) -> dict:
    """The card of a folder in the form of the official cards; raises ValueError for one that lacks what is needed."""
    path = root / name / "card.json"
    own = _read_card(path)
    defaults = {"sha256_of_raw_pixels": {}, "parts": {part: part for part in PARTS}}
    card = dict.fromkeys(_NEEDED) | defaults | own
    card["shorter_side"] = card["shorter_side"] or _SIDE
    for key, (holds, needed) in _NEEDED.items():
        try:
            fine = holds(card)
        except (TypeError, AttributeError):  # a word where a list is needed
            fine = False
        if not fine:
            raise ValueError(f"{path}: {key} is {str(card[key])[:200]}, needed is {needed}; {_new_card(path)}")
    sizes, folder = card["splits"], path.parent.resolve()
    if not all((folder / card["parts"][part]).resolve().is_relative_to(folder) for part in sizes):
        raise ValueError(f"{path}: parts are folders inside of the set's own, got {card['parts']}; correct them")
    counts = ", ".join(f"{count:,} {'validation' if part == 'val' else part}" for part, count in sizes.items())
    drawn = "stratified, fixed seed"
    whose = "the folder's own parts" if "test" in sizes else f"own split, {drawn}: 1/{1 / OWN_TEST_SHARE:.0f} test"
    cut = "" if "val" in sizes else f"; 1/{1 / VALIDATION_SHARE:.0f} of training is validation, {drawn}"
    official = own.get("official", False)
    return {
        "title": name,
        "about": own.get("title") or name,
        "source": f"the folder {name}",
        "licence": "not stated",
        "traps": own.get("note") or "none stated",
        "paper": "see the official set" if official else "not used",
        "how_to_get": f"a folder {name}/ with a card.json under the data root",
        **{key: value for key, value in card.items() if value is not None or key not in _TEXTS},
        "name": name,
        "image_shape": card["shape"] or [3, card["shorter_side"], card["shorter_side"]],
        "sizes": sizes,
        "splits": f"{whose} ({counts}){cut}",
        "own_split": not official,
    }
