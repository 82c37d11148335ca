"""Cards of the data sets for people to read: in the book, and as the table of `data/README.md`, from one source.

What a publisher states comes from the card in `data/cards`, what was counted from `data/results/datasets.json`.
"""

from __future__ import annotations

import html
import json
from pathlib import Path

from ..data.cards import list_datasets
from ..data.facts import load_facts
from ..datasets import load_dataset
from ..paths import data_path

_README = """# Data

| folder | what |
|---|---|
| `cards/` | one card a data set, read by `load_dataset` |
| `paper/` | the paper's claims, with provenance |
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


def show_card(name: str) -> None:
    """Display the card of a data set in a notebook, with a grid of its images where they are at hand."""
    from IPython.display import HTML, Markdown, display

    from .plots import plot_images

    display(HTML(card_html(name)))
    if name in list_datasets(present=True):
        display(plot_images(load_dataset(name), per_class=6, most_classes=4))
    else:
        display(Markdown("*Its images are not at hand where this page was built, so no grid is drawn.*"))


def card_html(name: str) -> str:
    """One card as a table of two columns."""
    card, facts = official_card(name), load_facts().get(name)
    rows = {"What": card.get("about"), "Made by": card["source"], "Licence": card["licence"]}
    published = "Images, in the package" if card.get("kind") == "embedded" else "Images, as published"
    rows[published] = _published(card)
    rows["Images, counted"] = _counted(facts, card)
    rows["Classes"] = _classes(card)
    rows["Images a class, counted"] = _per_class(facts)
    rows["Splits"] = card["splits"]
    rows["Repeated images, counted"] = _repeated(facts)
    rows["Images shared with other sets, counted"] = _shared(facts)
    rows["Know this"] = card["traps"]
    rows["In the paper"] = card.get("paper")
    rows["How to get it"] = card.get("how_to_get")
    rows["SHA-256 of pixels and labels"] = facts and facts["sha256"]
    cells = (
        f'<tr><th scope="row">{title}</th><td>{html.escape(str(text)).replace(chr(10), "<br/>")}</td></tr>'
        for title, text in rows.items()
        if text
    )
    return (
        f'<table class="dataframe spinal-card"><caption>{html.escape(card["title"])}</caption>{"".join(cells)}</table>'
    )


def data_readme() -> str:
    """The whole of `data/README.md`."""
    facts = load_facts()
    lines = ["| name | what | train + test images | classes | splits | licence |", "|---|---|---|---|---|---|"]
    for name in sorted({*_official_names(), *facts}):
        card = official_card(name)
        sizes = card.get("sizes") or {part: facts[name][part] for part in ("train", "test")}
        train = sizes["train"] + sizes.get("val", 0)
        images = f"{train:,} + {sizes['test']:,}" if sizes["test"] else f"{train:,}, test part cut off"
        splits = "own" if card["own_split"] else "publisher's"
        lines.append(
            f"| `{name}` | {card['title']} | {images} | {card['num_classes']} | {splits} | {card['licence']} |"
        )
    return _README + "\n".join(lines) + "\n" + _LEGEND


def cards_index() -> str:
    """All cards as a table with links: which sets are at hand whole, in part, or not."""
    facts, rows = load_facts(), []
    for name in sorted(_official_names()):
        parts = [other for other in facts if other.startswith(f"{name}_") and other not in _official_names()]
        state = "whole" if name in facts else "in part" if parts else "not at hand"
        links = ", ".join(f'<a href="#{part.replace("_", "-")}">{part}</a>' for part in [name, *parts])
        rows.append(f"<tr><td>{links}</td><td>{html.escape(official_card(name)['title'])}</td><td>{state}</td></tr>")
    head = "<thead><tr><th>cards</th><th>set</th><th>counted here</th></tr></thead>"
    return f'<table class="dataframe">{head}<tbody>{"".join(rows)}</tbody></table>'


def official_card(name: str) -> dict:
    """The project's card of a set; of a packed set what was kept of its own when it was measured."""
    path = data_path("cards", f"{name}.json")
    facts = load_facts().get(name, {})
    if not path.is_file() and "card" not in facts:
        known = ", ".join(sorted({*_official_names(), *load_facts()}))
        raise ValueError(f"no card of {name!r}; there are cards of {known}")
    if path.is_file():
        return json.loads(path.read_text())
    # A part of an official set: who made it and what it shows are on the card of the whole.
    whole = next(
        (official for official in sorted(_official_names(), reverse=True) if name.startswith(f"{official}_")), None
    )
    if whole is None:
        return facts["card"]
    card = official_card(whole)
    about = f"A part of {card['title']}: {card['about'][0].lower()}{card['about'][1:]}"
    return facts["card"] | {"about": about, "source": card["source"], "paper": f"the whole set: {card['paper']}"}


def write_readme() -> Path:
    """Write `data/README.md` in a checkout."""
    path = data_path("README.md")
    path.write_text(data_readme())
    return path


def _official_names() -> set[str]:
    return {path.stem for path in data_path("cards").glob("*.json")}


def _published(card: dict) -> str | None:
    names = {"train": "training", "val": "validation", "test": "test"}
    sizes = {names[part]: count for part, count in card.get("sizes", {}).items() if count}
    return ", ".join(f"{count:,} {part}" for part, count in sizes.items()) or None


def _counted(facts: dict | None, card: dict) -> str:
    if not facts:
        return "not counted: the set is not at hand"
    channels, height, width = facts["image_shape"]
    colour = "grey" if channels == 1 else "in colour"
    files = "the publisher's files" if facts["source"] == "official" else f"{facts['source']} files"
    published = sum(card.get("sizes", {}).values())
    fewer = "; fewer than published" if facts["train"] + facts["test"] < published else ""
    return (
        f"{facts['train']:,} training ({facts['validation_within_train']:,} of them validation) and {facts['test']:,} test, "
        f"{height}×{width}, {colour}; {files}{fewer}"
    )


def _classes(card: dict) -> str:
    names = card.get("classes")
    if not names:
        return f"{card['num_classes']}"
    shown = ", ".join(names[:30])
    return f"{card['num_classes']}: {shown}{' …' if len(names) > 30 else ''}"


def _per_class(facts: dict | None) -> str | None:
    if not facts:
        return None
    parts = []
    for part, counts in facts["images_per_class"].items():
        low, high = min(counts), max(counts)
        parts.append(f"{part} {low:,}" if low == high else f"{part} {low:,} to {high:,}")
    return "; ".join(parts)


def _repeated(facts: dict | None) -> str | None:
    if not facts:
        return None
    counts = {
        "in training more than once": facts["repeated_in_train"],
        "in test more than once": facts["repeated_in_test"],
        "test images that are in training": facts["test_images_in_train"],
        "under two labels": facts["images_with_two_labels"],
    }
    found = [f"{count:,} {what}" for what, count in counts.items() if count]
    return "; ".join(found) if found else "none, pixel for pixel"


def _shared(facts: dict | None) -> str | None:
    if not facts:
        return None
    lines = []
    for other, counts in facts["shares_images_with"].items():
        found = [
            f"{count:,} {part.replace('_in_', ' images are in its ')}"
            for part, count in counts.items()
            if count and part != "under_another_name"
        ]
        renamed = f"{counts['under_another_name']:,} of them under another class name"
        lines.append(f"with {other}: {', '.join(found)}; {renamed}.")
    return "\n".join(lines) or "none, pixel for pixel, among the sets at hand"
