"""The claims at one look: a chip each, by colour and by sign what its verdict says; it leads to its row of the ledger."""

from __future__ import annotations

import html
from collections.abc import Sequence

from ..study.claims import ClaimVerdict
from ..study.documents import SETS

SIGNS = {"for": "✓", "against": "✗", "neither": "≈", "documents": "§", "undecided": "?"}
_WORDS = {  # what the states of a sign are, for the legend
    "for": "for the claim, by our counts, proofs or runs",
    "against": "against it, by the same",
    "neither": "depends, argued, not supported, or not the same in all of its readings",
    "documents": "a record that only documents speak of: standing or superseded, not checked by us",
    "undecided": "open, untested or unverified",
}
_SIGN_OF = {
    **dict.fromkeys(("true", "holds", "replicated"), "for"),
    **dict.fromkeys(("false", "contradicted", "not replicated"), "against"),
    **dict.fromkeys(("standing", "superseded"), "documents"),
    **dict.fromkeys(("depends", "argued", "not supported"), "neither"),
    **dict.fromkeys(("open", "untested", "unverified"), "undecided"),
}


def sign_of(verdict: ClaimVerdict) -> str:
    """What the readings of a claim say that are decided, "for" or "against"; "neither" where they differ, and where one is
    for the claim and another one undecided.

    While none is decided, "documents" if documents have told something, else "undecided".
    """
    told = {_SIGN_OF[state] for state in verdict.states.values()}
    ours = told - {"documents", "undecided"}
    if not ours:
        return "documents" if "documents" in told else "undecided"
    return "neither" if len(ours) > 1 or {"for", "undecided"} <= told else ours.pop()


def scoreboard_html(verdicts: Sequence[ClaimVerdict]) -> str:
    """Chips of the claims in their order, the documentary ones apart, and what their signs mean; for the page with `ledger_html`."""
    documents = [verdict for verdict in verdicts if verdict.id in SETS]
    others = [verdict for verdict in verdicts if verdict.id not in SETS]
    legend = "".join(
        f'<li><span class="spinal-chip spinal-chip-{sign}" aria-hidden="true">{SIGNS[sign]}</span> {words}</li>'
        for sign, words in _WORDS.items()
    )
    groups = (("Claims about heads", others), ("Claims of a record on a data set", documents))
    chips = "".join(
        f'<p class="spinal-chips-title">{title}</p><ul class="spinal-chips">{"".join(map(_chip, some))}</ul>'
        for title, some in groups
    )
    return f'<nav class="spinal-scoreboard" aria-label="Verdicts on the claims">{chips}<ul class="spinal-chips-legend">{legend}</ul></nav>'


def _chip(verdict: ClaimVerdict) -> str:
    sign = sign_of(verdict)
    said = html.escape(f"{verdict.id}, {verdict.claim.short}: {verdict.verdict}", quote=True)
    return (
        f'<li><a class="spinal-chip spinal-chip-{sign}" href="#claim-{verdict.id.lower()}" title="{said}" aria-label="{said}">'
        f"{verdict.id} {SIGNS[sign]}</a></li>"
    )
