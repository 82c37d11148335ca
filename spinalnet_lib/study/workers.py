"""The processes of a sweep, forked from a server that has imported torch: no worker spends its first seconds on that.

Imports nothing of ours: a command starts the server first, and imports torch itself beside it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

_SLOW_TO_IMPORT = ["spinalnet_lib.sweeps", "torch._dynamo"]  # the second by torch's optimizers, when the first is made
_RETRIES = 3  # workers that are killed and replaced without progress


def start_server() -> None:
    """Begin to import what workers need, in a process that lives as long as this one; at once where it runs already."""
    context = _context()
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        context.set_forkserver_preload(_SLOW_TO_IMPORT)
        with _interrupts_ignored():
            forkserver.ensure_running()


def run_workers(count: int, work: Callable[..., None], *job, progress: Callable[[], object] = lambda: None) -> None:
    """Call `work(*job)` in `count` processes, and return when all have ended; however this process ends, they end with it.

    Raises what one of them raised. One that is killed, by a system short of memory say, is replaced; ChildProcessError
    when that happens again and again while `progress` stays what it was.
    """
    start_server()
    killed, before = 0, progress()
    running = dict(_start(work, job) for _ in range(count))
    try:
        while running:
            ready = wait([process.sentinel for process in running])
            for process in [process for process in running if process.sentinel in ready]:
                process.join()
                error = _last_word(running.pop(process))
                if error is not None:
                    raise error
                if process.exitcode != 0:
                    now = progress()
                    killed, before = (killed + 1 if now == before else 1), now
                    print(f"a worker {_ended(process.exitcode)}; what it ran begins again", file=sys.stderr)
                    if killed > _RETRIES:
                        raise ChildProcessError(
                            f"{killed} workers ended without a word, the last {_ended(process.exitcode)}; where memory ran "
                            "out, fewer workers help"
                        )
                    running |= [_start(work, job)]
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.join(1)


def _start(work: Callable[..., None], job: tuple) -> tuple[BaseProcess, Connection]:
    """A process, and the end of a pipe on which it says what it raised."""
    ours, theirs = _context().Pipe(duplex=False)
    # The server has the environment of the time when it started.
    process = _context().Process(target=_begin, args=(dict(os.environ), theirs, work, job))
    process.start()
    theirs.close()
    return process, ours


def _last_word(pipe: Connection) -> Exception | None:
    with pipe, suppress(EOFError):  # most end without one
        return pipe.recv()


def _ended(exitcode: int) -> str:
    return f"was killed by {signal.Signals(-exitcode).name}" if exitcode < 0 else f"ended with exit code {exitcode}"


def _context():
    forks = "forkserver" in multiprocessing.get_all_start_methods()  # not on Windows
    return multiprocessing.get_context("forkserver" if forks else "spawn")


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """What is started meanwhile ignores Ctrl-C, which reaches every process of a terminal: we end the workers ourselves."""
    if threading.current_thread() is not threading.main_thread():  # others cannot set it
        yield
        return
    ours = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, ours)


def _begin(environment: dict[str, str], raised: Connection, work: Callable[..., None], job: tuple) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops us: one word on Ctrl-C, not one a worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(environment)
    try:
        work(*job)
    except Exception as error:
        error.add_note(f"in a worker:\n{traceback.format_exc()}")
        raised.send(error)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)  # at once: what runs was saved, and nobody waits for it
