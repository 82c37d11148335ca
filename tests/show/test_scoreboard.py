"""Chips say what the ledger says, and lead to its rows."""

import re

import pytest

from spinalnet_lib import ledger_html, scoreboard_html, verdicts
from spinalnet_lib.show.scoreboard import _SIGN_OF, SIGNS, sign_of
from spinalnet_lib.study.claims import Claim, ClaimVerdict, Finding
from spinalnet_lib.study.verdict import LOWER_ERROR


@pytest.fixture(scope="module")
def today():
    return verdicts()


def verdict(*states):
    readings = [Finding(state, "e", "o", "c", (), f"reading {i}") for i, state in enumerate(states)]
    return ClaimVerdict(Claim("C3", "short <1>", "text", "accuracy", ""), tuple(readings))


def test_each_claim_has_a_chip_that_leads_to_its_row(today):
    board, ledger = scoreboard_html(today), ledger_html(today)
    links = re.findall(r'href="#([a-z0-9-]+)"', board)
    assert sorted(links) == sorted(f"claim-{found.id.lower()}" for found in today)
    assert all(ledger.count(f'id="{link}"') == 1 for link in links)
    for found in today:
        assert f">{found.id} {SIGNS[sign_of(found)]}</a>" in board


@pytest.mark.parametrize(
    ("states", "sign"),
    [
        (["holds", "holds"], "for"),
        (["holds", "open"], "neither"),
        (["holds", "untested"], "neither"),
        (["contradicted", "untested"], "against"),
        (["holds", "contradicted"], "neither"),
        (["holds", "not supported"], "neither"),
        (["untested", "open"], "undecided"),
        (["depends"], "neither"),
        (["standing", "untested"], "documents"),
        (["superseded", "untested"], "documents"),
        (["unverified", "untested"], "undecided"),
        (["standing", "replicated"], "for"),
        (["superseded", "not replicated"], "against"),
    ],
)
def test_readings_that_differ_are_neither_and_a_tick_needs_all(states, sign):
    assert sign_of(verdict(*states)) == sign
    assert f"spinal-chip-{sign}" in scoreboard_html([verdict(*states)])


def test_every_state_has_a_sign_and_words_are_escaped(today):
    assert {state for found in today for state in found.states.values()} | {*LOWER_ERROR.values()} <= _SIGN_OF.keys()
    assert "short &lt;1&gt;" in scoreboard_html([verdict("open")])
