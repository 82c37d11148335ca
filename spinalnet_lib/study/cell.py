"""A run that a sweep is to make: which head on which data with which recipe and seed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..records.record import run_setup
from ..training.config import TrainConfig, describe_recipe


@dataclass(frozen=True)
class Cell:
    """One run to be made: everything but the data's content and the machine."""

    dataset: str
    backbone: str
    head: str
    seed: int
    config: TrainConfig
    head_arguments: dict = field(default_factory=dict, hash=False)
    tuning_id: str | None = None
    size: int | None = None  # side in pixels of photographs, by default their card's
    cut_seed: int | None = None  # of the images held out for validation; None: the set's fixed cut
    train_per_class: int | None = None  # images to train on; None: all that are not held out
    val_per_class: int | None = None  # of the images held out; None: all

    @property
    def stack(self) -> tuple:
        """What stacked cells have in common that can be trained together."""
        sizes = {name: value for name, value in self.head_arguments.items() if name != "drop_rate"}
        recipe = replace(self.config, **dict.fromkeys(("learning_rate", "weight_decay"), 1.0))
        data = self.dataset, self.size, self.cut_seed, self.train_per_class, self.val_per_class
        return *data, self.backbone, self.head, json.dumps(sizes, sort_keys=True), recipe

    @cached_property
    def setup(self) -> tuple:
        """What its record will have as `Record.setup`."""
        recipe = describe_recipe(self.config)
        cut = self.cut_seed, self.train_per_class
        return run_setup(self.dataset, self.backbone, self.head, self.head_arguments, recipe, self.seed, *cut)

    def describe(self) -> str:
        """In one line, with all that sets it apart from its neighbours."""
        sizes = ", ".join(f"{name} {_short(value)}" for name, value in self.head_arguments.items())
        head = f"{self.head} ({sizes})" if sizes else self.head
        return f"{self.dataset}, {self.backbone} + {head}, rate {self.config.learning_rate:.3g}, seed {self.seed}"


def _short(value) -> str:
    """A rate for each of thirty layers by its ends."""
    return f"{value[0]} … {value[-1]}" if isinstance(value, list) and len(value) > 9 else str(value)
