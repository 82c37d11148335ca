"""`train_stacked`: many heads of one shape in one loop: all seeds, and the tuning grid with them.

A member is equal to the run that `train` would make of it alone, up to the rounding of sums in another order: its weights,
data order and dropout masks come from the same streams of its seed. (On a GPU the masks are other draws of the same kind.)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...data.splits import DataSet, Split
from ...models.classifier import Classifier
from ...records.record import Record
from ..config import TrainConfig, schedule
from ..evaluation import Predicted, point_of, results_of
from ..keeper import Clock, Keeper
from ..progress import Progress
from ..runs import Run, initialise, stream
from ..steps import LOSS_FUNCTIONS
from .heads import StackedHeads, check_stackable
from .optimizer import OF_A_MEMBER, StackedOptimizer, member_setting


@dataclass
class Member:
    """One run of a stack: a classifier whose body only flattens, a recipe with `stacked=True`, and a seed."""

    model: Classifier
    config: TrainConfig
    seed: int


def train_stacked(
    data: DataSet | Sequence[DataSet],
    members: Sequence[Member],
    device: torch.device | str | None = None,
    progress: bool = True,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_seconds: float = 60.0,
    time_limit: float | None = None,
) -> list[Record]:
    """Train all members at once on the features of `data`, one set for all or one a member; records in the members' order.

    Members have one kind and shape of head and one recipe but for learning rate, weight decay, momentum and dropout rates. A
    record's `seconds` are its share of the stack's. A member that diverges ends; the others go on. Raises ValueError for
    members that do not fit together, and for a head or body that cannot be stacked, before anything is drawn.

    `checkpoint`, `checkpoint_seconds` and `time_limit` are those of `train`; the file is of all members together.
    """
    keeper = Keeper("train_stacked", checkpoint, checkpoint_seconds, time_limit)
    sets = [data] * len(members) if isinstance(data, DataSet) else list(data)
    if len(sets) != len(members):
        raise ValueError(f"train_stacked: {len(sets)} sets for {len(members)} members; pass one set, or one a member")
    given = [
        Run(member.model, own, member.config, member.seed, device) for member, own in zip(members, sets, strict=True)
    ]
    _check_stack(given)
    runs = sorted(given, key=lambda run: member_setting(run.config))  # equal recipes are neighbours
    first = runs[0]
    config, n_steps, steps_per_epoch = first.config, first.n_steps, first.steps_per_epoch
    train, val, test = _features(runs)
    key = hashlib.sha256("".join(run.key for run in runs).encode()).hexdigest()
    stack = keeper.resume(key, lambda: _Stack(runs))
    bar = Progress(stack.step, n_steps, progress, f"{len(runs)} × {first.model.arguments['head']}")
    stack.clock.start()
    for step in bar:
        position = step % steps_per_epoch
        if position == 0:
            stack.draw_order(len(first.data.train))
        index = stack.order[:, position * config.batch_size : (position + 1) * config.batch_size]
        stack.take_step(*train, index, schedule(config, step, n_steps, steps_per_epoch))
        stack.step = step + 1
        if stack.step in first.evaluate_after:
            losses = torch.stack(stack.losses, 1).tolist()  # waits for the device
            with stack.clock.paused():
                stack.evaluate(losses, steps_per_epoch, val, test)
                bar.evaluated(stack.curves[0][-1])
            if all(map(_diverged, stack.curves)):
                break
        keeper.after_step(stack, n_steps)
    stack.heads.write_back()
    for run in runs:
        run.model.note_weights("head")
    records = list(stack.records(runs, test))
    return [records[runs.index(run)] for run in given]


class _Stack:
    """All that changes while a stack trains: members of one shape, each with weights and generators of its own seed."""

    def __init__(self, runs: Sequence[Run]):
        self.device, self.loss = runs[0].device, runs[0].config.loss
        for run in runs:
            initialise(run.model, run.seed)
            run.model.to(self.device)
        self.heads = StackedHeads([run.model.head for run in runs])
        self.optimizer = StackedOptimizer(self.heads.weights, [run.config for run in runs])
        self.orders = [torch.Generator().manual_seed(stream(run.seed, "order")) for run in runs]
        self.dropout = [run.head_dropout for run in runs]
        self.step = 0  # steps taken
        self.order = torch.zeros(0, dtype=torch.long)  # of this epoch's examples, a row a member
        self.losses: list[Tensor] = []  # since the last evaluation
        self.curves: list[list[dict]] = [[] for _ in runs]
        self.clock = Clock()

    def draw_order(self, count: int) -> None:
        self.order = torch.stack([torch.randperm(count, generator=g) for g in self.orders]).to(self.device)

    def take_step(self, features: Tensor, labels: Tensor, index: Tensor, factor: float) -> None:
        """A step of each member on its own examples `index` `(M, B)`, at `factor` times its learning rate."""
        if len(features) > 1:  # each member's examples stand behind those of the one before
            index = index + len(labels[0]) * torch.arange(len(labels), device=index.device)[:, None]
        batch = features.flatten(0, 1).index_select(0, index.flatten()).view(*index.shape, -1)
        outputs, wanted = self.heads(batch, self.dropout).flatten(0, 1), labels.flatten()[index.flatten()]
        loss = LOSS_FUNCTIONS[self.loss](outputs, wanted, reduction="none").view_as(index).mean(1)
        self.optimizer.step(torch.autograd.grad(loss.sum(), self.heads.weights), factor)
        self.losses.append(loss.detach())

    @torch.no_grad()
    def evaluate(self, losses: list[list[float]], steps_per_epoch: int, val: _Labelled, test: _Labelled | None) -> None:
        """Add a point to the curve of each member that has not diverged; `losses` are its own since the last one."""
        of_members = zip(self.curves, losses, self._predict(val), self._predict(test), strict=True)
        for curve, own, of_val, of_test in of_members:
            if not _diverged(curve):
                curve.append(point_of(self.loss, self.step, own, steps_per_epoch, of_val, of_test))
        self.losses = []

    @torch.no_grad()
    def records(self, runs: Sequence[Run], test: _Labelled | None) -> Iterator[Record]:
        """The members' records; each has its share of the seconds."""
        for run, curve, of_test in zip(runs, self.curves, self._predict(test), strict=True):
            results = None if test is None else results_of(self.loss, of_test, curve)
            yield run.record(curve, results, self.clock.seconds / len(runs))

    def _predict(self, split: _Labelled | None, size: int = 1000) -> list[Predicted | None]:
        """Each member's logits `(N, num_classes)` and labels."""
        if split is None:
            return [None] * len(self.curves)
        features, labels = split
        logits = torch.cat([self.heads(part) for part in features.split(size, 1)], 1)
        return list(zip(logits, labels.expand(len(logits), -1), strict=True))

    def saved(self) -> tuple[dict, list[tuple[str, Tensor]]]:
        losses = torch.stack(self.losses) if self.losses else torch.zeros(0, len(self.curves))
        generators = [(name, generator.get_state()) for name, generator in self._generators()]
        tensors = [("order", self.order), ("losses", losses), *self._trained(), *generators]
        return {"step": self.step, "curves": self.curves}, tensors

    @torch.no_grad()
    def restore(self, plain: dict, tensors: dict[str, Tensor]) -> None:
        self.step, self.curves = plain["step"], plain["curves"]
        self.order, self.losses = tensors["order"].to(self.device), list(tensors["losses"].to(self.device))
        for name, tensor in self._trained():
            tensor.copy_(tensors[name])
        for name, generator in self._generators():
            generator.set_state(tensors[name])

    def _trained(self) -> Iterator[tuple[str, Tensor]]:
        """Everything that a step changes in place."""
        yield from ((f"weight.{i}", weight) for i, weight in enumerate(self.heads.weights))
        yield from self.optimizer.state()

    def _generators(self) -> Iterator[tuple[str, torch.Generator]]:
        for purpose, generators in (("order", self.orders), ("dropout", self.dropout)):
            yield from ((f"generator.{purpose}.{m}", generator) for m, generator in enumerate(generators))


# Features of a split as a batch has them `(M, N, D)`, and their labels `(M, N)`; M is 1 for a set that all members share.
_Labelled = tuple[Tensor, Tensor]


def _features(runs: Sequence[Run]) -> list[_Labelled | None]:
    """Of the training, validation and test split; None for a test set that is not read."""
    shared = all(run.data is runs[0].data for run in runs)
    splits = zip(*(run.splits() for run in (runs[:1] if shared else runs)), strict=True)
    return [None if split[0] is None else _stacked(split) for split in splits]


def _stacked(splits: Sequence[Split]) -> _Labelled:
    images, labels = zip(*(split.batch(slice(None)) for split in splits), strict=True)
    return torch.stack(images).flatten(2), torch.stack(labels)


def _diverged(curve: list[dict]) -> bool:
    return bool(curve) and curve[-1]["train_loss"] is None


def _sizes(run: Run) -> list[int]:
    return [len(part) for part in (run.data.train, run.data.val, run.data.test)]


def _check_stack(runs: Sequence[Run]) -> None:
    if not runs:
        raise ValueError("train_stacked: no member to train; pass one or more")
    first = runs[0].config
    sizes = _sizes(runs[0])
    for run in runs:
        if _sizes(run) != sizes:
            raise ValueError(
                f"train_stacked: members' sets have splits of one size, got {_sizes(run)} beside {sizes}; "
                "stack those of a size apart"
            )
        shared = replace(run.config, **{name: getattr(first, name) for name in OF_A_MEMBER})
        if not run.config.stacked or shared != first:
            raise ValueError(
                f"train_stacked: members have stacked=True and one recipe but for {', '.join(OF_A_MEMBER)}, got {run.config} "
                f"beside {first}; stack those of a recipe apart"
            )
        if any(True for _ in run.model.body.parameters()):
            raise ValueError(
                f"train_stacked trains heads on features, the body {run.model.body.name!r} has weights of its own; "
                "extract its features first, or use train"
            )
    check_stackable([run.model.head for run in runs])
