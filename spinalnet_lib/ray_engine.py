"""The cells of a sweep on a Ray cluster: this process claims, hands out and writes; the nodes only compute.

A cell whose worker dies is handed out again by Ray. Ray is an optional extra: `pip install "spinalnet-book[ray]"`.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack

from .sweep_jobs import Job, Result, grouped, run_cells

_RETRIES = 3  # of a cell whose worker died


def work_on_ray(job: Job, workers: int, address: str | None) -> None:
    """Run cells until none is left or none would end in time, `workers` at once."""
    ray = _connect(workers * job.threads, address)
    try:
        gpus = 1 / workers if job.device and job.device.startswith("cuda") else 0
        run = ray.remote(num_cpus=job.threads, num_gpus=gpus, max_retries=_RETRIES)(run_cells)
        running = {}
        waiting = iter(grouped(job.cells))
        more = True
        while more or running:
            while more and len(running) < workers:
                group = next(waiting, None)
                if group is None:
                    more = False
                    break
                held = ExitStack()
                mine = job.claim(group, held)
                # Another machine need not have this folder.
                checkpoint = job.checkpoint(mine).absolute() if mine and address is None else None
                more = not mine or job.has_time_for(mine, checkpoint)
                if mine and more:
                    task = run.remote(mine, job.device, job.threads, job.root, checkpoint, job.limit.left)
                    running[task] = mine, held, checkpoint
                else:
                    held.close()
            done, _ = ray.wait(list(running), num_returns=1, timeout=1) if running else ([], [])
            for task in done:
                mine, held, checkpoint = running.pop(task)
                with held:
                    job.keep(mine, _results(ray, task, len(mine)), checkpoint)
            if address is not None and job.limit.is_up and running:
                print(f"time was up: {sum(len(mine) for mine, *_ in running.values())} runs on the cluster are cut off")
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
        ray.init(address=address, log_to_driver=False)
        return ray
    # Workers on this machine import what this process does, installed or not.
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}}
    ray.init(num_cpus=cpus, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    return ray


def _results(ray, task, count: int) -> list[Result]:
    try:
        return ray.get(task)
    except ray.exceptions.RayError as error:
        return [f"{type(error).__name__}: {error}"[:500]] * count
