"""Workers: with today's environment, without a word on Ctrl-C, begun again when one is killed, ended with their parent."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spinalnet_lib.study.workers import run_workers, start_server
from tests.study.cases import LONG_ENOUGH, python

pytestmark = pytest.mark.processes


def _write(path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    torch_was_there = "torch._dynamo" in sys.modules and "spinalnet_lib.study.jobs" in sys.modules
    path.write_text(f"{os.environ.get('SPINALNET_TRIED')} {handler == signal.SIG_IGN} {torch_was_there}")


def _said(path: Path) -> str:
    run_workers(1, _write, path)
    return path.read_text()


def test_a_worker_has_the_environment_of_now_and_torch_at_once(tmp_path, monkeypatch):
    assert _said(tmp_path / "first") == "None True True"
    monkeypatch.setenv("SPINALNET_TRIED", "later than the server")
    assert _said(tmp_path / "second") == "later than the server True True"


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


def test_workers_that_are_killed_again_and_again_are_an_error(tmp_path, capfd):
    with pytest.raises(ChildProcessError, match=r"killed 4 times.*fewer workers"):
        run_workers(1, _killed, tmp_path / "tries", 100)
    assert (tmp_path / "tries").read_text() == "...."


def test_workers_of_which_one_is_killed_begin_again_as_long_as_there_is_progress(tmp_path, capfd):
    tries = tmp_path / "tries"
    run_workers(1, _killed, tries, 6, progress=lambda: tries.exists() and len(tries.read_text()) // 2)
    assert capfd.readouterr().err.count("a worker was killed") == 6
    assert tries.read_text() == "......."


def _fails(path: Path) -> None:
    raise OSError(28, "No space left on device", str(path))


def test_what_a_worker_raises_is_raised_here(tmp_path):
    with pytest.raises(OSError, match="No space left on device") as error:
        run_workers(2, _fails, tmp_path)
    assert error.value.filename == str(tmp_path)
    assert "in _fails" in str(error.value.__cause__)  # where it happened


def _wait_for_ever(path: Path) -> None:
    with open(path, "w") as pipe:
        pipe.write(".")
        pipe.flush()
        signal.pause()


WAITING = """
import sys
from tests.study.test_workers import _wait_for_ever
from spinalnet_lib.study.workers import run_workers
if __name__ == "__main__":
    run_workers(2, _wait_for_ever, sys.argv[1])
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_started_them(how, tmp_path):
    """Each holds the writing end of a pipe: it is closed when the last one has ended."""
    os.mkfifo(tmp_path / "pipe")
    default = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}  # background jobs ignore it
    parent = python(WAITING, tmp_path / "pipe", **default)
    with _alarm(), open(tmp_path / "pipe", "rb") as pipe:
        while len(pipe.read1(1)) < 1:
            pass
        os.kill(parent.pid, how)  # it alone
        assert parent.wait(LONG_ENOUGH) != 0
        assert set(pipe.read()) <= set(b".")


@contextlib.contextmanager
def _alarm():
    """Ends what hangs."""
    signal.alarm(LONG_ENOUGH)
    try:
        yield
    finally:
        signal.alarm(0)


UNGUARDED = """
import sys
from pathlib import Path
from spinalnet_lib.study.workers import run_workers
from tests.study.test_workers import _write
run_workers(2, _write, Path("never"))
"""


def test_a_script_without_a_main_guard_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=env, cwd=tmp_path, timeout=LONG_ENOUGH
    )
    assert run.returncode == 1 and not (tmp_path / "never").exists()
    assert "if __name__ == '__main__':" in run.stderr.splitlines()[-1]
    assert run.stderr.count("Traceback") == 1
