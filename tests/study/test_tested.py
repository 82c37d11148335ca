"""Claims about accuracy, from made-up runs of the plan's own cells: every verdict is reached."""

import math
from dataclasses import replace

import pytest

from spinalnet_lib.study import tested
from spinalnet_lib.study.claim_rules import NETWORKS
from spinalnet_lib.study.comparisons import COMPARISONS
from spinalnet_lib.study.tested import CLAIMED, SPINE, chosen
from tests.study.cases import complete, complete_studies

pytestmark = pytest.mark.usefixtures("no_data")

GAINS = {  # state -> gain and spread that lead to it, at an error of .1 and δ .01 or log 1.1
    "holds": (0.03, 0.002),
    "not supported": (0.0, 0.002),
    "contradicted": (-0.03, 0.002),
    "open": (0.005, 0.06),
}
CLAIMS = {  # claim -> tiers, and the finding's readings with the comparisons that decide them
    "C9": ("R", {CLAIMED: ("mlp", "published"), SPINE: ("mlp_matched", "tuned")}),
    "C20": ("G", {CLAIMED: ("mlp", "tuned"), SPINE: ("mlp_matched", "tuned")}),
    "C19": ("P", {f"{CLAIMED}, frozen": ("linear", "tuned"), f"{SPINE}, frozen": ("mlp_matched", "tuned")}),
}


def told(claim, records, predict=False):
    return {finding.reading: finding for finding in tested.CLAIMS[claim](tested.Judge(records, predict))}


@pytest.fixture(scope="module")
def made(record):
    """Records of the comparisons of a claim, by the state that they lead to; each made once."""
    known = {}

    def make(tier, state, **only):
        place = tier, tuple(only.items())
        if place not in known:
            pairs = [c for c in COMPARISONS if c.tier == tier]
            pairs = [c for c in pairs if all(getattr(c, name) == value for name, value in only.items())]
            known[place] = complete_studies(record, pairs, GAINS)
        return known[place][state]

    return make


@pytest.mark.parametrize("state", GAINS)
@pytest.mark.parametrize("claim", CLAIMS)
def test_each_state_is_reached_by_each_claim(claim, state, made):
    tier, readings = CLAIMS[claim]
    found = told(claim, made(tier, state))
    for reading, (reference, recipe) in readings.items():
        finding = found[reading]
        assert [part.name for part in finding.parts] == [c.name for c in chosen(tier, reference, recipe)]
        if (claim, reading, state) == ("C20", CLAIMED, "open"):  # its primary comparisons are not decided
            assert finding.state == "untested"
            continue
        assert finding.state == state, finding.evidence
        assert all(part.keys and part.delta and part.sensitivity for part in finding.parts)
        assert (finding.seeds_needed is not None) == (state == "open")


@pytest.mark.parametrize("claim", CLAIMS)
def test_without_its_last_run_a_claim_tells_no_direction(claim, made):
    tier, readings = CLAIMS[claim]
    reading, (reference, recipe) = next(iter(readings.items()))
    last, texts = chosen(tier, reference, recipe)[0].seeds[-1], set()
    for state in ("holds", "contradicted"):
        finding = told(claim, [run for run in made(tier, state) if run.seed != last])[reading]
        assert finding.state == "untested"
        assert all(part.verdict.mean is None and not part.sensitivity for part in finding.parts)
        texts.add(finding.evidence)
    assert len(texts) == 1


@pytest.mark.parametrize("state", GAINS)
def test_the_cnns_row_of_c3_follows_from_tier_c_and_the_claim_needs_most_networks(state, made):
    for reading, only in ((CLAIMED, {"recipe": "published"}), (SPINE, {"reference": "mlp_matched"})):
        primary = made("C", "open", reference="mlp_matched") if only == {"recipe": "published"} else []
        finding = told("C3", [*primary, *made("C", state, **only)])[reading]
        assert f"The CNN's row: {state}" in finding.evidence and f"of the {NETWORKS} networks" in finding.evidence
        assert finding.state == "untested"


def test_c3_holds_once_most_of_its_networks_are_decided(made):
    records = [run for tier in ("C", "G", "H") for run in made(tier, "holds", reference="mlp_matched")]
    finding = told("C3", records)[SPINE]
    networks = {part.name for part in finding.parts if not part.name.startswith("C ")}
    enough = 1 + len(networks) > NETWORKS / 2
    assert finding.state == ("holds" if enough else "untested")
    assert f"{1 + len(networks)} of the {NETWORKS}" in finding.evidence


def test_a_key_secondary_comparison_is_read_only_where_the_primary_one_is_decided(made):
    better = made("G", "holds", reference="mlp")
    assert told("C20", better)[CLAIMED].state == "untested"
    runs = {run.key: run for run in [*better, *made("G", "open", reference="mlp_matched")]}
    found = told("C20", list(runs.values()))
    assert (found[SPINE].state, found[CLAIMED].state) == ("open", "untested")
    assert all(part.verdict.mean is None for part in found[CLAIMED].parts)
    assert "are complete and wait" in found[CLAIMED].evidence and "not complete" not in found[CLAIMED].evidence


def test_c8_needs_a_gain_at_width_two_that_shrinks_as_layers_widen(record):
    def findings_with(gain_at):
        runs = {}
        for width in sorted({c.width for c in COMPARISONS if c.tier == "W"}):
            pairs = [c for c in COMPARISONS if c.tier == "W" and c.width == width]
            runs |= {run.key: run for run in complete(record, pairs, gain_at(width))}
        return told("C8", list(({run.key: run for run in primary} | runs).values()))  # width 8 is in both

    primary = complete(record, [c for c in COMPARISONS if c.name.startswith("C NIST, tuned")], 0.0)
    shrinking, constant = findings_with(lambda width: 0.06 / width), findings_with(lambda width: 0.03)
    growing = findings_with(lambda width: 0.0005 * width)
    none = findings_with(lambda width: 0.0)
    for reading in (CLAIMED, SPINE):
        assert shrinking[reading].state == "holds", shrinking[reading].evidence
        assert constant[reading].state == "open" and growing[reading].state == "contradicted"
        assert none[reading].state == "not supported"


@pytest.mark.parametrize(
    ("state", "gain", "spread"),
    [("holds", 4.0, 0.1), ("not supported", 0.0, 0.1), ("contradicted", -4.0, 0.1), ("open", 0.0, 9.0)],
)
def test_c4_follows_from_the_gradients_of_both_deep_heads(record, state, gain, spread):
    def chain(run):
        if run.head != "spinal" or "gradient_norms" not in run.last:
            return run
        ratio = math.exp(gain + spread * (run.seed % 2 * 2 - 1))  # of the first layer's norm to the last's
        return replace(run, curve=[*run.curve[:-1], {**run.last, "gradient_norms": [ratio, *[1.0] * 29]}])

    records = [chain(run) for run in complete(record, [c for c in COMPARISONS if c.tier == "D4"], 0.0)]
    finding = told("C4", records)[""]
    assert finding.state == state, finding.evidence
    assert {part.name for part in finding.parts} == {c.name for c in COMPARISONS if c.tier == "D4"}


def test_seeds_that_were_seen_before_the_plan_do_not_decide_c9(record, made):
    seen = [replace(run, seed=run.seed - 30, key=f"{n:064x}") for n, run in enumerate(made("R", "holds"))]
    finding = told("C9", [run for run in seen if 0 <= run.seed < 30])[CLAIMED]
    assert finding.state == "untested" and "seen before the plan" in finding.evidence


def test_one_target_that_decides_alone_is_named(made, record):
    """Three of four targets hold: without one of the three the rule would say something else."""
    pairs = chosen("R", "mlp_matched")
    records = [
        run for pair, gain in zip(pairs, (0.03, 0.03, 0.03, 0.0), strict=True) for run in complete(record, [pair], gain)
    ]
    finding = told("C9", records)[SPINE]
    assert finding.state == "holds"
    overturned = {what for readings in finding.overturned.values() for what in readings}
    assert overturned >= {f"without {pair.name}" for pair in pairs[:3]}
    assert f"without {pairs[3].name}" not in overturned


def test_a_reading_that_changes_the_claim_is_told_from_one_that_changes_a_comparison_only(made, record):
    """With twice the δ three of the four would no longer gain enough; half of it changes the fourth, which decides nothing."""
    pairs = chosen("R", "mlp_matched")
    gains = (0.015, 0.015, 0.015, 0.006)
    records = [run for pair, gain in zip(pairs, gains, strict=True) for run in complete(record, [pair], gain, 0.0005)]
    finding = told("C9", records)[SPINE]
    assert finding.state == "holds"
    assert "δ of 20 %" in finding.overturned["not supported"] and "δ of 20 %" not in finding.changed
    assert "δ of 5 %" in finding.changed and "δ of 5 %" not in str(finding.overturned)


def test_the_time_of_the_missing_runs_is_told_where_runs_like_them_have_ended(made):
    records = made("R", "holds")
    last = chosen("R", "mlp_matched")[0].seeds[-1]
    less = [run for run in records if run.seed != last]
    assert told("C9", less, True)[SPINE].minutes > 0 and told("C9", records, True)[SPINE].minutes is None
    assert told("C9", (), True)[SPINE].minutes is None
