"""The verdicts as the committed records, counts and documents have them today, and the table made from them."""

import json
import math
import re

import numpy as np
import pytest
import scipy.stats

from spinalnet_lib import claims_table, comparison_verdicts, load_bench, verdicts
from spinalnet_lib.cli.main import _parser
from spinalnet_lib.data.regression import TARGETS, regression_data
from spinalnet_lib.paths import data_path
from spinalnet_lib.study import counted, documents, tested
from spinalnet_lib.study.verdicts import project_records

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
    costs, records = counted.replaced_heads(), project_records()
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
    seen = [run for run in project_records() if run.dataset.startswith("regression_") and run.seed < 30]
    assert seen
    c9 = next(verdict for verdict in verdicts(seen, []) if verdict.id == "C9")
    assert set(c9.states.values()) == {"untested"} and f"{len(seen):,} runs with other seeds" in c9.evidence


def test_the_table_has_a_row_a_claim_with_all_that_a_reader_needs(found):
    table = claims_table(found=found).set_index("id")
    assert list(table.index) == [verdict.id for verdict in found]
    assert list(table["state"]) == [verdict.verdict for verdict in found]
    assert (table.drop(columns="kind").map(len) > 0).all(axis=None)
    assert "not timed yet" in claims_table().set_index("id")["evidence"]["C2"]
    assert re.search(r"as_spine.*3 of 3", table["evidence"]["C5"])


def lines(kind, name):
    """The runs of a committed file as JSON has them."""
    path = data_path("results", kind, f"{name}.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def log_error(run):
    """Of tier R, where a run that diverged has the error of the training labels' mean."""
    if not run["diverged"] and run["test"]["last_mse"] is not None:
        return math.log(run["test"]["last_mse"])
    data = regression_data(run["dataset"], run["seed"])
    labels = [np.asarray(part.labels, float) for part in (data.train, data.test)]
    return math.log(np.square(labels[1] - labels[0].mean()).mean())


def log_ratio(run):
    """Of tier D4, the last layer's gradient norm over the first one's; none is below the plan's floor."""
    norms = [max(norm or 0.0, 1e-100) for norm in run["curve"][-1]["gradient_norms"]]
    return math.log(norms[-1] / norms[0])


_TOLD = [  # folder, set, arm, reference, seeds, families, what a gain is a difference of
    *(("regression", name, "spinal_tied", "mlp", range(30, 60), 4, log_error) for name in TARGETS),
    *(("study", name, "spinal", "mlp_matched", range(30, 60), 4, log_error) for name in TARGETS),
    *(("study", "mnist", "spinal", reference, range(10), 1, log_ratio) for reference in ("mlp_deep", "mlp_deep_skip")),
]


def test_every_comparison_that_is_told_is_what_the_lines_of_its_records_give():
    """By numpy and scipy alone. A comparison that is told one day and has no row above fails here, too."""
    told = {part.name: part.verdict for part in comparison_verdicts() if part.verdict.name != "untested"}
    for kind, name, arm, reference, seeds, families, badness in _TOLD:
        runs = {(run["model"]["head"], run["seed"]): run for run in lines(kind, name)}
        gains = np.array([badness(runs[reference, seed]) - badness(runs[arm, seed]) for seed in seeds])
        half = scipy.stats.t.ppf(1 - 0.025 / families, len(gains) - 1) * scipy.stats.sem(gains)
        recipe = "published" if kind == "regression" else "tuned"
        (found,) = [
            told.pop(each) for each in [*told] if each.endswith(f" {name}, {recipe}, {arm} against {reference}")
        ]
        expected = (gains.mean(), gains.mean() - half, gains.mean() + half)
        assert (found.mean, *found.interval) == pytest.approx(expected, rel=1e-6, abs=1e-9), name
    assert not told
