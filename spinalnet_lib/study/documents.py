"""Claims about the state of the art (C10 to C18): what documents say, with their dates, and whether it was replicated.

Figures come from `data/paper/*.csv`. A figure counts where somebody has seen it in its source; what was read off a chart or
remembered is told, and decides nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..data.cards import load_card
from ..data.facts import load_facts
from ..data.published import PROVENANCE, published_figures
from .claims import Claim, Finding
from .tiers import TIERS
from .verdict import FEWEST_UNITS

if TYPE_CHECKING:
    import pandas as pd

SETS = {  # claim -> the set as published
    "C10": "qmnist",
    "C11": "kmnist",
    "C12": "emnist_letters",
    "C13": "emnist_digits",
    "C14": "emnist_balanced",
    "C15": "stl10",
    "C16": "fruits360",
    "C17": "birds225",
    "C18": "caltech101",
}
_DOCUMENTS = "data/paper"
_ARXIV = re.compile(r"arXiv (\d\d)(\d\d)\.\d{4,5}")


def state_of_the_art(claim: Claim, figures: pd.DataFrame | None = None) -> tuple[Finding, Finding]:
    """As documents have it, and whether anybody replicated it; `figures` as `published_figures` gives them.

    A claim is *unverified* while no figure of the authors is sure, *superseded* where a sure one of others is higher, and
    *standing* otherwise, which says of the documents at hand and of no others.
    """
    figures = published_figures() if figures is None else figures
    figures = figures[(figures["dataset"] == SETS[claim.id]) & (figures["unit"] == "%")]
    figures = figures[~figures["measure"].str.contains("validation accuracy")]  # which is no result on test images
    of_others = figures["file"] == "others"
    of_authors = ~of_others & figures["head"].str.startswith("spinal") & (figures["provenance"] != "user report")
    authors, others = (_highest(figures[which & figures["sure"]]) for which in (of_authors, of_others))
    if authors is None:
        state, seen = "unverified", _highest(figures[of_authors])
        words = "Nobody here has seen a figure of the authors" + (
            f"; not verified: {_tell(seen)}" if seen is not None else ""
        )
    else:
        state = "superseded" if others is not None and others["value"] > authors["value"] else "standing"
        words = f"The authors: {_tell(authors)}"
    words += f". Highest of others: {_tell(others)}" if others is not None else ". None of others is at hand"
    doubtful = _highest(figures[of_others & ~figures["sure"]])
    if doubtful is not None:
        words += f"; not verified: {_tell(doubtful)}"
    overturned = "a document with a higher figure, or one that shows the paper's own table"
    document = Finding(state, words, overturned, "spinalnet verdicts", (_DOCUMENTS,), "as documents have it")
    users = [_tell(figure) for _, figure in figures[figures["provenance"] == "user report"].iterrows()]
    return document, _replication(SETS[claim.id], users)


def biology() -> Finding:
    """C21."""
    evidence = "Argued in the chapter on touch, and not measured"
    overturned = "anatomy that fits better or worse; no run of a network can"
    return Finding("argued", evidence, overturned, "make book", ("book/idea/from_touch_to_layers.ipynb",))


def figure_date(source: str, note: str) -> str:
    """The year and month of an arXiv number in a figure's source or note, or a year that stands there.

    >>> figure_date("arXiv 2501.13709, abstract", ""), figure_date("a README", "")
    ('2025-01', 'undated')
    """
    for text in (source, note):
        if found := _ARXIV.search(text):
            return f"20{found[1]}-{found[2]}"
        if found := re.search(r"\b20[12]\d\b(?!\.)", text):
            return found[0]
    return "undated"


def _highest(figures: pd.DataFrame) -> pd.Series | None:
    return None if figures.empty else figures.loc[figures["value"].idxmax()]


def _tell(figure: pd.Series) -> str:
    date = figure_date(figure["source"], figure["note"])
    what = f"{figure['network']}, head: {figure['head']}; {figure['measure']}"
    return f"{figure['value']:.6g} {figure['unit']} ({what}; {PROVENANCE[figure['provenance']]}, {date})"


def _replication(name: str, users: list[str]) -> Finding:
    """Runs on the official split with the published body and recipe, and enough seeds for a verdict, would be one."""
    facts, card = load_facts(), load_card(name)
    parts = [other for other in facts if other.startswith(f"{name}_") and facts[other].get("card", {}).get("own_split")]
    if name in facts and not card["own_split"]:
        seeds = max(len(runs.seeds) for runs in TIERS["G"].published)
        evidence = f"The official split is at hand; {seeds} seeds of VGG-5 are planned on it, as an illustration"
    elif parts:
        evidence = (
            f"Of this set {' and '.join(parts)} is at hand, an own split, which never supports a published figure"
        )
    else:
        evidence = "This set was not at hand"
    return Finding(
        "untested",
        ". ".join([evidence, *(f"A single run: {user}" for user in users)]),
        f"runs by anybody on the official split, of {FEWEST_UNITS} seeds or more, with the test set read after the last step",
        _command(name, card, name in facts),
        ("data/results/datasets.json",),
        "replicated",
    )


def _command(name: str, card: dict, at_hand: bool) -> str:
    if name in TIERS["G"].datasets:
        run = f"spinalnet sweep published --tier G --sets {name} --out data/results/published"
    else:  # of a set that no tier has
        body = "vgg5" if card["kind"] == "idx" else "efficientnet_lite0 --pretrained"
        recipe = "published" if card["kind"] == "idx" else "tuned"
        seeds = f"--seeds 0-{FEWEST_UNITS - 1} --read-test"
        run = f"spinalnet train --data {name} --backbone {body} --head spinal --recipe {recipe} {seeds}"
    fetch = f"spinalnet data fetch {name}" if card.get("torchvision") else f"spinalnet data check {name}"
    return run if at_hand else f"{fetch} && {run}"
