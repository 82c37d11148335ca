"""The cells of a sweep on a Ray cluster: this process claims, hands out and writes; the nodes only compute.

A cell whose worker dies is handed out again by Ray. Ray is an optional extra: `pip install "spinalnet-book[ray]"`.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path

from .record_files import RecordFolder
from .study import Cell
from .sweeps import Result, TimeLimit, checkpoint_path, claim_all, grouped, keep, run_cells

_RETRIES = 3  # of a cell whose worker died


def work_on_ray(
    cells: list[Cell],
    out: Path,
    limit: TimeLimit,
    device: str | None,
    threads: int,
    root,
    workers: int,
    address: str | None,
) -> None:
    """Run cells until none is left or none would end in time, `workers` at once."""
    ray = _connect(workers * threads, address)
    try:
        gpus = 1 / workers if device and device.startswith("cuda") else 0
        run = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=_RETRIES)(run_cells)
        folder, running = RecordFolder(out), {}
        waiting = iter(grouped(cells))
        more = True
        while more or running:
            while more and len(running) < workers:
                group = next(waiting, None)
                if group is None:
                    more = False
                    break
                held = ExitStack()
                mine = claim_all(group, folder, held, device, threads, root)
                path = checkpoint_path(mine or group, folder, device, threads, root)
                # Another machine need not have this folder.
                path = path.absolute() if path is not None and address is None else None
                more = not mine or limit.allows(mine, folder, path is not None and path.exists())
                if mine and more:
                    running[run.remote(mine, device, threads, root, path, limit.left)] = mine, held, path
                else:
                    held.close()
            done, _ = ray.wait(list(running), num_returns=1, timeout=1) if running else ([], [])
            for task in done:
                mine, held, path = running.pop(task)
                with held:
                    keep(mine, _results(ray, task, len(mine)), folder, path)
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
