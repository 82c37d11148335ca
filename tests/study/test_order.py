"""The order of the study's runs is the plan's, and what is missing is told from records alone."""

import re
import shlex
from collections import Counter
from dataclasses import replace

import pytest
import torch

from spinalnet_lib import load_records
from spinalnet_lib.cli.main import main
from spinalnet_lib.study import order
from spinalnet_lib.study.cells import STUDIES, list_cells
from spinalnet_lib.study.order import STUDY_ORDER, Step, study_progress, undone
from spinalnet_lib.study.tiers import TIERS
from tests.study.cases import recorded, with_losses


def test_the_order_is_the_plans(root):
    """Its sentence names tiers, and of tier C what is made; a search and its power runs stand before the runs they are for."""
    plan = (root / "data" / "protocol.md").read_text(encoding="utf-8")
    sentence = re.search(r"Run in this order: (.*?)\. On a GPU: (.*?)\.", plan)
    on_a_cpu = [step for step in STUDY_ORDER if TIERS[step.tier].device == "cpu"]
    of_words = {
        "C search": [("tuning", None)],
        "power": [("power", None)],
        "C primary": [("study", "primary")],
        "C as published and 2 × 2": [("published", None), ("study", "crossed")],
        "C ablations": [("study", "ablations")],
        "sensitivity": [("sensitivity", None)],
    }
    expected = []
    for words in sentence[1].split(", "):
        if words in of_words:
            expected += [("C", *step) for step in of_words[words]]
        else:
            kinds = [study for study in ("tuning", "power", "study", "published") if _has_own_runs(study, words)]
            expected += [(words, study, None) for study in kinds]
    expected.append(("C", "issue_6", None))  # a departure, at the end
    assert [(step.tier, step.study, step.part) for step in on_a_cpu] == expected
    on_a_gpu = list(dict.fromkeys(step.tier for step in STUDY_ORDER if step not in on_a_cpu))
    assert on_a_gpu == sentence[2].split(", ")


def _has_own_runs(study, tier):
    """Tiers W and D4 take the search of tier C."""
    return bool(list_cells(study, tier, None)) and not (study == "tuning" and tier in ("W", "D4"))


def test_the_steps_are_all_runs_of_the_plan_and_name_none_twice():
    whole = {
        (study, tier): {cell.setup for cell in list_cells(study, tier, None)}
        for tier in TIERS
        for study in STUDIES
        if _has_own_runs(study, tier)
    }
    of_steps = {}
    for step in STUDY_ORDER:
        of_steps.setdefault((step.study, step.tier), set()).update(cell.setup for cell in step.cells(None))
    assert of_steps == whole
    assert len({step.name for step in STUDY_ORDER}) == len(STUDY_ORDER) == len({step.command() for step in STUDY_ORDER})


@pytest.mark.parametrize("step", STUDY_ORDER, ids=lambda step: step.name)
def test_the_command_of_a_step_lists_its_cells(step, monkeypatch, tmp_path):
    """As the command line reads it."""
    asked = []
    monkeypatch.setattr("spinalnet_lib.study.tiers.choose_sets", lambda tier, sets, *rest: ({tier: sets}, []))
    monkeypatch.setattr("spinalnet_lib.study.cells.list_cells", lambda *arguments: asked.append(arguments) or [])
    monkeypatch.setattr("spinalnet_lib.records.files.load_records", lambda path: [])
    monkeypatch.setattr(
        "spinalnet_lib.machine.pick_device", lambda asked: torch.device(asked or "cpu")
    )  # as if a GPU were here
    program, *arguments = shlex.split(step.command(str(tmp_path)))
    assert program == "spinalnet"
    assert main([*arguments, "--engine", "serial"]) == 2  # as there are no runs
    study, tier, _, names, _, part = asked[0]
    assert (study, tier, tuple(names), part) == (step.study, step.tier, step.datasets, step.part)


@pytest.mark.parametrize("step", STUDY_ORDER, ids=lambda step: step.name)
def test_a_step_says_whether_its_runs_read_a_test_set(step):
    assert {cell.config.read_test for cell in step.cells(None)} == {step.reads_test}


@pytest.mark.parametrize("step", STUDY_ORDER, ids=lambda step: step.name)
def test_a_step_has_the_same_cells_where_all_sets_of_its_tier_are_named(step):
    """As a sweep names those that are here: a part of a tier has only some of them."""
    named = [name for name in TIERS[step.tier].datasets if name in (step.datasets or [name])]
    assert step.cells(None, named) == step.cells(None)


def test_a_run_is_done_by_a_record_of_its_kind_only(record):
    cells = list_cells("tuning", "R", (), ["regression_sum"])
    records = [replace(found, numerics_version=1) for found in recorded(record, cells)]
    without = [cell for cell in cells if max(_rates(cell)) == 0]
    assert undone(cells, records) == [cell for cell in cells if cell not in without]  # theirs is version 2
    assert undone(without, records, "cuda") == undone(without, records, threads=2) == without


def _rates(cell):
    rates = cell.head_arguments["drop_rate"]
    return rates if isinstance(rates, list) else [rates]


def test_progress_counts_what_is_there_and_says_what_waits(record, monkeypatch):
    """Of tier R alone, with its search on two sets; one has ended, one lacks a run."""
    steps = [Step(study, "R", None, ("regression_sum", "regression_product")) for study in ("tuning", "study")]
    monkeypatch.setattr(order, "STUDY_ORDER", steps)
    cells = steps[0].cells(())
    records = [
        replace(found, numerics_version=2 if max(_rates(cell)) else 1)
        for cell, found in zip(cells, with_losses(recorded(record, cells)), strict=True)
    ]
    search, study = study_progress(records[:-1])
    assert (search["planned"], search["missing"], search["waits_for"]) == (len(cells), 1, None)
    assert study["planned"] == study["missing"] == 2 * 5 * 30 and "lacks 1 of" in study["waits_for"]
    search, study = study_progress(records)
    assert search["missing"] == 0 and search["minutes"] == 0 and study["waits_for"] is None
    # Tied nets are trained alone, and no such run has ended.
    assert study["missing"] == 2 * 5 * 30 and study["minutes"] is None
    alone = recorded(record, Step("published", "R", None, ("regression_sum",)).cells(())[:1])
    assert study_progress(records + alone)[1]["minutes"] > 0
    assert study["command"].startswith("spinalnet sweep study --tier R --sets regression_sum regression_product")


def test_minutes_of_a_gpu_come_from_the_measured_speed_where_no_run_tells_them(monkeypatch):
    monkeypatch.setattr(order, "STUDY_ORDER", [Step("study", "G", None, ("mnist",)), Step("tuning", "P")])
    on_gpu, on_cpu = study_progress([])
    macs = order._body_macs("vgg5", 1, 28)
    assert on_gpu["minutes"] == pytest.approx(24 * 2000 * 1000 * 6 * macs / order._vgg5_flops() / 60)
    assert on_cpu["minutes"] is None


def test_the_committed_records_of_tier_r_are_done():
    step = next(step for step in STUDY_ORDER if (step.study, step.tier) == ("published", "R"))
    records = load_records(step.folder)
    cells = step.cells(())
    assert len(cells) - len(undone(cells, records)) == len({record.key for record in records})


def test_a_rehearsal_is_the_whole_plan_in_small():
    for tier, plan in TIERS.items():
        plans = {tier: plan.rehearsal(3)}
        for study in STUDIES:
            small, whole = (list_cells(study, tier, None, plans=plans) for plans in (plans, TIERS))
            assert {cell.config.steps for cell in small} <= {3, 12}
            kinds = [{(c.dataset, c.backbone, c.head, c.config.stacked) for c in cells} for cells in (small, whole)]
            assert kinds[0] == kinds[1]
            seeds = Counter(cell.seed for cell in small)
            assert len(seeds) <= (8 if study == "power" else 2 + 1 * (tier == "R" and study == "published"))
