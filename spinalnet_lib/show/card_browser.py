"""The cards of the data sets to be looked through: found by a word, one open at a time, each with a few of its images."""

from __future__ import annotations

import html

from ..checks import needs
from ..data.cards import list_datasets, official_names, whole_set
from ..data.facts import load_facts
from ..datasets import load_dataset
from .data_cards import card_html, official_card
from .thumbnails import thumbnails_html


def show_card(name: str) -> None:
    """Display the card of a data set in a notebook, with a grid of its images where they are at hand, else with thumbnails."""
    with needs("book"):
        from IPython.display import HTML, Markdown, display

        from .plots import plot_images

    display(HTML(card_html(name)))
    if name in list_datasets(present=True):
        display(plot_images(load_dataset(name), per_class=6, most_classes=4))
    elif thumbnails := thumbnails_html(name):
        display(HTML(thumbnails))
    else:
        display(Markdown("*Its images are not at hand where this page was built, so no grid is drawn.*"))


def browse_cards() -> str:
    """All cards as HTML, folded: a set's name unfolds its card and folds the one before.

    `widgets/folds.js` finds cards by a word and opens the one that a link leads to; without it they are opened by hand.
    """
    facts, official = load_facts(), official_names()
    parts = {
        name: [other for other in facts if other not in official and whole_set(other) == name] for name in official
    }
    cards = "".join(_fold(name, facts, parts.get(name, ())) for name in sorted({*official, *facts}))
    return (
        '<div class="spinal-cards"><p class="spinal-find" hidden=""><label>Find a card: <input type="search"/></label> '
        f'<span role="status"></span></p>{cards}</div>'
    )


def _fold(name: str, facts: dict, parts) -> str:
    card = official_card(name)
    counted = (
        "counted here" if name in facts else f"counted here in part ({', '.join(parts)})" if parts else "not at hand"
    )
    none = "<p>No thumbnails are shipped: " + (
        f"licence: {html.escape(card['licence'])}.</p>"
        if name in facts or parts
        else "its images were not at hand.</p>"
    )
    about = f"{card['num_classes']} classes, {counted}"
    return (
        f'<details class="spinal-fold" name="cards" id="{name.replace("_", "-")}"><summary><strong>{html.escape(card["title"])}</strong> '
        f"<code>{name}</code> <small>{html.escape(about)}</small></summary>{thumbnails_html(name) or none}{card_html(name)}</details>"
    )
