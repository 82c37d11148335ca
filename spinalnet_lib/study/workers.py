"""The processes of a sweep, forked from a server that has imported torch: no worker spends its first seconds on that.

Imports nothing of ours: a command starts the server first, and imports torch itself beside it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection

_SLOW_TO_IMPORT = ["spinalnet_lib.study.jobs", "torch._dynamo"]  # the second by torch's optimizers, at the first one
_RETRIES = 3  # pools that break without progress
# glibc gives the memory of large tensors back to the system each step and takes it again, some thousand pages, up to a fifth
# of a step of the 2-conv CNN on one thread. Workers keep it, in large pages. Elsewhere nobody reads this.
_KEEP_MEMORY = ":".join(
    f"glibc.malloc.{name}" for name in ("hugetlb=1", f"mmap_threshold={2**30}", f"trim_threshold={2**30}")
)
_context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")


def start_server() -> None:
    """Begin to import what workers need, in a process that lives as long as this one; at once where it runs already."""
    if os.name != "posix":
        return
    from multiprocessing import forkserver

    _context.set_forkserver_preload(_SLOW_TO_IMPORT)
    in_main_thread = threading.current_thread() is threading.main_thread()  # others cannot set handlers
    # Ctrl-C reaches every process of a terminal. What is started ignores it: this process ends its workers itself.
    ours = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread else None
    ask = "GLIBC_TUNABLES" not in os.environ
    if ask:  # for the server alone: a program reads it when it starts
        os.environ["GLIBC_TUNABLES"] = _KEEP_MEMORY
    try:
        forkserver.ensure_running()
    finally:
        if ask:
            del os.environ["GLIBC_TUNABLES"]
        if in_main_thread:
            signal.signal(signal.SIGINT, ours)


def run_workers(count: int, work: Callable[..., None], *job, progress: Callable[[], object] = lambda: None) -> None:
    """Call `work(*job)` in `count` processes, and return when all have ended; however this process ends, they end with it.

    Raises what one of them raised. When one is killed, by a system short of memory say, all begin again: what they do
    must allow that. ChildProcessError when that happens again and again while `progress` stays what it was; RuntimeError
    in a script that would start itself in each process.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # the script of `_UNGUARDED`, in a worker
        sys.exit(1)
    start_server()
    killed, before = 0, progress()
    while True:
        try:
            return _run_pool(count, work, job)
        except BrokenProcessPool:
            now = progress()
            killed, before = (killed + 1 if now == before else 1), now
        print("a worker was killed; what ran begins again", file=sys.stderr)
        if killed > _RETRIES:
            raise ChildProcessError(
                f"workers were killed {killed} times without a word; where memory ran out, fewer workers help"
            )


_UNGUARDED = (
    "no worker could begin: each imports the script that started it. Put the script's calls under "
    "`if __name__ == '__main__':`, or pass engine='serial'"
)


def _run_pool(count: int, work: Callable[..., None], job: tuple) -> None:
    ours, theirs = _context.Pipe()  # a leash: workers say on it that they began, and end when this end is closed
    # The server has the environment of the time when it started.
    pool = ProcessPoolExecutor(count, _context, initializer=_begin, initargs=(dict(os.environ), theirs))
    try:
        for future in as_completed([pool.submit(work, *job) for _ in range(count)]):
            future.result()
    except BrokenProcessPool:
        if not ours.poll():
            raise RuntimeError(_UNGUARDED) from None
        raise
    finally:
        ours.close()
        pool.shutdown()
        theirs.close()


def _begin(environment: dict[str, str], leash: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # one word on Ctrl-C, not one a worker
    os.environ.clear()
    os.environ.update(environment)
    try:
        leash.send(True)
    except OSError:  # there is nobody at its other end any more
        os._exit(1)
    threading.Thread(target=_end_with_parent, args=(leash,), daemon=True).start()


def _end_with_parent(leash: Connection) -> None:
    leash.poll(None)  # until there is nobody at its other end
    os._exit(1)  # at once: what runs was saved, and nobody waits for it
