"""Sweeps on Ray: a real cluster on this machine, without one, and without Ray."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from spinalnet_lib.study.sweep import sweep
from tests.study.cases import LONG_ENOUGH, QUICK, OneStep, cells, expected, keys, load_sweep, python


def test_without_ray_its_engine_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install .*\[ray\]"):
        sweep(cells(), tmp_path, engine="ray")


@pytest.mark.processes
def test_an_address_without_a_cluster_is_said_at_once(tmp_path):
    with pytest.raises(ConnectionError, match=r"no Ray cluster answers at 127\.0\.0\.1:9"):
        sweep(cells(), tmp_path, engine="ray", address="127.0.0.1:9")


@pytest.mark.processes
def test_a_sweep_on_ray_saves_what_is_cut_off_and_ends_it_later(tmp_path):
    """By this limit's clock there is time for one step of a run; the cells of the second sweep are those left."""
    todo = cells([0], heads=["spinal"])
    sweep(todo, tmp_path / "serial")
    assert sweep(todo, tmp_path / "ray", engine="ray", time_limit=OneStep()) == todo
    assert list((tmp_path / "ray" / ".checkpoints").glob("*.npz"))
    assert sweep(todo, tmp_path / "ray", engine="ray") == []
    assert [r.curve for r in load_sweep(tmp_path / "ray")] == [r.curve for r in load_sweep(tmp_path / "serial")]
    assert not list(tmp_path.rglob("*.npz"))


LONG = replace(QUICK, steps=3000)  # a worker has its cell's name only while the cell runs: long enough to be found
COMMAND = """
import sys
from tests.study.cases import cells
from tests.study.test_ray_engine import LONG
from spinalnet_lib.study.sweep import sweep
sweep(cells(range(2), LONG), sys.argv[1], engine="ray", workers=2)
"""


@pytest.mark.processes
def test_a_sweep_on_ray_survives_a_killed_worker(tmp_path):
    process = python(COMMAND, tmp_path / "out", stderr=subprocess.PIPE)
    worker, until = None, time.monotonic() + LONG_ENOUGH
    while worker is None and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.05)
        worker = next((pid for pid in descendants(process.pid) if "ray::run" in command_of(pid)), None)
    assert worker is not None, process.communicate()[1]
    os.kill(worker, signal.SIGKILL)
    _, errors = process.communicate(timeout=LONG_ENOUGH)
    assert process.returncode == 0, errors
    assert sorted(keys(tmp_path / "out")) == sorted(expected(cells(range(2), LONG)))
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
