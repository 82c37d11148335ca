"""Making the missing runs of a study: in this process or in several, stopped and started again at will."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..checks import check_int, check_name
from ..machine import OutOfTime, TimeLimit
from ..records.files import RecordFolder
from ..training.features.store import load_features
from .cells import Cell
from .jobs import Job, cell_key, grouped, work
from .workers import run_workers

ENGINES = ("serial", "process", "ray")


def sweep(
    cells: Sequence[Cell] | Callable[[], Sequence[Cell]],
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

    Cells run in the order given; a function that lists them is asked again when all have run, as a search may have grown.
    With `time_limit` (seconds, or a limit that runs already) what has not ended when the time is up is saved, and the next
    sweep goes on with it; on the nodes of a Ray cluster at an address, where it cannot be, nothing is begun that would not
    end in time by what such cells have taken so far. A cell that fails is written to `failed.jsonl` with its reason, and
    the sweep goes on; it is tried again by the next sweep.

    Engines: "serial" runs in this process, "process" in `workers` processes, "ray" on a Ray cluster: a local one, or
    the one at `address`, whose nodes have this library and the data at the same places. A worker that is killed is
    replaced, three times at most without a record in between. Raises ValueError for an unknown engine or a limit that is not positive, ImportError
    where Ray is not installed, OSError where a record cannot be written: those written before are safe.
    """
    check_engine(engine, workers, threads, address)
    limit = time_limit if isinstance(time_limit, TimeLimit) else TimeLimit(time_limit)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    job = Job([], out, limit, device, threads, root)
    known: set[Cell] = set()
    while True:
        listed = list(cells() if callable(cells) else cells)
        missing = missing_cells(listed, out, device, threads, root)
        if known.issuperset(listed) or (known and limit.is_up):
            return missing
        known.update(listed)
        # Grouped whole, so that a stack that was cut off or killed is the same stack again.
        job.groups = [group for group in grouped(listed) if not set(group).isdisjoint(missing)]
        _run(job, engine, workers, address)


def _run(job: Job, engine: str, workers: int, address: str | None) -> None:
    if engine == "serial":
        work(job)
    elif engine == "process":
        written = RecordFolder(job.out)
        run_workers(workers, work, job, progress=lambda: len(written.records()))
    else:
        from .ray_engine import work_on_ray

        work_on_ray(job, workers, address)


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
