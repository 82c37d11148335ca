"""Records sorted for a reader: a section for each data set, body and recipe, and in it the runs of each arm."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..records.record import Record

# What a search varies; all else of a recipe makes another section. Whether the test was read changes no training.
_VARIED = ("learning_rate", "weight_decay", "read_test", "stacked")


@dataclass
class Section:
    """Runs that differ in head, learning rate, dropout and seed only: they may stand in one table."""

    dataset: str
    source: str
    backbone: str
    recipe: str
    loss: str
    arms: dict[str, list[Record]] = field(default_factory=dict)

    @property
    def records(self) -> list[Record]:
        return [record for runs in self.arms.values() for record in runs]

    @property
    def title(self) -> str:
        own = ", own split" if self.source == "packed" else ""
        return f"{self.dataset}{own}: {self.backbone}, {self.recipe}"

    @property
    def unit(self) -> str:
        return "validation MSE" if self.loss == "mse" else "validation error, %"

    @property
    def searched(self) -> bool:
        """Whether one arm ran several learning rates: a search, and no comparison of arms."""
        rates: dict[str, set[float]] = {}
        for record in self.records:
            rates.setdefault(record.head, set()).add(record.recipe["learning_rate"])
        return any(len(found) > 1 for found in rates.values())


def group_runs(records: Sequence[Record]) -> list[Section]:
    """Sections in the order of their names; within one, arms in the order in which they were first run."""
    members: dict[tuple, list[Record]] = {}
    for record in records:
        fixed = {name: value for name, value in record.recipe.items() if name not in _VARIED}
        place = (record.dataset, record.model["backbone"], json.dumps(fixed, sort_keys=True))
        members.setdefault(place, []).append(record)
    sections = []
    for (dataset, backbone, _), runs in sorted(members.items()):
        section = Section(dataset, runs[0].dataset_source, backbone, _words(runs[0].recipe), runs[0].loss)
        differing = _differing(runs)
        for record in runs:
            section.arms.setdefault(_label(record, differing), []).append(record)
        sections.append(section)
    return sections


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


def _label(record: Record, differing: dict[str, list[str]]) -> str:
    parts = [record.arm]
    for name in differing[record.head]:
        value = record.recipe[name] if name in _VARIED else record.model["head_arguments"].get(name)
        parts.append(f"{name.replace('_', ' ')} {value:.3g}" if isinstance(value, float) else f"{name} {value}")
    return ", ".join(parts)


def _differing(runs: Sequence[Record]) -> dict[str, list[str]]:
    """For each head what must stand in its label, since its runs here differ in it."""
    found: dict[str, dict[str, set[str]]] = {}
    for record in runs:
        arguments = {name: value for name, value in record.model["head_arguments"].items() if name != "drop_rate"}
        varied = {name: record.recipe[name] for name in ("learning_rate", "weight_decay")}
        for name, value in {**arguments, **varied}.items():
            found.setdefault(record.head, {}).setdefault(name, set()).add(json.dumps(value))
    return {head: [name for name, values in names.items() if len(values) > 1] for head, names in found.items()}
