"""Cards of the data sets for people to read: in the book, and as the table of `data/README.md`, from one source.

What a publisher states comes from the card in `data/cards`, what was counted from `data/results/datasets.json`.
"""

from __future__ import annotations

import html
from pathlib import Path

from ..checks import check_name
from ..data.cards import load_card, official_names
from ..data.facts import load_facts
from ..paths import data_path

_README = """# Data

| folder | what |
|---|---|
| `cards/` | one card a data set, read by `load_dataset` |
| `paper/` | the paper's claims and published figures, with provenance |
| `thumbnails/` | eight small pictures of a set each, where its licence lets them be shipped |
| `results/` | our records, one JSON line a run; what was counted on the data sets; measurements in `bench/` |
| `cache/` | data sets on this machine; not part of the repository |

No data set is stored here. `spinalnet data list` says what is at hand, `spinalnet data fetch NAME` gets what torchvision
can get, `spinalnet data check NAME` reads a set whole and compares hashes, `spinalnet data new FOLDER` makes a set of your
own class folders. This page is written by `spinalnet data measure` from the cards and counts.

"""
_LEGEND = """
*Own* splits are ours (stratified, fixed seed) and can never confirm or contradict a published number. Validation is one
sixth of the training images, but for the sets whose publisher ships a validation part. Traps, classes and counts of each
set stand on its card, in the book's chapter *The data*.
"""


def card_html(name: str) -> str:
    """One card as a table of two columns."""
    card, facts = official_card(name), load_facts().get(name)
    published = "Images, in the package" if card.get("kind") == "embedded" else "Images, as published"
    named = card.get("names", {})
    names = [f"{name} ({named[name]})" if name in named else name for name in card.get("classes") or []]
    shown = f": {', '.join(names[:30])}{' …' if len(names) > 30 else ''}" if names else ""
    rows = {
        "What": card.get("about"),
        "Made by": card["source"],
        "Licence": card["licence"],
        published: ", ".join(f"{n:,} {_PARTS[part]}" for part, n in card.get("sizes", {}).items() if n),
        "Classes": f"{card['num_classes']}{shown}",
        "Splits": card["splits"],
        **(_counted(facts, card) if facts else {"Images, counted": "not counted: the set is not at hand"}),
        "Know this": card["traps"],
        "In the paper": card.get("paper"),
        "How to get it": card.get("how_to_get"),
        "SHA-256 of pixels and labels": facts and facts["sha256"],
    }
    cells = (
        f'<tr><th scope="row">{title}</th><td>{html.escape(str(text)).replace(chr(10), "<br/>")}</td></tr>'
        for title, text in rows.items()
        if text
    )
    caption = f"<caption>{html.escape(card['title'])}</caption>"
    return f'<table class="dataframe spinal-card">{caption}{"".join(cells)}</table>'


def data_readme() -> str:
    """The whole of `data/README.md`."""
    facts = load_facts()
    lines = ["| name | what | train + test images | classes | splits | licence |", "|---|---|---|---|---|---|"]
    for name in sorted({*official_names(), *facts}):
        card = official_card(name)
        sizes = card.get("sizes") or {part: facts[name][part] for part in ("train", "test")}
        train = sizes["train"] + sizes.get("val", 0)
        images = f"{train:,} + {sizes['test']:,}" if sizes["test"] else f"{train:,}, test part cut off"
        splits = "own" if card["own_split"] else "publisher's"
        cells = (f"`{name}`", card["title"], images, card["num_classes"], splits, card["licence"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return _README + "\n".join(lines) + "\n" + _LEGEND


def official_card(name: str) -> dict:
    """The project's card of a set; of a packed set what was kept of its own when it was measured."""
    facts, official = load_facts(), official_names()
    if check_name("card", name, {*official, *facts}) in official:
        return load_card(name)
    # A part of an official set: who made it and what it shows are on the card of the whole.
    whole = next((whole for whole in reversed(official) if name.startswith(f"{whole}_")), None)
    if whole is None:
        return facts[name]["card"]
    card = load_card(whole)
    about = f"A part of {card['title']}: {card['about'][0].lower()}{card['about'][1:]}"
    return facts[name]["card"] | {"about": about, "source": card["source"], "paper": f"the whole set: {card['paper']}"}


def write_readme() -> Path:
    """Write `data/README.md` in a checkout."""
    path = data_path("README.md")
    path.write_text(data_readme(), encoding="utf-8")
    return path


_PARTS = {"train": "training", "val": "validation", "test": "test"}
_REPEATED = {
    "repeated_in_train": "in training more than once",
    "repeated_in_test": "in test more than once",
    "test_images_in_train": "test images that are in training",
    "images_with_two_labels": "under two labels",
}


def _counted(facts: dict, card: dict) -> dict[str, str]:
    """Rows of a card that were counted."""
    channels, height, width = facts["image_shape"]
    files = "the publisher's files" if facts["source"] == "official" else f"{facts['source']} files"
    fewer = "; fewer than published" if facts["train"] + facts["test"] < sum(card.get("sizes", {}).values()) else ""
    ranges = {part: sorted({min(counts), max(counts)}) for part, counts in facts["images_per_class"].items()}
    repeated = [f"{facts[key]:,} {what}" for key, what in _REPEATED.items() if facts[key]]
    shared = [f"with {other}: {_shared(counts)}" for other, counts in facts["shares_images_with"].items()]
    return {
        "Images, counted": f"{facts['train']:,} training ({facts['validation_within_train']:,} of them validation) and "
        f"{facts['test']:,} test, {height}×{width}, {'grey' if channels == 1 else 'in colour'}; {files}{fewer}",
        "Images a class, counted": "; ".join(
            f"{part} {' to '.join(f'{end:,}' for end in ends)}" for part, ends in ranges.items()
        ),
        "Repeated images, counted": "; ".join(repeated) or "none, pixel for pixel",
        "Images shared with other sets, counted": "\n".join(shared) or "none, pixel for pixel, among the sets at hand",
    }


def _shared(counts: dict[str, int]) -> str:
    found = [f"{n:,} {key.replace('_in_', ' images are in its ')}" for key, n in counts.items() if n and "_in_" in key]
    return f"{', '.join(found)}; {counts['under_another_name']:,} of them under another class name."
