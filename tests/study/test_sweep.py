"""Sweeps with real processes and files: stopped, killed, doubled, out of memory, and started again."""

import contextlib
import dataclasses
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

from spinalnet_lib import Augmentation, TrainConfig, create_model, load_dataset, load_records
from spinalnet_lib.bench import training as bench_training
from spinalnet_lib.machine import TimeLimit
from spinalnet_lib.records.files import append_record
from spinalnet_lib.study.cells import Cell
from spinalnet_lib.study.jobs import cell_key, grouped
from spinalnet_lib.study.sweep import missing_cells, prepare, sweep
from spinalnet_lib.training import loop
from spinalnet_lib.training.stacked.loop import Member, train_stacked
from tests.study.cases import QUICK, cells, load_sweep, mixed

pytestmark = pytest.mark.processes


def keys(out):
    return [record.key for record in load_sweep(out)]


def expected(todo):
    return {cell_key(cell, None, 1) for cell in todo}


def test_a_sweep_makes_what_is_missing_and_nothing_else(tmp_path, capsys):
    todo = cells()
    assert missing_cells(todo, tmp_path) == todo
    assert sweep(todo[:2], tmp_path) == []
    before = (tmp_path / "digits.jsonl").read_bytes()
    assert sweep(todo, tmp_path) == []
    assert (tmp_path / "digits.jsonl").read_bytes().startswith(before)
    assert set(keys(tmp_path)) == expected(todo) and len(keys(tmp_path)) == len(todo)
    capsys.readouterr()
    assert sweep(todo, tmp_path) == [] and capsys.readouterr().out == ""


def test_a_run_of_a_sweep_is_the_run_that_train_makes(tmp_path):
    sweep(cells(seeds=[1]), tmp_path / "serial")
    sweep(cells(seeds=[1]), tmp_path / "process", engine="process", workers=2)
    serial, process = ({r.key: r for r in load_sweep(tmp_path / how)} for how in ("serial", "process"))
    assert serial.keys() == process.keys()
    assert all(serial[key].curve == process[key].curve for key in serial)
    assert {r.threads for r in process.values()} == {1}


def test_a_cell_that_was_cut_off_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    (cell, *_) = todo = cells(seeds=[0], config=TrainConfig(optimizer="adam", learning_rate=0.003, steps=60))
    assert sweep(todo, tmp_path / "whole") == []
    path = tmp_path / "out" / ".checkpoints" / f"{cell_key(cell, None, 1)}.npz"
    make_step, taken = loop.make_step, []

    def counted(*arguments):
        step = make_step(*arguments)
        return lambda *batch: (taken.append(1), step(*batch))[1]

    monkeypatch.setattr(loop, "make_step", counted)
    monkeypatch.setattr(loop, "schedule", lambda config, step, n: 1.0 if step < 40 or len(taken) > 40 else 1 / 0)
    real = loop.train
    monkeypatch.setattr("spinalnet_lib.study.jobs.train", lambda *a, **k: real(*a, **k, checkpoint_seconds=0))
    with pytest.raises(ZeroDivisionError):
        sweep(todo[:1], tmp_path / "out")
    assert path.is_file() and len(taken) == 40
    taken.append(1)  # lets the second try pass
    assert sweep(todo, tmp_path / "out") == [] and not path.exists()
    whole, cut = ({r.key: r.curve for r in load_sweep(tmp_path / how)} for how in ("whole", "out"))
    assert whole == cut and len(taken) == 41 + 20 + 60


def test_the_time_limit_is_kept_and_what_is_left_is_done_later(tmp_path):
    todo = cells(seeds=range(40))
    sweep(todo[:2], tmp_path)
    start = time.monotonic()
    left = sweep(todo, tmp_path, time_limit=1.0)
    assert time.monotonic() - start < 2.5 and 0 < len(left) < len(todo)
    heads = Counter(record.head for record in load_sweep(tmp_path))
    assert abs(heads["mlp"] - heads["spinal"]) <= 1  # a sweep that is cut off is balanced
    assert sweep(left[:4], tmp_path) == []
    assert len(keys(tmp_path)) == len(set(keys(tmp_path))) == len(todo) - len(left) + 4


def test_a_cell_longer_than_the_limit_is_saved_and_gone_on_with(tmp_path, capsys):
    long = cells([0], replace(QUICK, steps=1000, augmentation=Augmentation(degrees=5)), heads=["spinal"])
    sweep(long, tmp_path / "whole")
    (whole,) = load_sweep(tmp_path / "whole")
    known = dataclasses.replace(whole, key="0" * 64)  # a run like it: too long for the limit, and begun all the same
    append_record(tmp_path / "cut" / "digits.jsonl", known)
    rounds, left = 0, long
    while left and rounds < 20:
        left = sweep(long, tmp_path / "cut", time_limit=whole.seconds / 2)
        rounds += 1
        assert ("time was up after step" in capsys.readouterr().out) == bool(left)
    assert rounds > 1
    _, cut = load_sweep(tmp_path / "cut")
    assert (cut.key, cut.curve) == (whole.key, whole.curve)
    assert not list((tmp_path / "cut" / ".checkpoints").iterdir())


def test_stacked_cells_run_together_and_each_has_its_record(tmp_path):
    recipe = replace(QUICK, stacked=True)
    todo = cells(range(20), recipe)
    assert [len(group) for group in grouped(todo)] == [16, 16, 4, 4]
    assert all(len({cell.head for cell in group}) == 1 for group in grouped(todo))
    assert [len(group) for group in grouped(cells(range(3)))] == [1] * 6
    assert sweep(todo[:6], tmp_path) == []  # three of either head
    first = (tmp_path / "digits.jsonl").read_text()
    assert sweep(todo[:10], tmp_path, engine="process", workers=2) == []
    found = load_sweep(tmp_path)
    assert len(found) == 10 == len({record.key for record in found})
    assert (tmp_path / "digits.jsonl").read_text().startswith(first)  # what was done was not done again
    alone = train_stacked(load_dataset("digits"), [Member(_model(todo[9]), recipe, todo[9].seed)], progress=False)
    assert [record.curve for record in found if record.key == alone[0].key] == [alone[0].curve]


def _model(cell):
    return create_model("pixels", cell.head, 10, image_size=8, **cell.head_arguments)


def test_a_stack_that_fails_is_written_down_for_each_of_its_cells(tmp_path):
    recipe = replace(QUICK, stacked=True)
    bad = [
        Cell("digits", "pixels", "spinal", s, recipe, {"layer_width": 4, "norm_layer": "BatchNorm1d"}) for s in (0, 1)
    ]
    good = cells([0], recipe)
    assert sweep([*bad, *good], tmp_path) == bad
    lines = (tmp_path / "failed.jsonl").read_text().splitlines()
    assert len(lines) == 2 and all("cannot have BatchNorm1d" in line for line in lines)
    assert sweep(bad, tmp_path) == bad  # tried again by the next sweep, for which nothing is claimed any more
    assert len((tmp_path / "failed.jsonl").read_text().splitlines()) == 4


def test_stacked_cells_whose_time_is_up_are_saved_and_gone_on_with(tmp_path, capsys):
    todo = cells(range(8), replace(QUICK, steps=1500, stacked=True), heads=["spinal"])
    sweep(todo, tmp_path / "whole")
    whole = load_sweep(tmp_path / "whole")
    limit = sum(record.seconds for record in whole) / 3
    rounds, left = 0, todo
    while left and rounds < 30:
        start = time.monotonic()
        left = sweep(todo, tmp_path / "cut", time_limit=limit)
        assert time.monotonic() - start < limit + 1
        rounds += 1
        assert len(left) in (0, 8)
        assert capsys.readouterr().out.count(" and 7 more: time was up after step") == bool(left)
    assert rounds > 2
    assert [(r.key, r.curve) for r in load_sweep(tmp_path / "cut")] == [(r.key, r.curve) for r in whole]
    assert not list((tmp_path / "cut" / ".checkpoints").iterdir())


COMMAND = """
import sys
sys.path[:0] = {path!r}
from tests.study.cases import mixed
from spinalnet_lib.study.sweep import sweep
if __name__ == "__main__":
    sweep(mixed(range({seeds})), {out!r}, engine={engine!r}, workers={workers})
"""


def start(tmp_path, seeds=6, engine="process", workers=2):
    script = tmp_path / "job.py"
    path = [p for p in sys.path if p]
    script.write_text(COMMAND.format(path=path, seeds=seeds, out=str(tmp_path / "out"), engine=engine, workers=workers))
    return subprocess.Popen(
        [sys.executable, script],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )


def kill_all(process, how):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    process.communicate()


def killed_until_done(tmp_path, kills, seed):
    dice, todo = random.Random(seed), mixed(range(6))
    print(f"killed at moments of seed {seed}")
    for _ in range(kills):
        process = start(tmp_path)
        time.sleep(dice.uniform(1.0, 6.0))
        kill_all(process, signal.SIGKILL)
        found = keys(tmp_path / "out") if (tmp_path / "out").is_dir() else []
        assert len(found) == len(set(found)) and set(found) <= expected(todo)
    assert start(tmp_path).wait() == 0
    found = keys(tmp_path / "out")
    assert sorted(found) == sorted(expected(todo))  # nothing lost, nothing doubled
    for line in (tmp_path / "out" / "digits.jsonl").read_text().splitlines():
        json.loads(line)


def test_killed_at_any_moment_nothing_is_lost_doubled_or_torn(tmp_path):
    killed_until_done(tmp_path, kills=5, seed=random.randrange(10**6))


@pytest.mark.full
def test_killed_fifty_times(tmp_path):
    killed_until_done(tmp_path, kills=50, seed=random.randrange(10**6))


def test_two_sweeps_on_one_folder_never_run_the_same_cell(tmp_path):
    processes = [start(tmp_path, engine="serial"), start(tmp_path, engine="serial")]
    assert [process.wait() for process in processes] == [0, 0]
    found = keys(tmp_path / "out")
    assert sorted(found) == sorted(expected(mixed(range(6))))


def test_ctrl_c_stops_within_two_seconds_and_leaves_whole_records(tmp_path):
    process = start(tmp_path, seeds=400)
    until = time.monotonic() + 60
    while not (tmp_path / "out" / "digits.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    asked = time.monotonic()
    process.wait(timeout=10)
    assert time.monotonic() - asked < 2
    done = len(load_records(tmp_path / "out" / "digits.jsonl"))
    assert done >= 1
    time.sleep(0.5)
    assert len(load_records(tmp_path / "out" / "digits.jsonl")) == done  # no worker went on


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_started_them(how, tmp_path):
    process = start(tmp_path, seeds=400)
    until = time.monotonic() + 60
    while not (tmp_path / "out" / "digits.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.05)
    below = descendants(process.pid)
    os.kill(process.pid, how)  # it alone
    process.wait(timeout=10)
    until = time.monotonic() + 5
    while any(command_of(pid) for pid in below) and time.monotonic() < until:
        time.sleep(0.05)
    assert len(below) >= 3 and not any(command_of(pid) for pid in below)  # a server and two workers
    found = keys(tmp_path / "out")
    assert len(found) == len(set(found)) >= 1


def test_a_cell_that_runs_out_of_memory_is_written_down_and_the_sweep_goes_on(tmp_path):
    """A cell of four gigabytes in a process that may use two more than it has."""
    code = f"""
import resource, sys
sys.path[:0] = {[p for p in sys.path if p]!r}
from pathlib import Path
import dataclasses
from spinalnet_lib.study.cells import Cell
from spinalnet_lib.study.sweep import sweep
from tests.study.cases import cells, QUICK
import torch
big = Cell("digits", "pixels", "mlp", 0, dataclasses.replace(QUICK, batch_size=1000), {{"hidden_sizes": [30_000, 30_000]}})
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 2**30,) * 2)
left = sweep([cells()[0], big, cells()[1]], Path({str(tmp_path / "out")!r}))
assert left == [big], left
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert len(keys(tmp_path / "out")) == 2
    failure = json.loads((tmp_path / "out" / "failed.jsonl").read_text())
    assert failure["cell"].startswith("digits, pixels + mlp") and "memory" in failure["reason"].lower()
    assert "failed" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "procces"}, "unknown engine 'procces'; did you mean 'process'"),
        ({"address": "here:1"}, "address='here:1' is a Ray cluster's; pass engine='ray'"),
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"time_limit": -1}, "time_limit must be above 0 seconds, got -1"),
    ],
)
def test_a_wrong_call_is_refused(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        sweep(cells(), tmp_path, **arguments)


@pytest.mark.parametrize("engine", ["serial", "process"])
def test_a_full_disk_loses_nothing_that_was_done(engine, tmp_path):
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
sweep(cells(), out, engine={engine!r})
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode != 0 and "digits.jsonl" in run.stderr and "OSError" in run.stderr
    assert "make room and run again" in run.stderr
    assert len(keys(tmp_path / "out")) == 3
    assert sweep(cells(), tmp_path / "out") == []
    assert sorted(keys(tmp_path / "out")) == sorted(expected(cells()))


def test_a_sweep_on_ray_survives_a_killed_worker(tmp_path):
    """A real cluster on this machine; one of its workers is killed while it computes."""
    process = start(tmp_path, seeds=30, engine="ray")
    until = time.monotonic() + 120
    while not (tmp_path / "out" / "digits.jsonl").exists() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.05)
    worker = next(pid for pid in descendants(process.pid) if "ray::run_cells" in command_of(pid))
    os.kill(worker, signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert sorted(keys(tmp_path / "out")) == sorted(expected(mixed(range(30))))
    assert not (tmp_path / "out" / "failed.jsonl").exists()


def descendants(pid):
    """Process ids below a process, itself left out."""
    out = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, out.splitlines())}
    below = [child for child, parent in parents.items() if parent == pid]
    return below + [further for child in below for further in descendants(child)]


def command_of(pid):
    with contextlib.suppress(FileNotFoundError):
        return open(f"/proc/{pid}/cmdline").read()
    return ""


def test_a_sweep_on_ray_keeps_its_time_limit(tmp_path):
    """The limit is short for the runs and long for the start of a cluster."""
    long = cells([0], replace(QUICK, steps=200_000))
    start = time.monotonic()
    assert sweep(long, tmp_path, engine="ray", workers=2, time_limit=20) == long
    assert time.monotonic() - start < 25  # the cluster ends after the sweep
    assert len(list((tmp_path / ".checkpoints").iterdir())) == 2


def test_an_address_without_a_cluster_is_said_at_once(tmp_path):
    with pytest.raises(ConnectionError, match=r"no Ray cluster answers at 127\.0\.0\.1:9"):
        sweep(cells(), tmp_path, engine="ray", address="127.0.0.1:9")


def test_cells_that_a_search_adds_are_run_too_and_those_that_failed_are_not_again(tmp_path):
    recipe = replace(QUICK, stacked=True)
    bad = Cell("digits", "pixels", "spinal", 0, recipe, {"layer_width": 4, "norm_layer": "BatchNorm1d"})
    todo = cells([0])

    def listed():
        return [bad, *todo, *(cells([1]) if (tmp_path / "digits.jsonl").exists() else [])]

    assert sweep(listed, tmp_path) == [bad] and len(keys(tmp_path)) == 4
    assert len((tmp_path / "failed.jsonl").read_text().splitlines()) == 1


def test_without_ray_its_engine_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install .*\[ray\]"):
        sweep(cells(), tmp_path, engine="ray")


def test_two_processes_are_compared_with_half_of_one():
    arguments = {"hidden_sizes": 4}
    runs = [Cell("digits", "pixels", "mlp", seed, TrainConfig(steps=3), arguments) for seed in range(2)]
    (row,) = bench_training.sweep_rows(pairs=1, cells=runs)
    assert row["ratio"] > 1  # the start of a process takes longer than such runs


def test_features_are_computed_before_the_runs_and_within_the_limit(tmp_path, monkeypatch, capsys):
    from spinalnet_lib.models.saved import save_model

    monkeypatch.setenv("SPINALNET_CACHE", str(tmp_path / "kept"))
    save_model(create_model("pixels", "linear", 10, image_size=8), tmp_path / "body.npz")
    name = f"digits+saved:{tmp_path / 'body.npz'}"
    todo = [replace(cell, dataset=name) for cell in cells(range(2), replace(QUICK, stacked=True))]
    assert not prepare(todo, "cpu", None, TimeLimit(1e-9))
    assert "time was up after 0 of 1,199 images" in capsys.readouterr().out
    assert prepare(todo, "cpu", None, TimeLimit(None))
    assert sweep(todo, tmp_path / "out", engine="process", workers=2) == []
    assert {record.dataset for record in load_sweep(tmp_path / "out")} == {name}
    assert all("/" not in path.name and ":" not in path.name for path in (tmp_path / "out").glob("*.jsonl"))
