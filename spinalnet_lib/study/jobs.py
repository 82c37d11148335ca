"""A sweep's work as each of its processes does it: claim cells, run them, write down what came of them.

A cell is claimed by a lock on a file of its own, which the system releases when its process ends, however it ends; so no
two processes make the same run, and a killed run is free again. A record is written in one piece after its run.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import torch

from ..data.regression import TARGETS, regression_data
from ..data.splits import DataSet
from ..datasets import load_dataset
from ..files import locked
from ..machine import OutOfTime, TimeLimit, pick_device
from ..models.classifier import Classifier, create_model
from ..records.files import FAILURES, RecordFolder, append_record
from ..records.record import Record
from ..training.checkpoints import DamagedCheckpoint
from ..training.features.store import file_name, load_features
from ..training.loop import train
from ..training.runs import run_key
from ..training.stacked.loop import Member, train_stacked
from .cells import Cell

STACK = 16  # members at most: beyond that a stack gains little


Result = Record | OutOfTime | str  # of a cell that failed the reason


@dataclass
class Job:
    """Groups of cells to run, with what, where their records go, and until when."""

    groups: list[list[Cell]]
    out: Path
    limit: TimeLimit
    device: str | None
    threads: int
    root: str | Path | None

    def __post_init__(self):
        self.folder = RecordFolder(self.out)
        self._failures = self.out / FAILURES
        self._old_failures = self._failures.stat().st_size if self._failures.exists() else 0

    def key(self, cell: Cell) -> str:
        return cell_key(cell, self.device, self.threads, self.root)

    def claim(self, group: Sequence[Cell], held: ExitStack) -> list[Cell]:
        """The cells of a group that are still to be run, and that this process has to itself until `held` is closed.

        Empty where another process has one of them: all lock them in one order, so of two the first takes the whole group.
        """
        for cell in group:
            if not held.enter_context(locked(self.out / ".claims" / self.key(cell), wait=False)):
                held.close()
                return []
        # Looked up under the locks: another process may have finished them, or seen them fail, since.
        done = {record.key for record in self.folder.records()} | self._failed()
        return [cell for cell in group if self.key(cell) not in done]

    def checkpoint(self, group: Sequence[Cell]) -> Path:
        """Where the runs of a group are saved."""
        keys = [self.key(cell) for cell in group]
        name = keys[0] if len(keys) == 1 else hashlib.sha256("".join(keys).encode()).hexdigest()
        return self.out / ".checkpoints" / f"{name}.npz"

    def to_run(self, group: Sequence[Cell], missing: Sequence[Cell]) -> Sequence[Cell]:
        """A stack that was saved goes on as a whole, even if some of its records were written before it was killed."""
        return group if self.checkpoint(group).exists() else missing

    def has_time_for(self, cells: Sequence[Cell], can_be_saved: bool) -> bool:
        """Whether to run cells now: what does not end in time is saved; what cannot be saved must be predicted to end."""
        if self.limit.left is None or (can_be_saved and not self.limit.is_up):
            return True
        each = predicted_seconds(cells[0], self.folder.records())
        return not self.limit.is_up and (each is None or each * len(cells) <= self.limit.left)

    def keep(
        self, cells: Sequence[Cell], missing: Sequence[Cell], results: Sequence[Result], checkpoint: Path | None
    ) -> None:
        """Write the records that were missing, or failures, and say so in a line each; only then delete the checkpoint."""
        if all(isinstance(result, OutOfTime) for result in results):
            more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
            print(f"{cells[0].describe()}{more}: {results[0]}", flush=True)
            return
        for cell, result in zip(cells, results, strict=True):
            if cell not in missing:
                continue
            if isinstance(result, Record):
                path = self.out / f"{file_name(cell.dataset)}.jsonl"
                append_record(path, replace(result, tuning_id=cell.tuning_id))
                print(f"{cell.describe()}: {result.outcome}, {result.seconds:.1f} s", flush=True)
            else:
                self._write_failure(cell, result)
                print(f"{cell.describe()}: failed, {result}", file=sys.stderr)
        if checkpoint is not None and all(isinstance(result, Record) for result in results):
            checkpoint.unlink(missing_ok=True)

    def _write_failure(self, cell: Cell, reason: str) -> None:
        date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        failure = {"key": self.key(cell), "cell": cell.describe(), "reason": reason, "date": date}
        with locked(self.out / ".lock"), self._failures.open("a") as file:
            file.write(json.dumps(failure, ensure_ascii=False) + "\n")

    def _failed(self) -> set[str]:
        """Keys of the cells that failed since this sweep began: they fail again."""
        if not self._failures.exists():
            return set()
        with locked(self.out / ".lock"), self._failures.open("rb") as file:
            file.seek(self._old_failures)
            keys = set()
            for line in file:
                with suppress(ValueError, KeyError):  # a line that a power cut has torn
                    keys.add(json.loads(line)["key"])
            return keys


def work(job: Job) -> None:
    """Run the cells of a job that nobody else runs, until none is left or there is no time for the next."""
    for group in job.groups:
        with ExitStack() as held:
            missing = job.claim(group, held)
            if not missing:
                continue
            if not job.has_time_for(missing, can_be_saved=True):
                return
            cells = job.to_run(group, missing)
            checkpoint = job.checkpoint(cells)
            results = run_cells(cells, job.device, job.threads, job.root, checkpoint, job.limit)
            job.keep(cells, missing, results, checkpoint)


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


def run_cells(
    cells: Sequence[Cell],
    device: str | None,
    threads: int,
    root=None,
    checkpoint: Path | None = None,
    limit: TimeLimit | None = None,
) -> list[Result]:
    """The record of each cell of a group, or why there is none: it was cut off and saved, or it failed."""
    torch.set_num_threads(threads)
    first, data = cells[0], _data(cells[0], device, root)
    options = {}
    if checkpoint is not None:
        options = {"checkpoint": checkpoint, "time_limit": limit.left if limit is not None else None}
    try:  # the model is built here, too: what does not fit fails as this cell
        if first.config.stacked:
            members = [Member(_model(cell, data), cell.config, cell.seed) for cell in cells]
            return train_stacked(data, members, device, progress=False, **options)
        model = _model(first, data)
        return [train(model, data, first.config, first.seed, device=device, progress=False, **options)]
    except DamagedCheckpoint as damaged:
        print(f"{damaged}: deleted, the run begins again", file=sys.stderr)
        checkpoint.unlink()
        return run_cells(cells, device, threads, root, checkpoint, limit)
    except OutOfTime as cut_off:
        return [cut_off] * len(cells)
    except (RuntimeError, MemoryError, ValueError) as error:  # out of memory is a RuntimeError
        return [f"{type(error).__name__}: {error}"[:500]] * len(cells)


@cache
def cell_key(cell: Cell, device: str | None, threads: int, root=None) -> str:
    """The key that the cell's record will have; the model is built without memory for its weights."""
    data = _data(cell, device, root)
    with torch.device("meta"):
        model = _model(cell, data)
    return run_key(model, data, cell.config, cell.seed, pick_device(device), threads)


def predicted_seconds(cell: Cell, records: Sequence[Record]) -> float | None:
    """What a cell takes, by those most like it: its head, set and body, else its set and body, else its body; None if none ended.

    The median of their seconds, each for as many examples as the cell's run reads.
    """
    alike = [
        record
        for record in records
        if (record.model["backbone"], record.recipe.get("stacked", False)) == (cell.backbone, cell.config.stacked)
    ]
    of_set = [record for record in alike if record.dataset == cell.dataset]
    of_head = [record for record in of_set if record.head == cell.head]
    times = [_scaled_seconds(record, cell) for record in of_head or of_set or alike]
    return statistics.median(times) if times else None


def _scaled_seconds(record: Record, cell: Cell) -> float:
    config = cell.config
    examples = config.steps * config.batch_size if config.steps else config.epochs * record.split_sizes["train"]
    return record.seconds * examples / (record.curve[-1]["step"] * record.recipe["batch_size"])


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
