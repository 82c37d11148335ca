"""The cells of a sweep on a Ray cluster: this process claims, hands out and writes; the nodes only compute.

Ray itself hands out a cell again whose worker died. Ray is an optional extra, `ray`.
"""

from __future__ import annotations

import os
import socket
import sys

from ..checks import needs
from .jobs import Claim, Job
from .setup import Result, Setup, reason

_RETRIES = 3  # of a cell whose worker died
_STARTS = 8  # tries of a cluster to start
_TO_END = 2.0  # seconds for a run that is up to save itself; a worker may still be at its imports


def work_on_ray(job: Job, workers: int, address: str | None) -> None:
    """Run cells until none is left or none would end in time, `workers` at once."""
    setup, local = job.setup, address is None
    ray = _connect(workers * setup.threads, address)
    running: dict[object, Claim] = {}
    try:
        gpus = 1 / workers if setup.device and setup.device.startswith("cuda") else 0
        run_cells = ray.remote(num_cpus=setup.threads, num_gpus=gpus, max_retries=_RETRIES)(Setup.run)
        claims = job.claims(can_be_saved=local)  # another machine need not have this folder, nor this clock
        while True:
            while len(running) < workers and (claim := next(claims, None)):
                saving = (claim.checkpoint, job.limit) if local else ()
                running[run_cells.remote(setup, claim.cells, *saving)] = claim
            if not running:
                return
            done, _ = ray.wait(list(running), num_returns=1, timeout=0.1)
            for task in done:
                claim = running.pop(task)
                with claim.held:
                    job.keep(claim, _results(ray, task, len(claim.cells)))
            left = job.limit.left
            if running and left is not None and left < (-_TO_END if local else 0):
                print(f"time was up: {sum(len(claim.missing) for claim in running.values())} runs are cut off")
                return
    finally:
        for task, claim in running.items():
            ray.cancel(task, force=True)
            claim.held.close()
        ray.shutdown()


def _connect(cpus: int, address: str | None):
    with needs("ray"):
        import ray
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone unasked
    if address is not None:
        _check_reachable(address)
        ray.init(address=address, log_to_driver=False)
        return ray
    # Workers on this machine import what this process does, installed or not.
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}}
    options = {"num_cpus": cpus, "include_dashboard": False, "log_to_driver": False, "runtime_env": environment}
    for attempt in range(_STARTS):
        try:
            ray.init(**options)
            return ray
        except Exception:  # Ray gives a node half a minute to start, which is too little where all cores are busy
            ray.shutdown()
            if attempt == _STARTS - 1:
                raise


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
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        if isinstance(cause, OSError):  # a full disk is the sweep's and not this cell's
            raise cause from None
        return [reason(cause)] * count
