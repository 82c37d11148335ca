"""How this machine makes runs of cells: on which device, with how many threads, from which data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import torch

from ..data.regression import TARGETS, regression_data
from ..data.splits import DataSet
from ..datasets import load_dataset, split_name
from ..machine import OutOfTime, TimeLimit, pick_device
from ..models.classifier import Classifier, create_model
from ..records.record import Record
from ..training.loop import train
from ..training.runs import run_key
from ..training.stacked.loop import Member, train_stacked
from .cells import Cell

Result = Record | OutOfTime | str  # of a cell that failed the reason


@dataclass(frozen=True)
class Setup:
    """Where and how cells are run. `device` None is CUDA where there is one; `threads` are part of a run's identity."""

    device: str | None = None
    threads: int = 1
    root: str | Path | None = None  # of the data
    progress: bool = False
    checkpoint_seconds: float = 60.0

    def key(self, cell: Cell) -> str:
        """The key that the cell's record will have; the model is built without memory for its weights."""
        return _key(self, cell)

    def run(
        self, cells: Sequence[Cell], checkpoint: Path | None = None, limit: TimeLimit | None = None
    ) -> list[Result]:
        """The record of each cell of a group, or why there is none: it was cut off and saved, or it failed."""
        torch.set_num_threads(self.threads)
        first, data = cells[0], self._data(cells[0])
        options = {"device": self.device, "progress": self.progress, "checkpoint_seconds": self.checkpoint_seconds}
        if checkpoint is not None:
            options |= {"checkpoint": checkpoint, "time_limit": limit and limit.left}
        try:  # the model is built here, too: what does not fit fails as this cell
            if first.config.stacked:
                members = [Member(_model(cell, data), cell.config, cell.seed) for cell in cells]
                return train_stacked(data, members, **options)
            return [train(_model(first, data), data, first.config, first.seed, **options)]
        except OutOfTime as cut_off:
            return [cut_off] * len(cells)
        except (RuntimeError, MemoryError, ValueError) as error:  # out of memory is a RuntimeError
            return [f"{type(error).__name__}: {error}"[:500]] * len(cells)

    def _data(self, cell: Cell) -> DataSet:
        if cell.dataset in TARGETS:
            return regression_data(cell.dataset, cell.seed)
        return _load(cell.dataset, self.device, self.root, cell.size)


@cache
def _key(setup: Setup, cell: Cell) -> str:
    data = setup._data(cell)
    with torch.device("meta"):
        model = _model(cell, data)
    return run_key(model, data, cell.config, cell.seed, pick_device(setup.device), setup.threads)


@lru_cache(maxsize=3)  # sets of features are many and large; a sweep reads one after the other
def _load(name: str, device: str | None, root, size: int | None) -> DataSet:
    features = {"device": device, "progress": False} if split_name(name)[1] else {"size": size}
    return load_dataset(name, root, **features)


def _model(cell: Cell, data: DataSet) -> Classifier:
    channels, _, side = data.train.images.shape[1:]
    return create_model(cell.backbone, cell.head, data.card["num_classes"], channels, side, **cell.head_arguments)
