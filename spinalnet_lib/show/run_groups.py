"""Records sorted for a reader: a section for each data set, body and recipe, and in it the runs of each arm."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..data.facts import has_own_split
from ..datasets import split_name
from ..records.record import Record, each_once
from ..study.blindness import HIDDEN, shown
from ..training.recipes import POWER_SEEDS, TUNING_SEEDS

# What a search varies; all else of a recipe makes another section. Whether the test was read changes no training.
_VARIED = ("learning_rate", "weight_decay", "read_test", "stacked")


@dataclass
class Section:
    """Runs that differ in head, learning rate, dropout and seed only: they may stand in one table. Searches, pilots and each
    number of training images a class have sections of their own.
    """

    title: str
    loss: str
    arms: dict[str, list[Record]]

    @property
    def records(self) -> list[Record]:
        return [record for runs in self.arms.values() for record in runs]

    @property
    def unit(self) -> str:
        return "validation MSE" if self.loss == "mse" else "validation error, %"

    @property
    def searched(self) -> bool:
        """Whether these are runs of a search: it has seeds of its own, and several learning rates of an arm."""
        rates = {(record.head, record.recipe["learning_rate"]) for record in self.records}
        return self.records[0].seed in TUNING_SEEDS and len(rates) > len({head for head, _ in rates})


def group_runs(records: Sequence[Record]) -> list[Section]:
    """Sections in the order of their names; within one, arms in the order in which they were first run.

    Runs of a cell of the study that is not complete are left out.
    """
    members: dict[tuple, list[Record]] = {}
    for record in shown(records):
        fixed = {name: value for name, value in record.recipe.items() if name not in _VARIED}
        images = record.split_sizes.get("train_per_class") or 0
        place = (record.dataset, record.model["backbone"], images, _purpose(record), json.dumps(fixed, sort_keys=True))
        members.setdefault(place, []).append(record)
    sections = []
    for (dataset, backbone, images, purpose, _), runs in sorted(members.items()):
        own = ", own split" * has_own_split(split_name(dataset)[0])
        size = f", {images:,} images a class" * bool(images)
        title = f"{dataset}{own}: {backbone}, {_words(runs[0].recipe)}{size}{purpose}"
        sections.append(Section(title, runs[0].loss, _by_label(runs)))
    return sections


def _purpose(record: Record) -> str:
    """The seeds of searches and pilots are their own; what they choose or tell is not what other seeds found."""
    return ", search" if record.seed in TUNING_SEEDS else ", pilots" if record.seed in POWER_SEEDS else ""


def _words(recipe: dict) -> str:
    """A recipe in few words: "adamw, 2,000 steps of 128, cosine, fast"."""
    length = f"{recipe['steps']:,} steps" if recipe.get("steps") else f"{recipe['epochs']:,} epochs"
    words = [recipe["optimizer"], f"{length} of {recipe['batch_size']:,}"]
    words += [recipe["schedule"]] if recipe["schedule"] != "constant" else []
    words += ["warped"] if recipe.get("augmentation") else []
    words += ["fast"] if recipe.get("fast") else []
    return ", ".join(words)


def last_value(record: Record) -> float:
    """Validation error in percent, or squared error, after the last step; infinite for a run that diverged."""
    last = record.curve[-1]
    value = last["val_mse"] if record.loss == "mse" else last["val_error"]
    return math.inf if record.diverged or value is None else value if record.loss == "mse" else 100 * value


def group_arms(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The runs of each arm; its label says what runs of the same head differ in here. ValueError without records.

    Runs of a cell of the study that is not complete are left out.
    """
    return _by_label(may_be_drawn(records))


def _by_label(runs: Sequence[Record]) -> dict[str, list[Record]]:
    seen: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        for name, value in _settings(run).items():
            seen.setdefault((run.head, name), set()).add(json.dumps(value))
    arms: dict[str, list[Record]] = {}
    for run in runs:
        words = [run.arm]
        for name, value in _settings(run).items():
            if len(seen[run.head, name]) > 1:
                words.append(f"{name.replace('_', ' ')} {value:.3g}" if isinstance(value, float) else f"{name} {value}")
        arms.setdefault(", ".join(words), []).append(run)
    return arms


def may_be_drawn(records: Sequence[Record]) -> list[Record]:
    """The runs, each once, without those of a cell of the study that is not complete; ValueError where none is left."""
    if not records:
        raise ValueError("no records to draw; train first, or load some with load_records")
    runs = shown(each_once(records))
    if not runs:
        raise ValueError(f"results of these {len(records)} runs are {HIDDEN}; `spinalnet sweep` makes its other runs")
    return runs


def _settings(run: Record) -> dict:
    """What a label may have to say beside the arm's name, which tells the dropout."""
    found = {**run.model["head_arguments"], **{name: run.recipe[name] for name in ("learning_rate", "weight_decay")}}
    for name in ("drop_rate", "mask_seed"):  # a mask is drawn anew with each seed
        found.pop(name, None)
    return found | {"train_per_class": run.split_sizes.get("train_per_class")}
