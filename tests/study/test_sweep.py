"""Sweeps: what is missing and nothing else, cut off, killed, doubled, out of disk, and started again."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest

from spinalnet_lib import create_model, files, load_dataset, load_records
from spinalnet_lib.files import locked
from spinalnet_lib.machine import TimeLimit
from spinalnet_lib.study import setup as study_setup
from spinalnet_lib.study.cell import Cell
from spinalnet_lib.study.jobs import work
from spinalnet_lib.study.setup import Setup
from spinalnet_lib.study.sweep import missing_cells, prepare, sweep
from tests.data.cases import write_idx
from tests.study.cases import LONG_ENOUGH, QUICK, OneStep, cells, expected, job, keys, load_sweep, mixed, python


def test_a_sweep_makes_what_is_missing_and_nothing_else(tmp_path, capsys):
    todo = cells()
    assert missing_cells(todo, tmp_path / "out") == todo
    assert sweep(todo[:2], tmp_path / "out") == []
    before = (tmp_path / "out" / "digits.jsonl").read_bytes()
    assert sweep(todo, tmp_path / "out") == []
    assert (tmp_path / "out" / "digits.jsonl").read_bytes().startswith(before)
    assert keys(tmp_path / "out") == expected(todo)
    capsys.readouterr()
    assert sweep(todo, tmp_path / "out") == [] and capsys.readouterr().out == ""
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["digits.jsonl"]


def test_a_place_that_cannot_be_written_costs_no_training(tmp_path, monkeypatch):
    monkeypatch.setattr("spinalnet_lib.study.setup.train", lambda *args, **kwargs: pytest.fail("trained in vain"))
    (tmp_path / "digits.jsonl").write_text("remember the milk")
    with pytest.raises(ValueError, match="no record"):
        sweep(cells(), tmp_path)
    with pytest.raises(OSError, match=r"digits\.jsonl"):
        sweep(cells(), tmp_path / "digits.jsonl")
    assert list(tmp_path.iterdir()) == [tmp_path / "digits.jsonl"]


@pytest.mark.parametrize(("stacked", "body"), [(False, "pixels"), (True, "pixels"), (False, "torchvision:resnet18")])
def test_what_was_cut_off_goes_on_from_its_checkpoint(stacked, body, tmp_path, capsys):
    """Step by step: each sweep ends after one."""
    todo = cells(range(1 + stacked), replace(QUICK, stacked=stacked), heads=["spinal"])
    if ":" in body:
        few = {"size": 32, "cut_seed": 0, "val_per_class": 2, "config": replace(QUICK, batch_size=8)}
        todo = [replace(cell, backbone=body, **few) for cell in todo]
    sweep(todo, tmp_path / "whole")
    capsys.readouterr()
    for step in (1, 2, 3):
        left = sweep(todo, tmp_path / "cut", time_limit=OneStep())
        assert left == (todo if step < 3 else [])
        word = f"{' and 1 more' * stacked}: time was up after step {step}"
        assert capsys.readouterr().out.count(word) == bool(left)
    assert [r.curve for r in load_sweep(tmp_path / "cut")] == [r.curve for r in load_sweep(tmp_path / "whole")]
    assert not list(tmp_path.rglob("*.npz"))


def test_what_fails_is_written_down_once_a_sweep_and_the_others_are_made(tmp_path, monkeypatch):
    """A stack that cannot be, a damaged set and a set that is not here, in a study that grows."""
    write_idx(tmp_path, "kmnist", monkeypatch)
    path = next(tmp_path.rglob("train-images*"))
    path.write_bytes(path.read_bytes()[:1000])
    recipe, sizes = replace(QUICK, stacked=True), {"layer_width": 4, "norm_layer": "BatchNorm1d"}
    bad = [Cell("digits", "pixels", "spinal", seed, recipe, sizes) for seed in (0, 1)]
    bad += [Cell(name, "pixels", "linear", seed, QUICK) for name in ("kmnist", "qmnist") for seed in (0, 1)]
    loads, out = Counter(), tmp_path / "out"
    monkeypatch.setattr(
        study_setup, "load_dataset", lambda name, *a, **k: (loads.update([name]), load_dataset(name, *a, **k))[1]
    )

    def listed():
        return [*bad, *cells([0]), *(cells([1]) if (out / "digits.jsonl").exists() else [])]

    assert sweep(listed, out, root=tmp_path) == bad and len(keys(out)) == 4
    failures = [json.loads(line) for line in (out / "failed.jsonl").read_text().splitlines()]
    assert [failure["key"] is None for failure in failures] == [True] * 4 + [False] * 2
    assert {failure["cell"] for failure in failures} == {cell.describe() for cell in bad}
    reasons = " ".join(failure["reason"] for failure in failures)
    assert all(word in reasons for word in ("cannot have BatchNorm1d", path.name, "spinalnet data fetch qmnist"))
    assert loads["kmnist"] == 3  # once a look, not once a cell
    assert sweep(bad, out, root=tmp_path) == bad  # tried again by the next sweep, for which nothing is claimed any more
    assert len((out / "failed.jsonl").read_text().splitlines()) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "procces"}, "unknown engine 'procces'; did you mean 'process'"),
        ({"address": "here:1"}, "address='here:1' is a Ray cluster's; pass engine='ray'"),
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"time_limit": -1}, "time_limit must be above 0 seconds, got -1"),
    ],
)
def test_a_wrong_call_is_refused(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        sweep(cells(), tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def test_without_file_locks_of_the_system_the_serial_engine_works_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(files, "warn_of_owner_files", lambda: None)
    assert sweep(cells([0]), tmp_path) == [] and keys(tmp_path) == expected(cells([0]))
    for engine in ("process", "ray"):
        with pytest.raises(ValueError, match=f"engine='{engine}' needs Linux or macOS"):
            sweep(cells([1]), tmp_path, engine=engine)


def test_a_run_is_made_by_one_of_two_jobs_that_list_it(tmp_path):
    """The second begins when the first has claimed its first cell."""
    todo = cells()
    first, second = (job([[cell] for cell in todo], tmp_path) for _ in range(2))
    for claim in first.claims():
        with claim.held:
            if claim.cells == todo[:1]:
                work(second)
            first.keep(claim, first.setup.run(claim.cells))
    assert keys(tmp_path) == expected([*todo[1:], todo[0]])


def test_features_are_computed_before_the_runs_and_within_the_limit(tmp_path, monkeypatch, capsys):
    from spinalnet_lib.models.saved import save_model

    setup = Setup("cpu")
    monkeypatch.setenv("SPINALNET_CACHE", str(tmp_path / "kept"))
    save_model(create_model("pixels", "linear", 10, image_size=8), tmp_path / "body.npz")
    name = f"digits+saved:{tmp_path / 'body.npz'}"
    todo = [replace(cell, dataset=name) for cell in cells(range(2), replace(QUICK, stacked=True))]
    assert not prepare(todo, setup, TimeLimit(1e-9))
    assert "features: time was up" in capsys.readouterr().out
    assert prepare([replace(todo[0], dataset="nowhere+saved:x"), *todo], setup, TimeLimit(None))
    assert sweep(todo, tmp_path / "out", setup=setup) == []
    assert {record.dataset for record in load_sweep(tmp_path / "out")} == {name}
    assert all("/" not in path.name and ":" not in path.name for path in (tmp_path / "out").glob("*.jsonl"))


@pytest.mark.processes
def test_processes_make_the_runs_of_this_one(tmp_path):
    todo = mixed([1, 2])
    assert sweep(todo, tmp_path / "serial") == []
    assert sweep(todo, tmp_path / "process", engine="process", workers=2) == []
    serial, process = ({r.key: r for r in load_sweep(tmp_path / how)} for how in ("serial", "process"))
    assert serial.keys() == process.keys()
    assert all(serial[key].curve == process[key].curve for key in serial)
    assert {r.threads for r in process.values()} == {1}


COMMAND = """
import sys
from tests.study.cases import mixed
from spinalnet_lib.study.sweep import sweep
if __name__ == "__main__":
    sweep(mixed(range(6)), sys.argv[1], engine="process", workers=2)
"""


def wait_for_records(out, count, process):
    """Until so many records are there, or the process has ended."""
    path, until = out / "digits.jsonl", time.monotonic() + LONG_ENOUGH
    while process.poll() is None and (not path.exists() or path.read_bytes().count(b"\n") < count):
        assert time.monotonic() < until
        time.sleep(0.01)


def killed_until_done(out, kills, seed):
    """Killed after another record each time, with whatever else its workers do then."""
    dice, todo = random.Random(seed), mixed(range(6))
    print(f"killed at moments of seed {seed}")
    for _ in range(kills):
        process = python(COMMAND, out, stdout=subprocess.DEVNULL)
        there = keys(out) if out.exists() else []
        wait_for_records(out, len(there) + dice.randint(0, 2), process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(LONG_ENOUGH)
        found = keys(out) if out.exists() else []
        assert len(found) == len(set(found)) and set(found) <= set(expected(todo))
    assert python(COMMAND, out, stdout=subprocess.DEVNULL).wait(LONG_ENOUGH) == 0
    assert sorted(keys(out)) == sorted(expected(todo))  # nothing lost, nothing doubled
    for line in (out / "digits.jsonl").read_text().splitlines():
        json.loads(line)


@pytest.mark.processes
def test_killed_at_any_moment_nothing_is_lost_doubled_or_torn(tmp_path):
    killed_until_done(tmp_path / "out", kills=2, seed=random.randrange(10**6))


@pytest.mark.full
def test_killed_fifty_times(tmp_path):
    killed_until_done(tmp_path / "out", kills=50, seed=random.randrange(10**6))


@pytest.mark.processes
def test_a_full_disk_loses_nothing_that_was_done(tmp_path):
    """The files of these processes may grow to what three records take; then there is room again."""
    code = f"""
import resource, signal, sys
sys.path[:0] = {[p for p in sys.path if p]!r}
from tests.study.cases import cells
from spinalnet_lib.study.sweep import sweep
from pathlib import Path
out = Path({str(tmp_path / "out")!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sweep(cells()[:1], out)
size = (out / "digits.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (3 * size + size // 2,) * 2)
sweep(cells(), out, engine="process")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LONG_ENOUGH)
    assert run.returncode != 0 and "digits.jsonl" in run.stderr and "OSError" in run.stderr
    assert "make room and run again" in run.stderr
    assert len(keys(tmp_path / "out")) == 3
    assert sweep(cells(), tmp_path / "out") == []
    assert sorted(keys(tmp_path / "out")) == sorted(expected(cells()))


def test_a_file_reached_by_a_link_has_the_claims_of_the_file(tmp_path):
    link = tmp_path / "deep" / "link.jsonl"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "runs.jsonl")
    todo = cells([0])
    (key,) = {*expected(todo[:1])}
    with locked(tmp_path / ".claims" / key) as held:
        assert held and sweep(todo[:1], link, one_file=True) == todo[:1]  # another process is at it
    assert sweep(todo[:1], link, one_file=True) == [] and link.is_symlink()
    assert len(load_records(tmp_path / "runs.jsonl")) == 1
