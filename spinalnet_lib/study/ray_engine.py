"""The cells of a sweep on a Ray cluster: this process claims, hands out and writes; the nodes only compute.

A cell whose worker dies is handed out again by Ray. Ray is an optional extra: `pip install "spinalnet-book[ray]"`.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import ExitStack

from .jobs import Job, Result, run_cells

_RETRIES = 3  # of a cell whose worker died
_TO_END = 2.0  # seconds for a run that is up to save itself; a worker may still be at its imports


def work_on_ray(job: Job, workers: int, address: str | None) -> None:
    """Run cells until none is left or none would end in time, `workers` at once."""
    ray = _connect(workers * job.threads, address)
    try:
        gpus = 1 / workers if job.device and job.device.startswith("cuda") else 0
        run = ray.remote(num_cpus=job.threads, num_gpus=gpus, max_retries=_RETRIES)(run_cells)
        running = {}
        waiting = iter(job.groups)
        more = True
        while more or running:
            while more and len(running) < workers:
                group = next(waiting, None)
                if group is None:
                    more = False
                    break
                held = ExitStack()
                missing = job.claim(group, held)
                saved = address is None  # another machine need not have this folder, nor this clock
                more = not missing or job.has_time_for(missing, can_be_saved=saved)
                if missing and more:
                    cells = job.to_run(group, missing) if saved else missing
                    checkpoint = job.checkpoint(cells).absolute() if saved else None
                    limit = job.limit if saved else None
                    task = run.remote(cells, job.device, job.threads, job.root, checkpoint, limit)
                    running[task] = cells, missing, held, checkpoint
                else:
                    held.close()
            done, _ = ray.wait(list(running), num_returns=1, timeout=0.1) if running else ([], [])
            for task in done:
                cells, missing, held, checkpoint = running.pop(task)
                with held:
                    job.keep(cells, missing, _results(ray, task, len(cells)), checkpoint)
            left = job.limit.left
            if running and left is not None and left < (-_TO_END if address is None else 0):
                count = sum(len(missing) for _, missing, *_ in running.values())
                print(f"time was up: {count} runs are cut off")
                for task in running:
                    ray.cancel(task, force=True)
                return
    finally:
        ray.shutdown()


def _connect(cpus: int, address: str | None):
    try:
        import ray
    except ImportError:
        raise ImportError(
            'the engine "ray" needs Ray: pip install "spinalnet-book[ray]", or take engine="process"'
        ) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone unasked
    if address is not None:
        _check_reachable(address)
        ray.init(address=address, log_to_driver=False)
        return ray
    # Workers on this machine import what this process does, installed or not.
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}}
    ray.init(num_cpus=cpus, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    return ray


def _check_reachable(address: str) -> None:
    """Ray itself tries for minutes before it says so."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (colon and port.isdecimal()):  # "auto", or a name that Ray knows
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise ConnectionError(
            f"no Ray cluster answers at {address} ({error}); `ray status` there says its address"
        ) from None


def _results(ray, task, count: int) -> list[Result]:
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, OSError):  # a full disk is the sweep's and not this cell's
            raise error.cause from None
        return [f"{type(error.cause).__name__}: {error.cause}"[:500]] * count
    except ray.exceptions.RayError as error:
        return [f"{type(error).__name__}: {error}"[:500]] * count
