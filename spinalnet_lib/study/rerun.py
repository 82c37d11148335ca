"""A run made again from its record alone, and compared with it.

On the record's model of CPU with its build of torch every result must be the same to the last bit. Elsewhere sums round
otherwise and training amplifies that, so only the first evaluation is compared, within a tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

from ..data.augment import Augmentation
from ..data.cards import PHOTOGRAPHS, load_card
from ..data.regression import TARGETS
from ..datasets import split_name
from ..machine import TimeLimit, cpu_model
from ..models.bodies import own_size
from ..models.classifier import create_model
from ..records.record import Record, differing_results, each_once
from ..training.config import TrainConfig
from ..training.runs import numerics_version
from .cell import Cell
from .setup import Setup
from .sweep import prepare

ALL_RESULTS, FIRST_EVALUATION = "bit for bit", "first evaluation"
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Rerun:
    """What came of it: the new record, how it was compared and why not more strictly, and where the two differ."""

    again: Record
    check: str  # ALL_RESULTS or FIRST_EVALUATION
    because: str  # why not bit for bit; empty where it was
    differences: tuple[str, ...]


def find_record(key: str, records: Sequence[Record]) -> Record:
    """The record whose key begins with `key`. ValueError where none does, or more than one."""
    found = [record for record in each_once(records) if key and record.key.startswith(key)]
    if len(found) != 1:
        near = f"{len(found)} do, such as {found[0].key[:16]} and {found[1].key[:16]}" if found else "none does"
        raise ValueError(
            f"rerun: one key must begin with {key!r}, of {len(records):,} records {near}; "
            "`spinalnet records show data/results` lists them"
        )
    return found[0]


def config_of(record: Record) -> TrainConfig:
    """The recipe of a record. ValueError for one that this version of the library does not know."""
    recipe = dict(record.recipe)
    if unknown := recipe.keys() - {field.name for field in fields(TrainConfig)}:
        raise ValueError(
            f"rerun: run {record.key[:10]} has {sorted(unknown)} in its recipe, which library "
            f"{record.library} knew; use that"
        )
    if recipe.get("augmentation"):
        recipe["augmentation"] = Augmentation(**recipe["augmentation"])
    return TrainConfig(**recipe)


def cell_of(record: Record, root=None) -> Cell:
    """The run that a record tells of. ValueError for a data set without a card."""
    images, extractor = split_name(record.dataset)
    resized = extractor is None and images not in TARGETS and load_card(images, root)["kind"] in PHOTOGRAPHS
    return Cell(
        record.dataset,
        record.model["backbone"],
        record.head,
        record.seed,
        config_of(record),
        record.model["head_arguments"],
        tuning_id=record.tuning_id,
        size=record.model["image_size"] if resized else None,
        cut_seed=record.split_sizes.get("seed"),
        train_per_class=record.split_sizes.get("train_per_class"),
        val_per_class=record.split_sizes.get("val_per_class"),
    )


def rerun(record: Record, root=None, tolerance: float = TOLERANCE) -> Rerun:
    """Make a record's run again, with its number of threads and on its kind of device, and compare.

    `tolerance` is how far from the record's the first evaluation may lie where it is not compared bit for bit: an error
    as a difference of shares, a loss as a share of the record's. Raises ValueError for a device that is not here, for data
    that are not here or cannot be read, and where the run would have another key: then it is another run.
    """
    if not 0 <= tolerance < math.inf:
        raise ValueError(f"rerun: the tolerance must be a share of 0 or more, got {tolerance}; 0.001 is usual")
    if record.device == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"rerun: run {record.key[:10]} was made on a GPU ({record.device_name}), and here is none; "
            "use a machine with one"
        )
    because, version = _why_not_all(record), _version_today(record)
    if version != record.numerics_version:
        raise ValueError(
            f"rerun: run {record.key[:10]} has numbers of version {record.numerics_version}, such a run has "
            f"version {version} today, and another key; make it anew with a sweep"
        )
    cell, setup = cell_of(record, root), Setup(record.device, record.threads, root)
    prepare([cell], setup, TimeLimit(None))  # features of a body that are not kept yet
    threads = torch.get_num_threads()
    try:
        keys, wrong = setup.keys([cell])
        if wrong:
            raise ValueError(f"rerun: run {record.key[:10]} cannot be made here: {wrong[cell]}") from wrong[cell]
        computed = record.dataset in TARGETS or split_name(record.dataset)[1] is not None
        if keys[cell] != record.key and not (computed and because):  # computed data round otherwise elsewhere
            raise ValueError(
                f"rerun: run {record.key[:10]} would have the key {keys[cell][:10]} here: its data (of "
                f"{record.dataset_sha256[:10]}) or its model are others now; restore them, or make it anew with a sweep"
            )
        (again,) = setup.run([cell])
    finally:
        torch.set_num_threads(threads)
    if not isinstance(again, Record):
        raise ValueError(f"rerun: run {record.key[:10]} failed: {again}")
    if not because:
        return Rerun(again, ALL_RESULTS, "", tuple(differing_results(record, again)))
    return Rerun(again, FIRST_EVALUATION, because, tuple(_first_differences(record, again, tolerance)))


def _why_not_all(record: Record) -> str:
    """Why a run cannot be asked to give the same bits here; empty where it can."""
    if record.device != "cpu":
        return "a GPU does not take its sums in one order"
    if record.torch != torch.__version__:
        return f"made with torch {record.torch}, here is {torch.__version__}"
    if record.device_name != cpu_model():
        return f"made on the CPU {record.device_name!r}, here is {cpu_model()!r}"
    return "one of a stack, whose sums depend on the others in it" * record.recipe.get("stacked", False)


def _version_today(record: Record) -> int:
    model = record.model
    side = None if own_size(model["backbone"]) else model["image_size"]
    with torch.device("meta"):
        built = create_model(
            model["backbone"], record.head, model["num_classes"], model["in_chans"], side, **model["head_arguments"]
        )
    return numerics_version(built, config_of(record))


def _first_differences(record: Record, again: Record, tolerance: float) -> list[str]:
    """What of the first evaluation differs by more than the tolerance: of the training loss and of validation."""
    found, (then, now) = [], (record.curve[0], again.curve[0])
    for name in then:
        if name != "train_loss" and not name.startswith("val_"):
            continue
        if None in (then[name], now[name]):  # one of them diverged, or both
            far = 0 if then[name] is now[name] else math.inf
        else:
            far = abs(then[name] - now[name]) / (1 if name == "val_error" else abs(then[name]))
        if far > tolerance:  # without its sign: a run may be of a comparison that is still blind
            found.append(f"{name} by {far:.2g}")
    return found
