"""Making the missing runs of a study: in this process or in several, stopped and started again at will."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from .checks import check_int, check_name
from .features import load_features
from .record_files import RecordFolder
from .study import Cell
from .sweep_jobs import Job, TimeLimit, cell_key, work
from .training import OutOfTime
from .workers import run_workers

ENGINES = ("serial", "process", "ray")


def sweep(
    cells: Sequence[Cell],
    out: str | os.PathLike,
    *,
    engine: str = "serial",
    workers: int = 1,
    time_limit: float | TimeLimit | None = None,
    device: str | None = None,
    threads: int = 1,
    root: str | os.PathLike | None = None,
    address: str | None = None,
) -> list[Cell]:
    """Make the runs that `out` (a folder) lacks, and return the cells that are still missing.

    Cells run in the order given. With `time_limit` (seconds, or a limit that runs already) none is begun that would not
    end in time, by what such cells have taken so far, unless no sweep of that length could end it. What has not ended when
    the time is up is saved, and the next sweep goes on with it. A cell that fails is written to `failed.jsonl` with its
    reason, and the sweep goes on; it is tried again by the next sweep.

    Engines: "serial" runs in this process, "process" in `workers` processes, "ray" on a Ray cluster: a local one, or
    the one at `address`, whose nodes have this library and the data at the same places. A worker that is killed is
    replaced, three times at most. Raises ValueError for an unknown engine or a limit that is not positive, ImportError
    where Ray is not installed, OSError where a record cannot be written: those written before are safe.
    """
    check_engine(engine, workers, threads, address)
    limit = time_limit if isinstance(time_limit, TimeLimit) else TimeLimit(time_limit)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    job = Job(list(cells), out, limit, device, threads, root)
    if engine == "serial":
        work(job)
    elif engine == "process":
        run_workers(workers, work, job)
    else:
        from .ray_engine import work_on_ray

        work_on_ray(job, workers, address)
    return missing_cells(cells, out, device, threads, root)


def check_engine(engine: str, workers: int, threads: int, address: str | None) -> None:
    check_name("engine", engine, ENGINES)
    check_int("sweep", "workers", workers)
    check_int("sweep", "threads", threads)
    if address is not None and engine != "ray":
        raise ValueError(f"sweep: address={address!r} is a Ray cluster's; pass engine='ray' with it, not {engine!r}")


def prepare(cells: Sequence[Cell], device: str | None, root, limit: TimeLimit) -> bool:
    """Compute the features that cells read and that are not kept yet; False where the time was up before all were there."""
    for name in dict.fromkeys(cell.dataset for cell in cells):
        if "+" in name:
            try:
                load_features(*name.split("+", 1), root, device, progress=sys.stderr.isatty(), time_limit=limit.left)
            except OutOfTime as cut_off:
                print(f"features: {cut_off}")
                return False
    return True


def missing_cells(
    cells: Iterable[Cell], out: str | os.PathLike, device: str | None = None, threads: int = 1, root=None
) -> list[Cell]:
    """The cells without a record in the folder `out`, in their order."""
    done = {record.key for record in RecordFolder(out).records()}
    return [cell for cell in cells if cell_key(cell, device, threads, root) not in done]
