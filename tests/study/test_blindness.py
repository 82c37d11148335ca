"""Nothing that is shown of the study tells the direction of a cell that is not complete.

An effect is planted in a cell, in its validation and in its test results; every output must be the same whatever it is.
"""

import io
import json
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace

import numpy as np
import pytest

from spinalnet_lib import append_record, compare, comparisons_table, describe_gains, plot_gains, records_frame
from spinalnet_lib.cli.main import main
from spinalnet_lib.machine import TimeLimit
from spinalnet_lib.show.plots import draw_curves
from spinalnet_lib.show.provenance import origins
from spinalnet_lib.show.report import write_report
from spinalnet_lib.study.blindness import HIDDEN, hidden, shown
from spinalnet_lib.study.cells import cells_of, list_cells
from spinalnet_lib.study.comparisons import planned_cells
from spinalnet_lib.study.jobs import Claim, Job, Shelf
from spinalnet_lib.study.judged import judged
from spinalnet_lib.study.setup import Setup
from spinalnet_lib.study.tiers import TIERS
from spinalnet_lib.study.tuning import NO_SEARCH
from spinalnet_lib.widgets.error_curves import ErrorCurves
from tests.study.cases import comparison, ended_search, expected, own_results, power_runs, run_of, runs_of

SPREAD = np.tile([-0.004, 0.004], 30)
EFFECTS = (0.0, 0.06, -0.06)


@pytest.fixture(scope="module")
def searches(record):
    return ended_search(record, "mnist", "fashion_mnist")


@pytest.fixture
def study(record, searches, tmp_path, monkeypatch):
    """A primary pair whose search and power runs are the project's own, and its runs with a gain, validation and test alike."""
    pair = comparison("C Fashion, tuned, spinal against mlp_matched")
    own_results(monkeypatch, tmp_path, tuning=searches, power=power_runs(record, pair, SPREAD[:8], searches))
    return pair, lambda gain, spread=SPREAD: runs_of(record, pair, gain + spread[:30], searches)


@pytest.fixture
def theirs(study):
    """A user's own runs: the same, without the search that the settings came from."""
    _, runs = study
    return [replace(run, key=run.key[::-1], tuning_id=None, dataset="theirs") for run in runs(0.0)[:6]]


def as_text(make):
    """What is made, or in what words it is refused."""
    try:
        return make()
    except ValueError as error:
        return str(error)


def log_lines(records, pair, searches, folder):
    """What a sweep says when these runs have ended."""
    cells = planned_cells(pair, pair.seeds, searches).values()
    of_setup = {record.setup: record for record in records}
    found = [cell for cell in cells if cell.setup in of_setup]
    job = Job([], {cell: of_setup[cell.setup].key for cell in found}, Setup(), Shelf(folder), TimeLimit(None))
    with redirect_stdout(io.StringIO()) as said:
        for cell in found:
            claim = Claim([cell], [cell], folder / "none.npz", ExitStack())
            job.keep(claim, [replace(of_setup[cell.setup], tuning_id=None)])
    return said.getvalue()


def outputs(records, theirs, pair, searches, known, folder):
    """Everything that the library makes of records, by what makes it."""
    path = folder / "runs" / "runs.jsonl"
    for record in records:
        append_record(path, record)
    mixed = [*records, *theirs]
    with redirect_stdout(io.StringIO()) as printed:
        main(["records", "show", str(path)])
    write_report([path], folder / "alone", read_test=True)
    append_record(path, theirs[0])
    write_report([path], folder / "report", read_test=True)
    reports = {
        f"{page.parent.name} {page.name}": page.read_bytes()
        for place in ("alone", "report")
        for page in sorted((folder / place).iterdir())
    }
    arms = {}
    for record in mixed:
        arms.setdefault(record.head, []).append(record)
    found = {"printed": printed.getvalue(), "log": log_lines(records, pair, searches, folder / "sweep"), **reports}
    found["verdict"] = repr(judged(pair, [*known, *records]))
    table = comparisons_table([*known, *records])
    picture = plot_gains(table[table["tier"] == "C"])
    found["table"] = table.to_csv() + describe_gains(table)
    found["picture of gains"] = picture.alt, picture.to_bytes()
    for curves in (False, True):
        found[f"CSV, curves {curves}"] = records_frame(mixed, curves).to_csv()
    for which, given in (("alone", records), ("beside others", mixed)):
        found[f"compared {which}"] = as_text(lambda given=given: repr(compare(given, pair.arm, pair.reference)))
        found[f"widget {which}"] = as_text(lambda given=given: json.dumps(ErrorCurves(given).data()))
    found["draw_curves"] = draw_curves(arms, "curves").to_bytes()
    return found


@pytest.fixture
def incomplete(study):
    """The cell without its last run, for each effect."""
    _, runs = study
    return {gain: runs(gain)[:-1] for gain in EFFECTS}


def test_no_output_of_an_incomplete_cell_depends_on_its_effect(study, theirs, incomplete, record, searches, tmp_path):
    pair, _ = study
    known = [*searches, *power_runs(record, pair, SPREAD[:8], searches)]
    of = {
        gain: outputs(runs, theirs, pair, searches, known, tmp_path / f"effect {gain}")
        for gain, runs in incomplete.items()
    }
    nothing, better, worse = of.values()
    assert nothing.keys() == better.keys() == worse.keys() and len(nothing) > 12
    for name in nothing:
        assert nothing[name] == better[name] == worse[name], name
    assert (
        HIDDEN in nothing["printed"]
        and nothing["log"].count(": done, ") == 59
        and "59 of these runs" in str(nothing["alone report.md"])
    )
    assert "29 of 30" in str(nothing["alone report.md"])


def test_a_complete_cell_is_shown(study, searches, tmp_path):
    pair, runs = study
    for gain in (0.06, -0.06):
        complete = runs(gain)
        assert not hidden(complete) and shown(complete) == complete
        found = compare(complete, pair.arm, pair.reference, read_test=True)
        assert found.mean == pytest.approx(gain) and len(found.seeds) == 30
        assert records_frame(complete)["test_last"].notna().all()


def test_what_is_complete_is_told_with_the_projects_own_records_beside(study, tmp_path):
    _, runs = study
    *most, last = runs(0.06)
    assert hidden(most) == {run.key for run in most}
    append_record(tmp_path / "results" / "study" / "fashion_mnist.jsonl", last)
    assert not hidden(most)


def test_a_cell_that_needs_its_extension_waits_for_it(study, record, searches):
    pair, runs = study
    wide = np.tile([-0.045, 0.045], 30)
    thirty = runs(0.04, wide)
    assert len(hidden(thirty)) == 60
    assert not hidden(runs_of(record, pair, 0.04 + wide, searches))


def test_a_diverged_run_of_an_incomplete_cell_is_not_told(study, theirs):
    _, runs = study
    first, *others = runs(0.0)[:-1]
    lost = [replace(first, diverged=True, curve=first.curve[:1]), *others]
    frame = records_frame(lost)
    assert frame["diverged"].isna().all() and frame["val_error"].isna().all()
    assert ErrorCurves([*lost, *theirs]).data() == ErrorCurves([first, *others, *theirs]).data()


def test_power_runs_show_the_reference_only(study, record, searches):
    pair, _ = study
    power = power_runs(record, pair, SPREAD[:8], searches)
    assert {run.head for run in shown(power)} == {pair.reference}


def test_reports_of_power_runs_tell_the_level_of_the_reference_only(study, record, searches, tmp_path):
    pair, _ = study
    pages = []
    for number, gain in enumerate((0.05, -0.05)):
        folder = tmp_path / str(number)
        for run in power_runs(record, pair, SPREAD[:8] + gain, searches):
            append_record(folder / "power.jsonl", run)
        write_report([folder / "power.jsonl"], folder / "report")
        pages.append([file.read_bytes() for file in sorted((folder / "report").iterdir())])
    assert pages[0] == pages[1] and len(pages[0]) > 1
    assert "10.00%" in (folder / "report" / "report.md").read_text()


def test_searches_and_a_users_own_runs_are_shown(study, theirs, searches):
    _, runs = study
    own = [replace(run, tuning_id=None) for run in runs(0.06)[:-1]]
    of_their_search = [replace(run, tuning_id="0" * 64) for run in runs(0.06)[:-1]]
    for records in (own, of_their_search, theirs, searches):
        assert shown(records) == list(records)


def test_cells_as_published_are_blind_too(study, record):
    pair = comparison("C Fashion, published")
    primary, published = study[1](0.0), runs_of(record, pair, SPREAD[:10])
    assert hidden(published, primary[:-1]) == {run.key for run in published}  # nor is one shown before the primary cell
    assert hidden(published[:-1], primary) == {run.key for run in published[:-1]} and not hidden(published, primary)
    assert origins(published)["searches the settings came from"] == "none"


def test_power_runs_of_the_spine_wait_for_the_primary_cell_although_a_secondary_one_is_complete(
    study, record, searches
):
    pair, runs = study
    power = power_runs(record, pair, SPREAD[:8], searches)
    other = comparison("C Fashion, tuned, spinal against mlp")
    secondary = [run for run in runs_of(record, other, SPREAD[:30], searches) if run.head == other.reference]
    lacks_one = [run for run in runs(0.04) if (run.head, run.seed) != (pair.reference, 29)]
    wide = runs(0.04, np.tile([-0.045, 0.045], 30))  # it needs its extension
    for primary in (lacks_one, wide):
        assert {run.head for run in shown(power, [*primary, *secondary])} == {pair.reference}
    assert {run.head for run in shown(power, [*runs(0.04), *secondary])} == {*pair.arms}


def test_heads_on_features_wait_for_the_primary_cell_on_their_images_and_for_each_other(
    study, record, tmp_path, searches
):
    _, primary = study
    names = [name for name in TIERS["F"].datasets if name.startswith("fashion_mnist+")]
    of_heads = ended_search(record, *names, tier="F")
    for run in of_heads:
        append_record(tmp_path / "results" / "tuning" / "heads.jsonl", run)
    runs = [run_of(record, cell, 0.1) for cell in list_cells("study", "F", of_heads, names)]
    assert {run.head for run in runs} == {"spinal", "mlp_matched", "mlp", "linear"}
    assert shown(runs, primary(0.0)[:-1]) == [] and shown(runs, primary(0.0)) == runs
    assert shown(runs[:-1], primary(0.0)) == []


def test_runs_with_fewer_images_wait_for_those_with_all(record, tmp_path, monkeypatch):
    pairs = [comparison(f"P cifar10, tuned, spinal against {reference}") for reference in ("linear", "mlp_matched")]
    searches = ended_search(record, *pairs[0].datasets, tier="P")
    power = {run.key: run for pair in pairs for run in power_runs(record, pair, SPREAD[:8], searches)}
    own_results(monkeypatch, tmp_path, tuning=searches, power=power.values())
    full = {run.key: run for pair in pairs for run in runs_of(record, pair, SPREAD[:30], searches)}
    sizes = [run_of(record, cell, 0.1) for cell in list_cells("study", "P", searches, pairs[0].datasets, part="sizes")]
    most = [run for run in full.values() if run.seed or run.head != "linear"]
    assert len(sizes) > 100 and shown(sizes, most) == [] and shown(sizes, [*full.values()]) == sizes


def test_a_plan_that_is_run_elsewhere_is_blind_by_the_search_beside_it(record, tmp_path, monkeypatch):
    """As a rented GPU makes it: search, power and runs in one folder, and the project has none of them."""
    own_results(monkeypatch, tmp_path)
    pair = comparison("G fashion_mnist, tuned, spinal against mlp_matched")
    searches = ended_search(record, "fashion_mnist", tier="G")
    power = power_runs(record, pair, SPREAD[:8], searches)
    *most, last = runs_of(record, pair, SPREAD[:8], searches)
    assert shown([*searches, *most]) == searches
    assert {run.head for run in shown(power, searches)} == {pair.reference}
    dense = runs_of(record, comparison("G fashion_mnist, tuned, spinal against mlp"), SPREAD[:8], searches)
    everything = [*searches, *power, *most, last, *(run for run in dense if run.head == "mlp")]
    assert {run.key for run in [*most, last]} <= {run.key for run in shown(everything)}


def test_what_makes_a_run_blind_is_no_part_of_its_key():
    cell = next(cell for cell in list_cells("published", "R") if cell.seed == 30)
    assert cell.tuning_id == NO_SEARCH
    assert expected([cell]) == expected([replace(cell, tuning_id=None)])


def test_a_run_of_a_complete_cell_is_shown_although_another_cell_lacks_its_runs(study, record, searches):
    pair, runs = study
    secondary = comparison("C Fashion, tuned, spinal against mlp")
    dense = [run for run in runs_of(record, secondary, SPREAD[:29], searches) if run.head == "mlp"]
    visible = shown([*runs(0.06), *dense])
    assert {run.head for run in visible} == {pair.arm, pair.reference}


@pytest.mark.parametrize("part", ["crossed", "ablations"])
def test_what_no_comparison_judges_waits_for_all_its_seeds(study, record, searches, part):
    """The primary cell is told; of a head beside it nine runs tell nothing, whatever they found, and ten do."""
    _, made = study
    known = made(0.03)
    cells = list_cells("study", "C", searches, ["fashion_mnist"], part=part)
    spines = [cell for cell in cells if cell.head in ("spinal", "spinal_last")]
    first = next(cell for cell in spines if cell.setup not in {run.setup for run in known})
    alike = [cell for cell in cells if (cell.head, cell.config) == (first.head, first.config)]
    beside = [cell for cell in alike if cell.head_arguments == first.head_arguments]
    assert len(beside) == 10

    def told(count, error):
        runs = [run_of(record, cell, error) for cell in beside[:count]]
        frame = records_frame([*known, *runs]).set_index("key").loc[[run.key for run in runs]]
        return [run.key in hidden([*known, *runs]) for run in runs], frame[["val_error", "test_last"]]

    few, other = told(9, 0.2), told(9, 0.02)
    assert all(few[0]) and few[1].isna().all(axis=None) and other[1].isna().all(axis=None)
    whole, frame = told(10, 0.2)
    assert not any(whole) and frame["test_last"].tolist() == pytest.approx([0.8] * 10)


def test_committed_results_of_the_regressions_are_known_already():
    from spinalnet_lib import load_records

    records = load_records("regression")
    assert shown(records) == records


def test_a_pair_is_blind_on_a_set_whose_search_has_ended_before_the_others(record, tmp_path, monkeypatch):
    """Tier D4 has settings of tier C on MNIST, one set of three of a primary pair."""
    pair, sets = comparison("C NIST, tuned, spinal against mlp_matched"), ("mnist", "emnist_balanced_reduced")
    searches = ended_search(record, *sets)
    own_results(monkeypatch, tmp_path, tuning=searches)
    for name in sets:
        alone = replace(pair, datasets=(name,))
        power = [run for run in power_runs(record, alone, SPREAD[:8], searches) if run.head == "spinal"]
        for runs in (runs_of(record, alone, SPREAD[:30], searches), power):
            assert hidden(runs) == {run.key for run in runs} != set()
    (chains,) = TIERS["D4"].runs
    runs = [run_of(record, cell, 0.02) for cell in cells_of("D4", chains, searches)]
    assert {run.head for run in runs} == {*chains.heads("two_conv")} and shown(runs) == []
