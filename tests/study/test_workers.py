"""Workers are forked from a server: with today's environment, without a word on Ctrl-C, and anew if the server is gone."""

import multiprocessing.forkserver
import os
import signal
import sys
from pathlib import Path

import pytest

from spinalnet_lib.study.workers import run_workers, start_server

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="no server on this system"),
]


def _write(path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    torch_was_there = "torch._dynamo" in sys.modules and "spinalnet_lib.sweeps" in sys.modules
    path.write_text(f"{os.environ.get('SPINALNET_TRIED')} {handler == signal.SIG_IGN} {torch_was_there}")


def _said(path: Path) -> str:
    run_workers(1, _write, path)
    return path.read_text()


def test_a_worker_has_the_environment_of_now_and_torch_at_once(tmp_path, monkeypatch):
    assert _said(tmp_path / "first") == "None True True"
    monkeypatch.setenv("SPINALNET_TRIED", "later than the server")
    assert _said(tmp_path / "second") == "later than the server True True"


def test_a_server_that_was_killed_is_started_anew(tmp_path):
    start_server()
    server = multiprocessing.forkserver._forkserver._forkserver_pid
    os.kill(server, signal.SIGKILL)
    os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)  # until it is dead, whom the module then buries
    assert _said(tmp_path / "said") == "None True True"
    assert multiprocessing.forkserver._forkserver._forkserver_pid != server


def test_our_own_handler_of_ctrl_c_is_as_before():
    before = signal.getsignal(signal.SIGINT)
    start_server()
    assert signal.getsignal(signal.SIGINT) is before


def _killed(path: Path, times: int) -> None:
    """Kills its own process, so many times in all."""
    with path.open("a") as file:
        file.write(".")
    if len(path.read_text()) <= times:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_is_named_and_replaced(tmp_path, capfd):
    run_workers(2, _killed, tmp_path / "tries", 2)
    assert capfd.readouterr().err.count("a worker was killed by SIGKILL") == 2
    assert (tmp_path / "tries").read_text() == "...."  # two workers and those in their place


def test_workers_that_are_killed_again_and_again_are_an_error(tmp_path, capfd):
    with pytest.raises(ChildProcessError, match=r"4 workers ended.*killed by SIGKILL.*fewer workers"):
        run_workers(1, _killed, tmp_path / "tries", 100)
    assert (tmp_path / "tries").read_text() == "...."


def test_kills_with_progress_between_them_are_not_counted(tmp_path, capfd):
    tries = tmp_path / "tries"
    run_workers(1, _killed, tries, 6, progress=lambda: tries.exists() and len(tries.read_text()) // 2)
    assert tries.read_text() == "......."


def _fails(path: Path) -> None:
    raise OSError(28, "No space left on device", str(path))


def test_what_a_worker_raises_is_raised_here(tmp_path):
    with pytest.raises(OSError, match="No space left on device") as error:
        run_workers(2, _fails, tmp_path)
    assert "in _fails" in error.value.__notes__[0]  # where it happened
