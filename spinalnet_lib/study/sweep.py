"""Making the missing runs of a study: in this process or in several, stopped and started again at will."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from .. import files
from ..checks import check_int, check_name
from ..datasets import load_dataset, split_name
from ..machine import OutOfTime, TimeLimit
from ..records.files import RecordFolder
from .cell import Cell
from .gate import check_power
from .jobs import Job, Shelf, grouped, work
from .setup import Setup, Unreadable, reading, reason
from .workers import run_workers

ENGINES = ("serial", "process", "ray")


def sweep(
    cells: Sequence[Cell] | Callable[[], Sequence[Cell]],
    out: str | os.PathLike,
    *,
    engine: str = "serial",
    workers: int = 1,
    time_limit: float | TimeLimit | None = None,
    address: str | None = None,
    one_file: bool = False,
    setup: Setup | None = None,
    **how,
) -> list[Cell]:
    """Make the runs that `out` lacks, and return the cells that are still missing.

    `out` is a folder with a file for each data set, or with `one_file` a file. Cells run in the order given; a function
    that lists them is asked again when all have run, as a search may have grown.
    With `time_limit` (seconds, or a limit that runs already) what has not ended when the time is up is saved, and the next
    sweep goes on with it. Nodes of a Ray cluster at an address cannot save: there nothing is begun that would not end in
    time by what such cells have taken so far. A cell that fails, that does not fit its data or whose data cannot be read,
    is written to `failed.jsonl` with its reason, and the sweep goes on; the next sweep tries it again.

    Engines: "serial" runs in this process, "process" in `workers` processes, "ray" on a Ray cluster: a local one, or
    the one at `address`, whose nodes have this library and the data at the same places. A worker that is killed is
    replaced, three times at most without a record in between. "process" and "ray" need Linux or macOS.

    `how` are the fields of a `Setup`: device, threads, root. Raises ValueError for an unknown engine, a limit that is
    not positive, and primary cells of the study whose power is not committed; ImportError where Ray is not installed; and
    OSError where a record cannot be written: the place is tried before the first run, and records that were written are
    safe.
    """
    check_engine(engine, workers, address)
    if setup and how:
        raise TypeError(f"sweep: {', '.join(how)} is said by setup, too; pass one of them")
    setup = setup or Setup(**how)
    limit = time_limit if isinstance(time_limit, TimeLimit) else TimeLimit(time_limit)
    out = Path(out).resolve()  # claims stand beside the file itself, by whatever links it is reached
    shelf = Shelf(out.parent, out) if one_file else Shelf(out)
    job = Job([], {}, setup, shelf, limit)
    known: set[Cell] = set()
    while True:
        listed = list(cells() if callable(cells) else cells)
        check_power(listed)
        if not known:  # before the data are read for the keys
            shelf.check(listed)
        job.keys, wrong = setup.keys(listed)
        for cell, error in wrong.items():
            if cell not in known:
                job.failures.add(None, cell, reason(error))
        done = {record.key for record in job.records.records()}
        missing = [cell for cell in listed if job.keys.get(cell) not in done]
        left = {*missing}
        if known.issuperset(listed) or (known and limit.is_up):
            for folder in (".claims", ".checkpoints"):  # where they are empty
                with suppress(OSError):
                    (shelf.folder / folder).rmdir()
            return missing
        known.update(listed)
        # Grouped whole, so that a stack that was cut off or killed is the same stack again.
        can_run = [cell for cell in listed if cell in job.keys]
        job.groups = [group for group in grouped(can_run) if not left.isdisjoint(group)]
        if job.groups:
            _run(job, engine, workers, address)


def _run(job: Job, engine: str, workers: int, address: str | None) -> None:
    job.shelf.folder.mkdir(parents=True, exist_ok=True)
    if engine == "serial":
        work(job)
    elif engine == "process":
        written = RecordFolder(job.shelf.path)
        run_workers(workers, work, job, progress=lambda: len(written.records()))
    else:
        from .ray_engine import work_on_ray

        work_on_ray(job, workers, address)


def check_engine(engine: str, workers: int, address: str | None) -> None:
    check_name("engine", engine, ENGINES)
    check_int("sweep", "workers", workers)
    if engine != "serial" and files.fcntl is None:
        raise ValueError(f"sweep: engine={engine!r} needs Linux or macOS; here, pass engine='serial'")
    if address is not None and engine != "ray":
        raise ValueError(f"sweep: address={address!r} is a Ray cluster's; pass engine='ray' with it, not {engine!r}")


def prepare(cells: Sequence[Cell], setup: Setup, limit: TimeLimit) -> bool:
    """Compute the features that cells read and that are not kept yet; False where the time was up before all were there."""
    for name in dict.fromkeys(cell.dataset for cell in cells):
        if split_name(name)[1]:
            features = {"device": setup.device, "progress": sys.stderr.isatty(), "time_limit": limit.left}
            try:
                with suppress(Unreadable), reading():  # then its cells fail, and say why
                    load_dataset(name, setup.root, **features)
            except OutOfTime as cut_off:
                print(f"features: {cut_off}")
                return False
    return True


def missing_cells(cells: Sequence[Cell], out: str | os.PathLike, setup: Setup | None = None) -> list[Cell]:
    """The cells without a record in `out`, a folder or a file, in their order."""
    keys, _ = (setup or Setup()).keys(cells)
    done = {record.key for record in RecordFolder(out).records()}
    return [cell for cell in cells if keys.get(cell) not in done]
