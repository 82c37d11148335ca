"""Making the missing runs of a study: in this process or in several, stopped and started again at will.

A cell is claimed by a lock on a file of its own, which the system releases when its process ends, however it ends; so no
two processes make the same run, and a killed run is free again. A record is written in one piece after its run.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path

import torch

from .checks import check_int, check_name, check_number
from .datasets import DataSet, load_dataset
from .features import file_name, load_features
from .models import Classifier, create_model
from .record_files import FAILURES, RecordFolder, append_record
from .records import Record
from .regression import TARGETS, regression_data
from .stacked import Member, train_stacked
from .study import Cell
from .training import OutOfTime, pick_device, run_key, train
from .whole_files import locked
from .workers import start_workers

ENGINES = ("serial", "process", "ray")
STACK = 16  # members at most: beyond that a stack gains little, and more is lost where it is cut off
_TO_SAVE = 1.0  # seconds before the limit at which a run is saved and stopped; of a short limit a tenth


def sweep(
    cells: Sequence[Cell],
    out: str | os.PathLike,
    *,
    engine: str = "serial",
    workers: int = 1,
    time_limit: float | None = None,
    device: str | None = None,
    threads: int = 1,
    root: str | os.PathLike | None = None,
    address: str | None = None,
) -> list[Cell]:
    """Make the runs that `out` (a folder) lacks, and return the cells that are still missing.

    Cells run in the order given. With `time_limit` (seconds) none is begun that would not end in time, by what such
    cells have taken so far, unless no sweep of that length could end it. What has not ended when the time is up is saved,
    and the next sweep goes on with it. A cell that fails is written to `failed.jsonl` with its reason, and the sweep goes
    on; it is tried again by the next sweep.

    Engines: "serial" runs in this process, "process" in `workers` processes, "ray" on a Ray cluster: a local one, or
    the one at `address`, whose nodes have this library and the data at the same places. Raises ValueError for an unknown
    engine or a limit that is not positive, ImportError where Ray is not installed.
    """
    check_name("engine", engine, ENGINES)
    check_int("sweep", "workers", workers)
    check_int("sweep", "threads", threads)
    if time_limit is not None and check_number("sweep", "time_limit", time_limit, "pass seconds") <= 0:
        raise ValueError(f"sweep: time_limit must be above 0 seconds, got {time_limit:g}; leave it out for no limit")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    limit = TimeLimit(time_limit)
    if address is not None and engine != "ray":
        raise ValueError(f"sweep: address={address!r} is a Ray cluster's; pass engine='ray' with it, not {engine!r}")
    job = (list(cells), out, limit, device, threads, root)
    if engine == "serial":
        _work(*job)
    elif engine == "process":
        _work_in_processes(workers, job)
    else:
        from .ray_engine import work_on_ray

        work_on_ray(*job, workers, address)
    return missing_cells(cells, out, device, threads, root)


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


@cache
def cell_key(cell: Cell, device: str | None, threads: int, root=None) -> str:
    """The key that the cell's record will have; the model is built without memory for its weights."""
    data = _data(cell, device, root)
    with torch.device("meta"):
        model = _model(cell, data)
    return run_key(model, data, cell.config, cell.seed, pick_device(device), threads)


def predicted_seconds(cell: Cell, records: Sequence[Record]) -> float | None:
    """The median of runs like a cell: with its head, else of the same set and body, else of the same body; None if none ended."""
    likes = (
        lambda r: (r.dataset, r.model["backbone"], r.head) == (cell.dataset, cell.backbone, cell.head),
        lambda r: (r.dataset, r.model["backbone"]) == (cell.dataset, cell.backbone),
        lambda r: r.model["backbone"] == cell.backbone,
    )
    for like in likes:
        times = [record.seconds for record in records if like(record)]
        if times:
            return statistics.median(times)
    return None


class TimeLimit:
    """The seconds a sweep may take, from when this is made; None is no limit."""

    def __init__(self, seconds: float | None):
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds - min(_TO_SAVE, seconds / 10)

    @property
    def left(self) -> float | None:
        """Seconds that a run may still take; negative when the time is up."""
        return None if self._end is None else self._end - time.monotonic()

    def allows(self, cells: Sequence[Cell], folder: RecordFolder, begun: bool) -> bool:
        """Whether to run a group now: one that would end in time, was `begun` before, or that no such sweep could end."""
        if self.left is None:
            return True
        each = predicted_seconds(cells[0], folder.records())
        seconds = None if each is None else each * len(cells)
        return self.left > 0 and (begun or seconds is None or seconds <= self.left or seconds > self.seconds)


def _work(cells: list[Cell], out: Path, limit: TimeLimit, device: str | None, threads: int, root) -> None:
    folder = RecordFolder(out)
    for group in grouped(cells):
        with ExitStack() as held:
            mine = claim_all(group, folder, held, device, threads, root)
            if not mine:
                continue
            path = checkpoint_path(mine, folder, device, threads, root)
            if not limit.allows(mine, folder, path is not None and path.exists()):
                return
            keep(mine, run_cells(mine, device, threads, root, path, limit.left), folder, path)


def grouped(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The cells in their order, one by one; stacked ones with those that can be trained together with them."""
    groups: list[list[Cell]] = []
    open_groups: dict[tuple, list[Cell]] = {}
    for cell in cells:
        group = open_groups.get(cell.stack) if cell.config.stacked else None
        if group is None or len(group) == STACK:
            group = []
            groups.append(group)
            open_groups[cell.stack] = group
        group.append(cell)
    return groups


def claim_all(
    group: Sequence[Cell], folder: RecordFolder, held: ExitStack, device: str | None, threads: int, root
) -> list[Cell]:
    """The cells of a group that this process has to itself from now on, until `held` is closed."""
    return [cell for cell in group if held.enter_context(claim(cell_key(cell, device, threads, root), folder))]


@contextmanager
def claim(key: str, folder: RecordFolder) -> Iterator[bool]:
    """Whether this process has a run to itself and it is not done yet; the system lets go when the process ends."""
    with locked(folder.folder / ".claims" / key, wait=False) as mine:
        # Looked up under the lock: another process may have finished it since.
        yield mine and not any(record.key == key for record in folder.records())


def checkpoint_path(cells: Sequence[Cell], folder: RecordFolder, device: str | None, threads: int, root) -> Path | None:
    """Where a run is saved; a stack, which is short, is not."""
    if cells[0].config.stacked:
        return None
    return folder.folder / ".checkpoints" / f"{cell_key(cells[0], device, threads, root)}.npz"


Result = Record | OutOfTime | str  # of a cell that failed the reason


def run_cells(
    cells: Sequence[Cell],
    device: str | None,
    threads: int,
    root=None,
    checkpoint: Path | None = None,
    time_limit: float | None = None,
) -> list[Result]:
    """The record of each cell of a group, or why there is none: it was cut off and saved, or it failed."""
    torch.set_num_threads(threads)
    first, data = cells[0], _data(cells[0], device, root)
    try:  # the model is built here, too: what does not fit fails as this cell
        if first.config.stacked:
            members = [Member(_model(cell, data), cell.config, cell.seed) for cell in cells]
            return train_stacked(data, members, device, progress=False)
        options = {"checkpoint": checkpoint, "time_limit": None if checkpoint is None else time_limit}
        model = _model(first, data)
        return [train(model, data, first.config, first.seed, device=device, progress=False, **options)]
    except OutOfTime as cut_off:
        return [cut_off]
    except (RuntimeError, MemoryError, ValueError) as error:  # out of memory is a RuntimeError
        return [f"{type(error).__name__}: {error}"[:500]] * len(cells)


def keep(cells: Sequence[Cell], results: Sequence[Result], folder: RecordFolder, checkpoint: Path | None) -> None:
    """Write records, or failures, to the folder and say so in a line each; only then is the checkpoint not needed."""
    for cell, result in zip(cells, results, strict=True):
        if isinstance(result, Record):
            append_record(folder.folder / f"{file_name(cell.dataset)}.jsonl", replace(result, tuning_id=cell.tuning_id))
            if checkpoint is not None:
                checkpoint.unlink(missing_ok=True)
            print(f"{cell.describe()}: {result.outcome}, {result.seconds:.1f} s", flush=True)
        elif isinstance(result, OutOfTime):
            print(f"{cell.describe()}: {result}", flush=True)
        else:
            with locked(folder.folder / ".lock"), (folder.folder / FAILURES).open("a") as file:
                file.write(json.dumps({"cell": cell.describe(), "reason": result}, ensure_ascii=False) + "\n")
            print(f"{cell.describe()}: failed, {result}", file=sys.stderr)


def _work_in_processes(workers: int, job: tuple) -> None:
    processes = start_workers(workers, _work, job)
    try:
        for process in processes:
            process.join()
    except BaseException:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(1)
        raise


def _data(cell: Cell, device: str | None, root) -> DataSet:
    if cell.dataset in TARGETS:
        return regression_data(cell.dataset, cell.seed)
    return _load(cell.dataset, device, root)


@lru_cache(maxsize=3)  # sets of features are many and large; a sweep reads one after the other
def _load(name: str, device: str | None, root) -> DataSet:
    if "+" in name:
        return load_features(*name.split("+", 1), root, device, progress=False)
    return load_dataset(name, root)


def _model(cell: Cell, data: DataSet) -> Classifier:
    channels, _, side = data.train.images.shape[1:]
    return create_model(cell.backbone, cell.head, data.card["num_classes"], channels, side, **cell.head_arguments)
