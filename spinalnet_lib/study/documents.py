"""Claims about the state of the art (C10 to C18): what documents say, with their dates, and whether it was replicated.

Figures come from `data/paper/*.csv`. A figure counts where somebody has seen it in its source; what was read off a chart or
remembered is told, and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..data.cards import load_card
from ..data.facts import load_facts
from ..data.published import PROVENANCE, published_figures
from ..records.record import Record, each_once
from ..training.config import describe_recipe
from ..training.published_transfer import published_transfer
from ..training.recipes import published_recipe
from .blindness import shown
from .claims import Claim, Finding
from .statistics import mean_interval
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
_OF_A_RECIPE = ("optimizer", "learning_rate", "batch_size", "epochs")
_ARXIV = re.compile(r"arXiv (\d\d)(\d\d)\.\d{4,5}")


def state_of_the_art(
    claim: Claim, figures: pd.DataFrame | None = None, records: Sequence[Record] = ()
) -> tuple[Finding, Finding]:
    """As documents have it, and whether anybody replicated it; `figures` as `published_figures` gives them.

    A claim is *unverified* while no figure of the authors is sure, *superseded* where a sure one of others is higher, and
    *standing* otherwise, which says of the documents at hand and of no others. Enough of the `records` as published, test set
    read after the last step, make it *replicated* or *not replicated*.
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
    figure = None if authors is None else float(authors["value"])
    return document, _replication(SETS[claim.id], users, figure, records)


def biology() -> Finding:
    """C21."""
    evidence = "Argued in the chapter on what the paper borrowed from the cord, and not measured"
    overturned = "anatomy that fits better or worse; no run of a network can"
    return Finding("argued", evidence, overturned, "make book", ("book/idea/what_the_paper_borrowed.ipynb",))


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


def _replication(name: str, users: list[str], figure: float | None, records: Sequence[Record]) -> Finding:
    """Runs on the official split with the published body and recipe, and enough seeds for a verdict, would be one."""
    facts, card = load_facts(), load_card(name)
    runs = as_published(name, records)
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
    state = "untested"
    if figure is not None and len(runs) >= FEWEST_UNITS:
        mean, low, high = mean_interval([100 * run.test["last"] for run in runs])
        state = "replicated" if high >= figure else "not replicated"
        evidence = (
            f"{len(runs)} seeds after the last step: {mean:.6g} % ({low:.6g} to {high:.6g}) against {figure:.6g} %"
        )
    elif runs:
        evidence += f"; {len(runs)} of at least {FEWEST_UNITS} seeds were run"
    return Finding(
        state,
        ". ".join([evidence, *(f"A single run: {user}" for user in users)]),
        f"runs by anybody on the official split, of {FEWEST_UNITS} seeds or more, with the test set read after the last step",
        _command(name, card, name in facts),
        ("data/results/datasets.json",),
        "replicated",
    )


def as_published(name: str, records: Sequence[Record]) -> list[Record]:
    """Of the records those of the paper's body and spinal head with its recipe on this set, a run a seed."""
    found = {}
    of_set = [r for r in each_once(records) if (r.dataset, r.head) == (name, "spinal") and r.test and not r.diverged]
    for record in shown(of_set, records):
        body = _body(name, load_card(name))
        published = describe_recipe(published_recipe(body, name))
        if record.model["backbone"] == body and all(
            record.recipe.get(what) == published.get(what) for what in _OF_A_RECIPE
        ):
            found.setdefault(record.seed, record)
    return list(found.values())


def _body(name: str, card: dict) -> str:
    """The paper's, of small images in the publisher's files or of photographs."""
    return "vgg5" if card["kind"] == "idx" else published_transfer(name).backbone


def _command(name: str, card: dict, at_hand: bool) -> str:
    """What makes as many runs as a verdict needs, where verdicts look for them."""
    run = (
        f"spinalnet train --data {name} --backbone {_body(name, card)} --head spinal --recipe published "
        f"--seeds 0-{FEWEST_UNITS - 1} --read-test --out data/results/published/{name}.jsonl"
    )
    fetch = f"spinalnet data fetch {name}" if card.get("torchvision") else f"spinalnet data check {name}"
    return run if at_hand else f"{fetch} && {run}"
