"""The verdicts as the committed records, counts and documents have them today, and the table made from them."""

import re

import pytest

from spinalnet_lib import claims_table, load_bench, verdicts
from spinalnet_lib.cli.main import _parser
from spinalnet_lib.paths import data_path
from spinalnet_lib.records.files import own_records
from spinalnet_lib.study import counted, documents, tested

STATES = {
    "counting": {"true", "false", "depends", "untested"},
    "theory": {"true", "false", "depends"},
    "accuracy": {"holds", "not supported", "contradicted", "open", "untested"},
    "measurement": {"holds", "not supported", "contradicted", "open", "untested"},
    "documentary": {"unverified", "superseded", "standing", "replicated", "not replicated", "untested"},
    "argument": {"argued"},
}


@pytest.fixture(scope="module")
def found():
    return verdicts()


def test_each_claim_has_its_findings_in_order(found):
    assert [verdict.id for verdict in found] == [f"C{i}" for i in range(1, 22)]
    for verdict in found:
        assert set(verdict.states.values()) <= STATES[verdict.claim.kind], verdict.id
        readings = set(verdict.states)
        if verdict.claim.kind == "accuracy":
            assert {reading.partition(",")[0] for reading in readings} == {tested.CLAIMED, tested.SPINE}
        for finding in verdict.findings:
            assert finding.evidence and finding.overturned_by and finding.sources and finding.command, verdict.id


def test_every_claim_of_accuracy_names_commands_that_can_be_typed(found):
    for verdict in found:
        for finding in verdict.findings:
            for command in finding.command.split(" && "):
                if command.startswith("spinalnet "):
                    _parser().parse_args(command.split()[1:])
                else:
                    assert command.split()[0] == "make"


def test_sources_are_in_the_project_once_something_is_decided(found):
    root = data_path().parent
    for verdict in found:
        for finding in verdict.findings:
            if finding.state != "untested":
                assert all((root / source).exists() for source in finding.sources), (verdict.id, finding.sources)


def test_they_are_the_rules_own(found):
    """Every row again from the functions that decide it."""
    states = {verdict.id: list(verdict.states.values()) for verdict in found}
    costs, records = counted.replaced_heads(), own_records()
    assert states["C1"] == [counted.fewer_weights(costs).state]
    assert states["C2"] == [finding.state for finding in counted.computations(costs, load_bench())]
    assert [states[name] for name in ("C5", "C6", "C7")] == [
        [find().state] for find in (counted.universal, counted.convertible, counted.any_size)
    ]
    for name, findings in tested.findings(records).items():
        assert states[name] == [finding.state for finding in findings]
    for name in documents.SETS:
        claim = next(verdict.claim for verdict in found if verdict.id == name)
        assert states[name] == [finding.state for finding in documents.state_of_the_art(claim)]


def test_without_records_every_claim_of_accuracy_is_untested():
    for verdict in verdicts([], []):
        if verdict.claim.kind in ("accuracy", "measurement"):
            assert set(verdict.states.values()) == {"untested"}
            assert all(not part.keys and part.verdict.units == 0 for f in verdict.findings for part in f.parts)


def test_runs_that_were_seen_before_the_plan_leave_c9_untested():
    seen = [run for run in own_records() if run.dataset.startswith("regression_") and run.seed < 30]
    assert seen
    c9 = next(verdict for verdict in verdicts(seen, []) if verdict.id == "C9")
    assert set(c9.states.values()) == {"untested"} and f"{len(seen):,} runs with other seeds" in c9.evidence


def test_the_table_has_a_row_a_claim_with_all_that_a_reader_needs(found):
    table = claims_table(found=found).set_index("id")
    assert list(table.index) == [verdict.id for verdict in found]
    assert list(table["state"]) == [verdict.verdict for verdict in found]
    assert (table.drop(columns="kind").map(len) > 0).all(axis=None)
    assert "not timed yet" in claims_table(verdicts(bench=())).set_index("id")["evidence"]["C2"]
    assert re.search(r"as_spine.*3 of 3", table["evidence"]["C5"])
