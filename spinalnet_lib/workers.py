"""The processes of a sweep, forked from a server that has imported torch: no worker spends its first seconds on that.

Imports nothing of ours: a command starts the server first, and imports torch itself beside it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

_SLOW_TO_IMPORT = ["spinalnet_lib.sweeps", "torch._dynamo"]  # the second by torch's optimizers, when the first is made


def start_server() -> None:
    """Begin to import what workers need, in a process that lives as long as this one; at once where it runs already."""
    context = _context()
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        context.set_forkserver_preload(_SLOW_TO_IMPORT)
        with _interrupts_ignored():
            forkserver.ensure_running()


def start_workers(count: int, work: Callable[..., None], job: tuple) -> list[BaseProcess]:
    """`count` processes that each call `work(*job)`."""
    start_server()
    # The server has the environment of the time when it started.
    processes = [_context().Process(target=_begin, args=(dict(os.environ), work, job)) for _ in range(count)]
    for process in processes:
        process.start()
    return processes


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


def _begin(environment: dict[str, str], work: Callable[..., None], job: tuple) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops us: one word on Ctrl-C, not one a worker
    os.environ.clear()
    os.environ.update(environment)
    work(*job)
