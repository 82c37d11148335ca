from dataclasses import replace

from spinalnet_lib.study.claims import Claim, ClaimVerdict, Finding, Part, list_claims
from spinalnet_lib.study.verdict import Verdict

CLAIM = Claim("C0", "less", "It needs less", "accuracy", "Their log says so")


def finding(state, reading="", **more):
    return Finding(state, f"evidence of {reading}", "other runs", "spinalnet sweep", ("data/results",), reading, **more)


def test_there_are_twenty_one_claims_with_a_kind_each():
    claims = list_claims()
    assert [claim.id for claim in claims] == [f"C{i}" for i in range(1, 22)]
    kinds = {"counting", "theory", "accuracy", "measurement", "documentary", "argument"}
    assert {claim.kind for claim in claims} == kinds and all(claim.text and claim.short for claim in claims)


def test_no_remark_tells_what_the_study_has_found():
    """It would go stale: what has been found is computed."""
    assert not [claim.id for claim in list_claims() if "planned" in claim.remark or "untested" in claim.remark]


def test_a_verdict_names_each_reading_and_tells_equal_evidence_once():
    both = ClaimVerdict(CLAIM, (finding("holds", "as claimed"), finding("open", "because of the spine")))
    assert both.verdict == "as claimed: holds; because of the spine: open" and both.id == "C0"
    assert both.states == {"as claimed": "holds", "because of the spine": "open"}
    assert both.evidence.endswith(". Their log says so") and both.evidence.count("evidence of") == 2
    one = ClaimVerdict(CLAIM, (finding("true"), finding("true")))
    assert one.verdict == "true" and one.evidence.count("evidence of") == 1


def test_what_changes_a_verdict_and_how_many_seeds_it_needs_come_from_its_parts():
    steady = Part("a", Verdict("open", 10, 0.5, seeds_needed=40), sensitivity={"unpaired": "open"})
    population = {"population_name": "open", "population_interval": (-2.0, 2.0)}
    shaky = Part("b", Verdict("equivalent", 10, 0.5, **population), sensitivity={"δ of 5 %": "open"})
    found = finding("open", parts=(steady, shaky), sensitivity={"without a": "holds", "without b": "open"})
    assert found.overturned == {"holds": ["without a"]}
    assert found.changed == ["population of test images", "δ of 5 %"]
    both = replace(found, sensitivity=found.sensitivity | {"δ of 5 %": "holds"})
    assert both.overturned == {"holds": ["without a", "δ of 5 %"]} and both.changed == ["population of test images"]
    assert found.seeds_needed == 40 and finding("holds").seeds_needed is None


def test_a_leaning_that_other_test_images_would_take_away_is_told():
    leaning = {"interval": (0.1, 0.3), "leaning": "slightly better", "population_name": "equivalent"}
    lost = Part("a", Verdict("equivalent", 30, 0.5, **leaning, population_interval=(-0.1, 0.5)))
    kept = Part("a", Verdict("equivalent", 30, 0.5, **leaning, population_interval=(0.05, 0.35)))
    assert lost.readings == {"population of test images": "equivalent"}
    assert (lost.changed, lost.leans_otherwise) == ([], ["population of test images"])
    assert (kept.changed, kept.leans_otherwise) == ([], [])
