"""How this machine makes runs of cells: on which device, with how many threads, from which data."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import torch

from ..checks import check_int
from ..data.cuts import cut_anew
from ..data.regression import TARGETS, regression_data
from ..data.splits import DataSet
from ..datasets import load_dataset, split_name
from ..machine import OutOfTime, TimeLimit, pick_device
from ..models.bodies import own_size
from ..models.classifier import Classifier, create_model
from ..models.saved import save_model
from ..records.record import Record
from ..training.checks import check_run, fit_length
from ..training.config import TrainConfig
from ..training.keeper import Keeper
from ..training.loop import train
from ..training.runs import run_key
from ..training.stacked.loop import Member, train_stacked
from .cell import Cell

Result = Record | OutOfTime | str  # of a cell that failed the reason
_MOST_THREADS = 1024
_OF_THE_CELL = (RuntimeError, MemoryError, ValueError)  # out of memory is a RuntimeError


class Unreadable(Exception):
    """A data set that cannot be loaded; the cause says why."""


@dataclass(frozen=True)
class Setup:
    """Where and how cells are run. `device` None is CUDA where there is one; `threads` are part of a run's identity.

    Raises ValueError and TypeError for numbers of threads and seconds that are none.
    """

    device: str | None = None
    threads: int = 1
    root: str | Path | None = None  # of the data
    progress: bool = False
    checkpoint_seconds: float = 60.0
    save_as: str | None = None  # a file for each trained model, "{seed}" in its name replaced

    def __post_init__(self):
        if check_int("Setup", "threads", self.threads) > _MOST_THREADS:
            raise ValueError(f"Setup: threads={self.threads} is more than {_MOST_THREADS:,}; a run takes one or a few")
        Keeper("Setup", None, self.checkpoint_seconds)  # refuses what is no time

    def keys(self, cells: Iterable[Cell]) -> tuple[dict[Cell, str], dict[Cell, Exception]]:
        """The keys that the cells' records will have; of cells whose data cannot be read, or do not fit, the error.

        Models are built without memory for their weights. ValueError for a device that is not here.
        """
        pick_device(self.device)
        keys, wrong, unreadable = {}, {}, {}
        # A set is loaded once, damaged or not, and each of its cuts is made once.
        for cell in sorted(cells, key=lambda cell: (cell.dataset, cell.cut_seed or 0, cell.train_per_class or 0)):
            where = cell.dataset, cell.size
            try:
                if where in unreadable:
                    raise unreadable[where]
                keys[cell] = _key(self, cell)
            except Unreadable as error:
                unreadable[where], wrong[cell] = error, error.__cause__
            except _OF_THE_CELL as error:
                wrong[cell] = error
        return keys, wrong

    def run(
        self, cells: Sequence[Cell], checkpoint: Path | None = None, limit: TimeLimit | None = None
    ) -> list[Result]:
        """The record of each cell of a group, or why there is none: it was cut off and saved, or it failed."""
        torch.set_num_threads(self.threads)
        first = cells[0]
        options = {"device": self.device, "progress": self.progress, "checkpoint_seconds": self.checkpoint_seconds}
        if checkpoint is not None:
            options |= {"checkpoint": checkpoint, "time_limit": limit and limit.left}
        try:  # what cannot be read or does not fit fails as these cells
            with reading():
                data = self.data(first)
                data.sha256  # noqa: B018, photographs are read when they are hashed
            if first.config.stacked:
                sets = [self.data(cell) for cell in cells]  # of a regression each seed's own
                members = [Member(_model(cell, data), cell.config, cell.seed) for cell in cells]
                return train_stacked(sets, members, **options)
            model = _model(first, data)
            record = train(model, data, first.config, first.seed, **options)
            if self.save_as:
                save_model(model, self.model_file(first), data)
            return [record]
        except OutOfTime as cut_off:
            return [cut_off] * len(cells)
        except Unreadable as error:
            return [reason(error.__cause__)] * len(cells)
        except _OF_THE_CELL as error:
            return [reason(error)] * len(cells)

    def rehearse(self, cell: Cell, data: DataSet) -> tuple[Classifier, Record]:
        """A cell's trained model and its record, on data that need not be the cell's own; nothing is kept."""
        torch.set_num_threads(self.threads)
        model = _model(cell, data)
        return model, train(model, data, cell.config, cell.seed, device=self.device, progress=False)

    def model_file(self, cell: Cell) -> Path:
        """Where the model of a cell is saved."""
        return Path(self.save_as.replace("{seed}", str(cell.seed)))

    def fitting(self, cell: Cell) -> TrainConfig:
        """The cell's recipe, fitted to the number of its images (`fit_length`)."""
        data = self.data(cell)
        with torch.device("meta"):
            return fit_length(_model(cell, data), cell.config, len(data.train))

    def data(self, cell: Cell) -> DataSet:
        """The data that a cell's run reads."""
        if cell.dataset in TARGETS:
            return regression_data(cell.dataset, cell.seed)
        data = _load(cell.dataset, self.device, self.root, cell.size)
        return data if cell.cut_seed is None else _cut(data, cell.cut_seed, cell.train_per_class, cell.val_per_class)


def reason(error: BaseException) -> str:
    """An error as a line in the list of failures says it."""
    return f"{type(error).__name__}: {error}"[:500]


@contextmanager
def reading() -> Iterator[None]:
    """Within it what goes wrong is the data set's, and Unreadable; but for a full disk, which is everybody's."""
    try:
        yield
    except (*_OF_THE_CELL, OSError, ImportError) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Unreadable from error


@cache
def _key(setup: Setup, cell: Cell) -> str:
    with reading():
        data = setup.data(cell)
    with torch.device("meta"):
        model = _model(cell, data)
    check_run(model, data, cell.config)  # before the data are hashed: photographs would all be decoded for it
    with reading():
        data.sha256  # noqa: B018
    return run_key(model, data, cell.config, cell.seed, pick_device(setup.device), setup.threads)


@lru_cache(maxsize=3)  # sets of features are many and large; a sweep reads one after the other
def _load(name: str, device: str | None, root, size: int | None) -> DataSet:
    features = {"device": device, "progress": False} if split_name(name)[1] else {"size": size}
    return load_dataset(name, root, **features)


@lru_cache(maxsize=2)
def _cut(data: DataSet, seed: int, train_per_class: int | None, val_per_class: int | None) -> DataSet:
    return cut_anew(data, seed, train_per_class, val_per_class)


def _model(cell: Cell, data: DataSet) -> Classifier:
    channels, _, side = data.train.images.shape[1:]
    side = None if own_size(cell.backbone) else side  # `check_run` says of others how to load the images
    given = {"pretrained": True} if cell.config.start == "given" else {}
    return create_model(
        cell.backbone, cell.head, data.card["num_classes"], channels, side, **given, **cell.head_arguments
    )
