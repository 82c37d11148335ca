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
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ..files import locked
from ..machine import OutOfTime, TimeLimit
from ..records.files import FAILURES, RecordFolder, append_record, check_appendable
from ..records.record import Record
from ..training.features.store import file_name
from .cell import Cell
from .setup import Result, Setup

STACK = 16  # members at most: beyond that a stack gains little


@dataclass(frozen=True)
class Shelf:
    """Where the records of a sweep go: to a folder with a file for each data set, or all to one `file` in it."""

    folder: Path
    file: Path | None = None

    @property
    def path(self) -> Path:
        """All records that are there."""
        return self.file or self.folder

    def file_of(self, cell: Cell) -> Path:
        return self.file or self.folder / f"{file_name(cell.dataset)}.jsonl"

    def check(self, cells: Iterable[Cell]) -> None:
        """Raise the error that writing the cells' records would raise."""
        for place in {self.file_of(cell) for cell in cells}:
            check_appendable(place)


class Failures:
    """Cells that failed, in a file beside the records, a JSON line each."""

    def __init__(self, folder: Path):
        self._path, self._lock = folder / FAILURES, folder / ".lock"
        self._old = self._path.stat().st_size if self._path.exists() else 0

    def add(self, key: str | None, cell: Cell, reason: str) -> None:
        """Write down a cell and say so; `key` is None where its data could not be read, or it does not fit them."""
        date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        failure = {"key": key, "cell": cell.describe(), "reason": reason, "date": date}
        with locked(self._lock), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(failure, ensure_ascii=False) + "\n")
        print(f"{cell.describe()}: failed, {reason}", file=sys.stderr)

    def among(self, cells: Sequence[Cell], setup: Setup) -> set[Cell]:
        """Those of the cells that failed since this was made."""
        (keys, _), failed = setup.keys(cells), self.new_keys()
        return {cell for cell in cells if keys.get(cell) in failed}

    def new_keys(self) -> set[str | None]:
        """Of the cells that failed since this was made: the same sweep does not try them again."""
        if not self._path.exists():
            return set()
        with locked(self._lock):
            return {failure["key"] for failure in _failures(self._path, self._old)}


def failures_in(folder: Path) -> list[dict]:
    """Of a folder of records the runs that failed: `key`, `cell` in words, `reason` and `date` of each; the last try last."""
    path = folder / FAILURES
    return _failures(path) if path.exists() else []


def _failures(path: Path, start: int = 0) -> list[dict]:
    found = []
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            try:
                failure = json.loads(line)
                found.append({name: failure[name] for name in ("key", "cell", "reason", "date")})
            except (ValueError, KeyError, TypeError, RecursionError):  # torn by a power cut, or by hand
                warnings.warn(f"{path} has a line that is no failure; it is left out", stacklevel=3)
    return found


@dataclass
class Claim:
    """Cells that this process has to itself until `held` is closed."""

    cells: Sequence[Cell]  # to be run together
    missing: Sequence[Cell]  # those whose records are wanted
    checkpoint: Path
    held: ExitStack


class Job:
    """Groups of cells to run, the key of each cell, how they are run, where their records go, and until when."""

    def __init__(
        self,
        groups: Sequence[Sequence[Cell]],
        keys: dict[Cell, str],
        setup: Setup,
        shelf: Shelf,
        limit: TimeLimit,
    ):
        self.groups, self.keys, self.setup, self.shelf, self.limit = groups, keys, setup, shelf, limit
        self.records, self.failures = RecordFolder(shelf.path), Failures(shelf.folder)

    def claims(self, can_be_saved: bool = True) -> Iterator[Claim]:
        """One group after another that nobody else runs, until none is left or there is no time for the next."""
        for group in self.groups:
            held = ExitStack()
            missing = self._claim(group, held)
            if not missing:
                continue
            if not self._has_time_for(missing, can_be_saved):
                held.close()
                return
            # A stack that was saved goes on as a whole, even if some of its records were written before it was killed.
            cells = group if can_be_saved and self._checkpoint(group).exists() else missing
            yield Claim(cells, missing, self._checkpoint(cells), held)

    def keep(self, claim: Claim, results: Sequence[Result]) -> None:
        """Write the records that were missing, or failures, and say so in a line each; only then delete the checkpoint."""
        first, more = claim.cells[0].describe(), f" and {len(claim.cells) - 1} more" * (len(claim.cells) > 1)
        if isinstance(results[0], OutOfTime):  # and so are all
            print(f"{first}{more}: {results[0]}", flush=True)
            return
        for cell, result in zip(claim.cells, results, strict=True):
            if cell not in claim.missing:
                continue
            if isinstance(result, Record):
                record = replace(result, tuning_id=cell.tuning_id)
                append_record(self.shelf.file_of(cell), record)
                said = (
                    record.outcome if cell.tuning_id is None else "done"
                )  # the plan's results are not told run by run
                print(f"{cell.describe()}: {said}, {record.seconds:.1f} s", flush=True)
            else:
                self.failures.add(self.keys[cell], cell, result)
        if all(isinstance(result, Record) for result in results):
            claim.checkpoint.unlink(missing_ok=True)

    def _claim(self, group: Sequence[Cell], held: ExitStack) -> list[Cell]:
        """The cells of a group that are still to be run, locked until `held` is closed.

        Empty where another process has one of them: all lock them in one order, so of two the first takes the whole group.
        """
        for cell in group:
            if not held.enter_context(locked(self.shelf.folder / ".claims" / self.keys[cell], wait=False)):
                held.close()
                return []
        # Looked up under the locks: another process may have finished them, or seen them fail, since.
        done = {record.key for record in self.records.records()} | self.failures.new_keys()
        missing = [cell for cell in group if self.keys[cell] not in done]
        if not missing:
            held.close()
        return missing

    def _checkpoint(self, group: Sequence[Cell]) -> Path:
        """Where the runs of a group are saved."""
        keys = [self.keys[cell] for cell in group]
        name = keys[0] if len(keys) == 1 else hashlib.sha256("".join(keys).encode()).hexdigest()
        return self.shelf.folder.absolute() / ".checkpoints" / f"{name}.npz"

    def _has_time_for(self, cells: Sequence[Cell], can_be_saved: bool) -> bool:
        """Whether to run cells now: what does not end in time is saved; what cannot be saved must be predicted to end."""
        if self.limit.left is None or (can_be_saved and not self.limit.is_up):
            return True
        each = predicted_seconds(cells[0], self.records.records())
        return not self.limit.is_up and (each is None or each * len(cells) <= self.limit.left)


def work(job: Job) -> None:
    """Run the cells of a job that nobody else runs, until none is left or there is no time for the next."""
    for claim in job.claims():
        with claim.held:
            job.keep(claim, job.setup.run(claim.cells, claim.checkpoint, job.limit))


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


def predicted_times(
    cells: Sequence[Cell], records: Sequence[Record], otherwise: Callable[[Cell], float | None] = lambda cell: None
) -> list[float | None]:
    """`predicted_seconds` of each cell, or what `otherwise` says of one; asked once for cells alike, as there can be thousands."""

    def alike(cell: Cell) -> tuple:
        config = cell.config
        return (cell.dataset, cell.backbone, cell.head, config.steps, config.epochs, config.batch_size, config.stacked)

    one = {alike(cell): cell for cell in cells}
    seconds = {kind: predicted_seconds(cell, records) for kind, cell in one.items()}
    seconds |= {kind: otherwise(one[kind]) for kind, each in seconds.items() if each is None}
    return [seconds[alike(cell)] for cell in cells]


def predicted_seconds(cell: Cell, records: Sequence[Record]) -> float | None:
    """What a cell takes, by those most like it: its head, set and body, else its set and body, else its body; None if none ended.

    The median of their seconds, each for as many examples as the cell's run reads.
    """
    config, alike = cell.config, {}
    for record in records:
        if record.model["backbone"] == cell.backbone and record.recipe.get("stacked", False) == config.stacked:
            same_set, same_head = record.dataset == cell.dataset, record.head == cell.head
            alike.setdefault(same_set + (same_set and same_head), []).append(record)
    times = [
        record.seconds
        * (config.steps * config.batch_size if config.steps else config.epochs * record.split_sizes["train"])
        / (record.last["step"] * record.recipe["batch_size"])
        for record in (alike[max(alike)] if alike else ())
    ]
    return statistics.median(times) if times else None
