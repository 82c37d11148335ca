"""Primary cells are run only once their δ and power are committed as the power runs give them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from spinalnet_lib import append_record, load_records
from spinalnet_lib.cli.main import main
from spinalnet_lib.records.files import own_records
from spinalnet_lib.study import gate
from spinalnet_lib.study.cells import list_cells
from spinalnet_lib.study.comparisons import COMPARISONS
from spinalnet_lib.study.gains import pilot_spread
from spinalnet_lib.study.gate import cells_to_run, check_power, is_drilled, power_file, power_of_plan, write_power
from spinalnet_lib.study.order import Step
from spinalnet_lib.study.power import RIGHT, power
from spinalnet_lib.study.sweep import sweep
from spinalnet_lib.training.recipes import POWER_SEEDS
from tests.study.cases import comparison, ended_search, own_results, power_runs, runs_of

PILOT = np.tile([-0.002, 0.002], 4) + 0.03


@pytest.fixture(scope="module")
def pair():
    return comparison("C Fashion, tuned, spinal against mlp_matched")


@pytest.fixture
def searches(record):
    return ended_search(record, "fashion_mnist")


@pytest.fixture
def results(record, pair, searches, tmp_path, monkeypatch):
    pairs = [pair, comparison("C Fashion, tuned, spinal against mlp")]
    power_of_all = {run.key: run for each in pairs for run in power_runs(record, each, PILOT, searches)}
    own_results(monkeypatch, tmp_path, tuning=searches, power=power_of_all.values())
    monkeypatch.setattr(gate, "data_path", lambda *parts: tmp_path.joinpath(*parts))
    monkeypatch.setattr(gate, "FEWEST_STUDIES", 2)  # more of them take long
    return tmp_path / "results"


def primary(searches):
    return list_cells("study", "C", searches, ["fashion_mnist"])


def test_power_is_told_by_the_spread_and_not_by_the_mean_of_the_pilot(record, pair, searches):
    of = [power_of_plan([*searches, *power_runs(record, pair, PILOT - gain, searches)]) for gain in (0.03, 0.06)]
    assert of[0] == of[1] and list(of[0]) == [pair.name]
    found = of[0][pair.name]
    assert found["delta"] == pytest.approx(0.01) and found["pilot_sd"] == pytest.approx(PILOT.std(ddof=1), rel=1e-4)
    assert {row["effect"] for row in found["power"]} == {0.0, 1.5, 2.0}
    spread = pilot_spread(pair, [*searches, *power_runs(record, pair, PILOT, searches)])
    assert spread == pytest.approx(PILOT - PILOT.mean(), abs=1e-4)  # what shifts all of them alike is not in it
    expected = power(spread, 0.01, 30, 3)
    assert [row["right"] for row in found["power"]] == pytest.approx([row["right"] for row in expected], abs=1e-5)


def test_primary_cells_wait_for_the_file(results, searches):
    with pytest.raises(ValueError, match="spinalnet power"):
        cells_to_run("study", "C", primary(searches), searches)
    with pytest.raises(ValueError, match="spinalnet power"):
        sweep(primary(searches)[:1], results / "study", device="cpu")
    assert not (results / "study").exists()
    write_power(own_records(), repeats=2)
    assert cells_to_run("study", "C", primary(searches), searches) == primary(searches)


def test_the_command_and_the_steps_of_the_plan_wait_too(results, searches, capsys):
    command = ["sweep", "study", "--tier", "C", "--sets", "fashion_mnist", "--out", str(results / "study")]
    assert main(command) == 2 and "spinalnet power" in capsys.readouterr().err
    step = Step("study", "C", "primary")
    with pytest.raises(ValueError, match="spinalnet power"):
        step.cells(searches, ["fashion_mnist"])
    write_power(own_records(), repeats=2)
    assert step.cells(searches, ["fashion_mnist"])


@pytest.mark.parametrize("name", ["delta", "pilot_sd"])
def test_a_file_that_says_otherwise_than_the_records_is_refused(results, pair, searches, name):
    write_power(own_records(), repeats=2)
    said = json.loads(power_file().read_text())
    said[pair.name][name] *= 1.01
    power_file().write_text(json.dumps(said))
    with pytest.raises(ValueError, match=name):
        cells_to_run("study", "C", primary(searches), searches)
    power_file().write_text("{")
    with pytest.raises(ValueError, match=r"power\.json"):
        cells_to_run("study", "C", primary(searches), searches)


def test_the_drill_is_committed_beside_it(results, pair, searches):
    """With a spread of a fifth of δ each planted effect gets the right verdict each time."""
    write_power(own_records(), repeats=2)
    said = json.loads(power_file().read_text())
    drilled = said[pair.name].pop("drill")
    assert drilled == {"repeats": 2, "shares": {f"{effect:g}": {right: 1.0} for effect, right in RIGHT.items()}}
    assert [name for name, found in said.items() if "drill" in found] == []  # of primary pairs only
    power_file().write_text(json.dumps(said))
    with pytest.raises(ValueError, match="drill"):
        cells_to_run("study", "C", primary(searches), searches)


def test_primary_cells_wait_for_their_power_runs(results, searches):
    write_power(own_records(), repeats=2)
    next((results / "power").iterdir()).unlink()
    with pytest.raises(ValueError, match="sweep power --tier C"):
        cells_to_run("study", "C", primary(searches), searches)


def edited(pair, change):
    """The file with its row of a pair changed."""
    said = json.loads(power_file().read_text())
    change(said[pair.name])
    power_file().write_text(json.dumps(said))


def test_a_drill_of_few_studies_or_of_few_right_verdicts_opens_nothing(results, pair, searches, monkeypatch):
    write_power(own_records(), repeats=2)
    monkeypatch.setattr(gate, "FEWEST_STUDIES", 100)
    with pytest.raises(ValueError, match="at least 100 studies"):
        cells_to_run("study", "C", primary(searches), searches)
    edited(pair, lambda row: row["drill"].update(repeats=100))
    assert cells_to_run("study", "C", primary(searches), searches)
    right = {f"{effect:g}": {name: 1.0} for effect, name in RIGHT.items()}
    for share, opens in (
        (0.97, True),
        (0.96, False),
        (0.0, False),
    ):  # all but certain: three errors are a hundredth each
        shares = right | {"1.5": {"better, matters": share, "open": 1 - share}}
        edited(pair, lambda row, shares=shares: row["drill"].update(shares=shares))
        if opens:
            assert cells_to_run("study", "C", primary(searches), searches)
        else:
            with pytest.raises(ValueError, match=r"1\.5 δ, and 100"):
                cells_to_run("study", "C", primary(searches), searches)
    edited(pair, lambda row: row["drill"]["shares"].pop("2"))
    with pytest.raises(ValueError, match="lacks a drill"):
        cells_to_run("study", "C", primary(searches), searches)


def test_it_can_be_written_again_when_primary_runs_are_there_and_keeps_its_drills(
    results, record, pair, searches, monkeypatch
):
    first = write_power(own_records(), repeats=2)
    for run in runs_of(record, pair, 0.03 + np.tile([-0.004, 0.004], 10), searches):
        append_record(results / "study" / "fashion_mnist.jsonl", run)
    assert write_power(own_records(), repeats=3)[pair.name]["drill"]["repeats"] == 3
    monkeypatch.setattr(gate, "drill", lambda *how: pytest.fail("it was drilled already"))
    again = write_power(own_records(), repeats=2)
    assert again[pair.name]["drill"]["repeats"] == 3
    assert again[pair.name]["delta"] == first[pair.name]["delta"]


def test_a_pilot_without_any_spread_is_written_with_certain_verdicts(record, pair, searches):
    found = power_of_plan([*searches, *power_runs(record, pair, np.zeros(8), searches)])[pair.name]
    assert found["pilot_sd"] == 0 and {row["right"] for row in found["power"]} == {1.0}


def test_power_runs_that_diverged_are_named(results, record, pair, searches):
    def lost(run):
        diverged = run.head == pair.reference and run.seed == POWER_SEEDS[0]
        point = {**run.last, "val_error": None, "train_loss": None}
        return replace(run, diverged=True, curve=[*run.curve[:-1], point]) if diverged else run

    (file,) = (results / "power").iterdir()
    runs = [lost(run) for run in load_records(file)]
    file.unlink()
    for run in runs:
        append_record(file, run)
    with pytest.raises(
        ValueError, match=f"diverged .mlp_matched on fashion_mnist, seed {POWER_SEEDS[0]}.*write it down"
    ):
        cells_to_run("study", "C", primary(searches), searches)


def test_power_runs_themselves_do_not_wait(results, searches):
    for file in (results / "power").iterdir():
        file.unlink()
    cells = list_cells("power", "C", searches, ["fashion_mnist"])
    assert cells_to_run("power", "C", cells, searches) == cells and {cell.seed for cell in cells} == {*POWER_SEEDS}
    check_power(cells)  # as a sweep does
    with pytest.raises(ValueError, match="power runs are missing"):
        check_power(primary(searches))


def test_cells_as_published_wait_for_their_delta(results, record):
    published, pair = list_cells("published", "C", (), ["fashion_mnist"]), comparison("C Fashion, published")
    with pytest.raises(ValueError, match=r"C Fashion, published.*: power runs are missing"):
        cells_to_run("published", "C", published, ())
    for run in power_runs(record, pair, PILOT):
        append_record(results / "power" / "published.jsonl", run)
    write_power(own_records(), repeats=2)
    assert cells_to_run("published", "C", published, ()) == published


def test_other_cells_and_a_users_own_do_not_wait(results, searches):
    regressions = list_cells("published", "R")
    assert cells_to_run("published", "R", regressions, searches) == regressions
    assert cells_to_run("power", "C", primary(searches), searches) == primary(searches)
    alone = [cell for cell in primary(searches) if cell.head == "linear"]  # of no pair
    assert cells_to_run("study", "C", alone, searches) == alone


def test_a_set_of_a_family_waits_for_the_familys_power_while_another_search_goes_on(record, tmp_path, monkeypatch):
    searches = ended_search(record, "mnist")
    own_results(monkeypatch, tmp_path, tuning=searches)
    cells = list_cells("study", "C", searches, ["mnist"])
    with pytest.raises(ValueError, match="C NIST, tuned, spinal against mlp_matched: power runs are missing"):
        cells_to_run("study", "C", cells, searches)


def test_what_is_extended_is_run_with_the_tier(results, record, pair, searches):
    write_power(own_records(), repeats=2)
    wide = runs_of(record, pair, np.tile([-0.045, 0.045], 15), searches)
    cells = cells_to_run("study", "C", primary(searches), searches, wide)
    assert {cell.seed for cell in cells[len(primary(searches)) :]} == {*range(30, 60)}


def test_without_power_runs_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "data_path", lambda *parts: tmp_path.joinpath(*parts))
    with pytest.raises(ValueError, match="sweep power"):
        write_power([])
    assert not power_file().exists()


def test_the_committed_file_is_what_the_committed_records_give():
    found = power_of_plan(own_records())
    said = json.loads(power_file().read_text()) if power_file().exists() else {}
    assert {each.name for each in COMPARISONS if "drill" in said.get(each.name, ())} == {
        each.name for each in COMPARISONS if each.name in found and is_drilled(each)
    }
    assert {name: {what: each[what] for what in each if what != "drill"} for name, each in said.items()} == found
    assert found.keys() <= {each.name for each in COMPARISONS}
