"""What documents say of a state of the art, and that a figure nobody has seen decides nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from spinalnet_lib import published_figures
from spinalnet_lib.cli import train
from spinalnet_lib.cli.main import _parser
from spinalnet_lib.data.cards import load_card
from spinalnet_lib.study import documents
from spinalnet_lib.study.cell import Cell
from spinalnet_lib.study.cells import list_cells
from spinalnet_lib.study.claims import list_claims
from spinalnet_lib.study.order import STUDY_ORDER
from spinalnet_lib.study.verdict import FEWEST_UNITS
from tests.study.cases import run_of

CLAIMS = {claim.id: claim for claim in list_claims()}


def told(claim, figures=None, records=()):
    return documents.state_of_the_art(CLAIMS[claim], figures, records)


def test_every_documentary_claim_has_a_set_and_two_findings():
    assert set(documents.SETS) == {claim.id for claim in CLAIMS.values() if claim.kind == "documentary"}
    for claim in documents.SETS:
        document, replicated = told(claim)
        assert document.state in ("unverified", "superseded", "standing") and replicated.state == "untested"
        assert document.evidence and document.overturned_by and document.sources == ("data/paper",)


@pytest.mark.parametrize("claim", documents.SETS)
def test_the_state_is_that_of_the_sure_figures(claim):
    figures = published_figures()
    figures = figures[(figures["dataset"] == documents.SETS[claim]) & figures["sure"]]
    authors = figures[(figures["file"] != "others") & figures["head"].str.startswith("spinal")]
    authors = authors[
        (authors["provenance"] != "user report") & ~authors["measure"].str.contains("validation accuracy")
    ]
    others = figures[figures["file"] == "others"]
    expected = "superseded" if (others["value"] > authors["value"].max()).any() else "standing"
    expected = "unverified" if authors.empty else expected
    assert told(claim)[0].state == expected


def test_a_higher_figure_supersedes_only_if_somebody_has_seen_it():
    figures = published_figures()
    higher = (figures["dataset"] == "emnist_balanced") & (figures["file"] == "others") & (figures["value"] > 91.05)
    assert higher.sum() == 1 and not figures[higher]["sure"].any() and told("C14")[0].state == "standing"
    assert "not verified: 91.06 %" in told("C14")[0].evidence
    figures.loc[higher, "sure"] = True
    assert told("C14", figures)[0].state == "superseded"


def test_without_a_sure_figure_of_the_authors_it_is_unverified():
    figures = published_figures()
    ours = (figures["dataset"] == "emnist_letters") & (figures["file"] != "others")
    assert told("C12", figures[~ours])[0].state == "unverified"


def test_validation_results_are_no_results_on_test_images():
    assert "97.3171" not in told("C18")[0].evidence and "96.87" in told("C18")[0].evidence


@pytest.mark.parametrize(
    ("source", "note", "date"),
    [
        ("arXiv 2501.13709, abstract", "", "2025-01"),
        ("a leaderboard", "Chopra 2021, arXiv 2103.11373", "2021-03"),
        ("Supplementary Materials SpinalNet.pdf (Feb 2021) p. 16", "", "2021"),
        ("github.com/j05t/emnist README at 2045f1c", "64 of 40,000 images", "undated"),
    ],
)
def test_dates_are_those_of_the_source(source, note, date):
    assert documents.figure_date(source, note) == date


def test_own_splits_never_support_a_published_figure():
    for claim, name in documents.SETS.items():
        replicated = told(claim)[1]
        assert f"{name}_" not in replicated.command
        assert replicated.state == "untested"
    assert "kmnist_10k is at hand, an own split, which never supports" in told("C11")[1].evidence
    assert "official split is at hand" in told("C12")[1].evidence and "not at hand" in told("C10")[1].evidence
    assert "A single run: 85.82 %" in told("C14")[1].evidence


@pytest.mark.parametrize("claim", documents.SETS)
def test_commands_can_be_typed(claim):
    for command in told(claim)[1].command.split(" && "):
        _parser().parse_args(command.split()[1:])


@pytest.mark.parametrize("claim", documents.SETS)
def test_the_command_makes_runs_that_decide(claim, record):
    """Read as the command line reads it, for any sure figure of the authors."""
    name, command = documents.SETS[claim], told(claim)[1].command.split(" && ")[-1]
    args = _parser().parse_args(command.split()[1:])
    arguments = train._head_arguments(args, load_card(name)["num_classes"], train._transfer(args), False)
    config = train._recipe(args, False)
    cells = [Cell(name, args.backbone, args.head, seed, config, arguments) for seed in args.seeds]
    runs = [run_of(record, cell, 0.001 * (1 + cell.seed % 2)) for cell in cells]
    figures = published_figures()
    figures.loc[figures["file"] != "others", "sure"] = True
    assert told(claim, figures, runs)[1].state in ("replicated", "not replicated")
    assert f"{len(runs) - 1} of at least {FEWEST_UNITS} seeds" in told(claim, figures, runs[1:])[1].evidence
    assert Path(args.out).parent in [Path("data/results", step.folder) for step in STUDY_ORDER]


def test_the_biology_is_argued():
    assert documents.biology().state == "argued"


@pytest.mark.parametrize(("accuracy", "state"), [(0.959, "replicated"), (0.9, "not replicated")])
def test_enough_runs_as_published_replicate_a_figure_or_do_not(record, accuracy, state):
    """The authors' sure figure is 95.88 %; seven seeds, another body and another recipe decide nothing."""
    cells = list_cells("published", "G", (), ["emnist_letters"])
    (pattern,) = [cell for cell in cells if cell.head == "spinal"][:1]
    runs = [
        run_of(record, replace(pattern, seed=seed), 1 - accuracy + 0.0005 * (seed % 2)) for seed in range(FEWEST_UNITS)
    ]
    assert told("C12", records=runs)[1].state == state
    assert f"{100 * (accuracy - 0.00025):.6g}" in told("C12", records=runs)[1].evidence
    others = [
        runs[1:],
        [replace(run, model={**run.model, "backbone": "two_conv"}) for run in runs],
        [replace(run, recipe={**run.recipe, "epochs": 3}) for run in runs],
        [replace(run, test=None) for run in runs],
        [replace(run, dataset="emnist_digits") for run in runs],
    ]
    assert {told("C12", records=some)[1].state for some in others} == {"untested"}
    assert "7 of at least 8 seeds" in told("C12", records=runs[1:])[1].evidence
