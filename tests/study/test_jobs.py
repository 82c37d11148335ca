"""What a sweep does with a cell: claims it, has time for it or not, writes down that it failed."""

import contextlib
import json
import time
from dataclasses import replace

import numpy as np
import pytest

from spinalnet_lib.machine import OutOfTime, TimeLimit
from spinalnet_lib.records.files import append_record
from spinalnet_lib.study import jobs as sweep_jobs
from spinalnet_lib.study.jobs import Job, cell_key, predicted_seconds, run_cells
from spinalnet_lib.study.sweep import sweep
from tests.study.cases import QUICK, cells, load_sweep


def test_what_cannot_be_saved_is_begun_only_if_it_would_end_in_time(tmp_path):
    """Of a limit of 100 seconds 80 are gone; runs like it took 5 seconds for as many steps."""
    sweep(cells([0], heads=["mlp"]), tmp_path)
    (known,) = load_sweep(tmp_path)
    append_record(tmp_path / "long.jsonl", replace(known, key="0" * 64, seconds=5.0))
    (tmp_path / "digits.jsonl").unlink()

    def has_time_for(steps, can_be_saved=False, gone=80.0):
        job = Job([], tmp_path, TimeLimit(100, began=time.monotonic() - gone), None, 1, None)
        return job.has_time_for(cells([1], replace(QUICK, steps=steps), ["mlp"]), can_be_saved)

    assert has_time_for(20) and has_time_for(70)
    assert not has_time_for(90)  # 22.5 seconds, of which 19 are left
    assert has_time_for(90, can_be_saved=True)
    assert not has_time_for(20, can_be_saved=True, gone=99.5)  # the last second is for saving


def test_a_cell_that_failed_is_tried_again_by_the_next_sweep_only(tmp_path):
    (cell,) = todo = cells([0], heads=["mlp"])
    now = Job([todo], tmp_path, TimeLimit(None), None, 1, None)
    with contextlib.ExitStack() as held:
        assert now.claim(todo, held) == todo
        now.keep(todo, todo, ["RuntimeError: out of memory"], None)
    with contextlib.ExitStack() as held:
        assert now.claim(todo, held) == []
    failure = json.loads((tmp_path / "failed.jsonl").read_text())
    assert failure["key"] == cell_key(cell, None, 1) and "rate 0.003, seed 0" in failure["cell"]
    with contextlib.ExitStack() as held:
        assert Job([todo], tmp_path, TimeLimit(None), None, 1, None).claim(todo, held) == todo


@pytest.mark.parametrize("damage", ["torn", "no archive", "no order"])
@pytest.mark.parametrize("stacked", [False, True])
def test_a_damaged_checkpoint_is_named_and_its_run_begun_again(stacked, damage, tmp_path, capsys):
    todo = cells([0], replace(QUICK, stacked=stacked), heads=["mlp"])
    job = Job([todo], tmp_path, TimeLimit(1e-9), None, 1, None)
    path = job.checkpoint(todo)
    (cut_off,) = run_cells(todo, None, 1, None, path, job.limit)
    assert isinstance(cut_off, OutOfTime)
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "no archive":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files if name != "order"}
        np.savez(path, **arrays)
    assert sweep(todo, tmp_path, time_limit=60) == [] and not path.exists()
    assert f"{path} is no checkpoint" in capsys.readouterr().err


def test_a_stack_is_claimed_whole_or_not_at_all(tmp_path):
    todo = cells(range(4), replace(QUICK, stacked=True), heads=["mlp"])
    first, second = (Job([todo], tmp_path, TimeLimit(None), None, 1, None) for _ in range(2))
    with contextlib.ExitStack() as one, contextlib.ExitStack() as other:
        assert first.claim(todo[1:], one) == todo[1:]
        assert second.claim(todo, other) == []
    with contextlib.ExitStack() as held:
        assert second.claim(todo, held) == todo  # nothing is held any more


def test_a_stack_killed_between_two_of_its_records_goes_on_as_the_stack_it_was(tmp_path, monkeypatch):
    todo = cells(range(3), replace(QUICK, stacked=True), heads=["spinal"])
    assert sweep(todo, tmp_path / "whole") == []
    whole = load_sweep(tmp_path / "whole")
    job = Job([todo], tmp_path / "cut", TimeLimit(1e-9), None, 1, None)
    run_cells(todo, None, 1, None, job.checkpoint(todo), job.limit)  # saved after a step
    append_record(tmp_path / "cut" / "digits.jsonl", whole[0])
    steps, take = [], sweep_jobs.train_stacked
    monkeypatch.setattr(
        sweep_jobs,
        "train_stacked",
        lambda data, members, *a, **k: (steps.append(len(members)), take(data, members, *a, **k))[1],
    )
    assert sweep(todo, tmp_path / "cut") == []
    assert steps == [3]  # from where it was saved, with all that was saved
    assert [(r.key, r.curve) for r in load_sweep(tmp_path / "cut")] == [(r.key, r.curve) for r in whole]
    assert not list((tmp_path / "cut" / ".checkpoints").iterdir())


def test_times_are_predicted_from_the_runs_most_like_it(tmp_path):
    assert predicted_seconds(cells()[0], []) is None
    sweep(cells(seeds=[0]), tmp_path)
    records = load_sweep(tmp_path)
    seconds = next(r.seconds for r in records if r.head == "mlp")
    assert predicted_seconds(cells(seeds=[5])[0], records) == pytest.approx(seconds)
    longer = cells([5], replace(QUICK, steps=60))[0]
    assert predicted_seconds(longer, records) == pytest.approx(3 * seconds)
    assert predicted_seconds(cells([5], replace(QUICK, stacked=True))[0], records) is None
