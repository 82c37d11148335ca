"""What a sweep does with a cell: claims it, has time for it or not, writes down that it failed."""

import contextlib
import json
import time
from dataclasses import replace

import pytest
from test_sweeps import QUICK, cells, load_sweep

from spinalnet_lib.record_files import append_record
from spinalnet_lib.sweep_jobs import Job, TimeLimit, cell_key, predicted_seconds
from spinalnet_lib.sweeps import sweep


def test_a_run_is_begun_only_if_it_would_end_in_time(tmp_path):
    """Of a limit of 100 seconds 80 are gone; runs like it took 5 seconds for as many steps."""
    sweep(cells([0], heads=["mlp"]), tmp_path)
    (known,) = load_sweep(tmp_path)
    append_record(tmp_path / "long.jsonl", replace(known, key="0" * 64, seconds=5.0))
    (tmp_path / "digits.jsonl").unlink()

    def has_time_for(steps, saved=None):
        limit = TimeLimit(100, began=time.monotonic() - 80)
        job = Job([], tmp_path, limit, None, 1, None)
        return job.has_time_for(cells([1], replace(QUICK, steps=steps), ["mlp"]), saved or tmp_path / "none.npz")

    assert has_time_for(20) and has_time_for(70)
    assert not has_time_for(90)  # 22.5 seconds, of which 19 are left
    assert has_time_for(90, tmp_path / "long.jsonl")  # begun before
    assert has_time_for(401)  # longer than any sweep of this length, which saves it
    job = Job([], tmp_path, TimeLimit(100, began=time.monotonic() - 80), None, 1, None)
    assert not job.has_time_for(cells([1], replace(QUICK, steps=401), ["mlp"]), None)  # nowhere to save it


def test_a_cell_that_failed_is_tried_again_by_the_next_sweep_only(tmp_path):
    (cell,) = todo = cells([0], heads=["mlp"])
    now = Job(todo, tmp_path, TimeLimit(None), None, 1, None)
    with contextlib.ExitStack() as held:
        assert now.claim(todo, held) == todo
        now.keep(todo, ["RuntimeError: out of memory"], None)
    with contextlib.ExitStack() as held:
        assert now.claim(todo, held) == []
    failure = json.loads((tmp_path / "failed.jsonl").read_text())
    assert failure["key"] == cell_key(cell, None, 1) and "rate 0.003, seed 0" in failure["cell"]
    with contextlib.ExitStack() as held:
        assert Job(todo, tmp_path, TimeLimit(None), None, 1, None).claim(todo, held) == todo


def test_a_damaged_checkpoint_is_named_and_its_run_begun_again(tmp_path, capsys):
    (cell,) = todo = cells([0], heads=["mlp"])
    path = tmp_path / ".checkpoints" / f"{cell_key(cell, None, 1)}.npz"
    path.parent.mkdir()
    path.write_bytes(b"torn")
    assert sweep(todo, tmp_path, time_limit=60) == [] and not path.exists()
    assert f"{path} is no checkpoint" in capsys.readouterr().err


def test_times_are_predicted_from_the_runs_most_like_it(tmp_path):
    assert predicted_seconds(cells()[0], []) is None
    sweep(cells(seeds=[0]), tmp_path)
    records = load_sweep(tmp_path)
    seconds = next(r.seconds for r in records if r.head == "mlp")
    assert predicted_seconds(cells(seeds=[5])[0], records) == pytest.approx(seconds)
    longer = cells([5], replace(QUICK, steps=60))[0]
    assert predicted_seconds(longer, records) == pytest.approx(3 * seconds)
    assert predicted_seconds(cells([5], replace(QUICK, stacked=True))[0], records) is None
