"""`train_stacked`: many heads on the same features in one loop: all seeds, and the tuning grid with them.

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
from torch.nn import functional as F

from ...data.splits import DataSet, Split
from ...models.classifier import Classifier
from ...records.record import Record
from ..config import TrainConfig, schedule
from ..evaluation import class_point, class_results, point_at
from ..keeper import Clock, Keeper
from ..progress import Progress
from ..runs import Run, initialise, stream
from .heads import StackedHeads, check_stackable
from .optimizer import OF_A_MEMBER, StackedOptimizer, member_setting


@dataclass
class Member:
    """One run of a stack: a classifier whose body only flattens, a recipe with `stacked=True`, and a seed."""

    model: Classifier
    config: TrainConfig
    seed: int


def train_stacked(
    data: DataSet,
    members: Sequence[Member],
    device: torch.device | str | None = None,
    progress: bool = True,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_seconds: float = 60.0,
    time_limit: float | None = None,
) -> list[Record]:
    """Train all members on the features of `data` at once; their records, in the order of the members.

    Members have one kind and shape of head and one recipe but for learning rate, weight decay, momentum and dropout rates. A
    record's `seconds` are its share of the stack's. A member that diverges ends; the others go on. Raises ValueError for
    members that do not fit together, and for a head or body that cannot be stacked, before anything is drawn.

    `checkpoint`, `checkpoint_seconds` and `time_limit` are those of `train`; the file is of all members together.
    """
    keeper = Keeper("train_stacked", checkpoint, checkpoint_seconds, time_limit)
    given = [Run(member.model, data, member.config, member.seed, device) for member in members]
    _check_stack(given)
    runs = sorted(given, key=lambda run: member_setting(run.config))  # equal recipes are neighbours
    first = runs[0]
    config, n_steps, steps_per_epoch = first.config, first.n_steps, first.steps_per_epoch
    features, val, test = (None if split is None else _features(split) for split in first.splits())
    key = hashlib.sha256("".join(run.key for run in runs).encode()).hexdigest()
    stack = keeper.resume(key, lambda: _Stack(runs))
    bar = Progress(stack.step, n_steps, progress, f"{len(runs)} × {first.model.arguments['head']}")
    stack.clock.start()
    for step in bar:
        position = step % steps_per_epoch
        if position == 0:
            stack.draw_order(len(data.train))
        index = stack.order[:, position * config.batch_size : (position + 1) * config.batch_size]
        stack.take_step(*features, index, schedule(config, step, n_steps, steps_per_epoch))
        stack.step = step + 1
        if stack.step in first.evaluate_after:
            losses = torch.stack(stack.losses).double().mean(0).tolist()  # waits for the device
            with stack.clock.paused():
                stack.evaluate(losses, steps_per_epoch, val, test)
                bar.evaluated(stack.curves[0][-1])
            if all(map(_diverged, stack.curves)):
                break
        keeper.after_step(stack, n_steps)
    stack.heads.write_back()
    records = list(stack.records(runs, test))
    return [records[runs.index(run)] for run in given]


class _Stack:
    """All that changes while a stack trains: members of one shape, each with weights and generators of its own seed."""

    def __init__(self, runs: Sequence[Run]):
        self.device = runs[0].device
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
        batch = features.index_select(0, index.flatten()).view(*index.shape, -1)
        logits = self.heads(batch, self.dropout)
        each = F.cross_entropy(logits.flatten(0, 1), labels[index].flatten(), reduction="none")
        loss = each.view_as(index).mean(1)
        self.optimizer.step(torch.autograd.grad(loss.sum(), self.heads.weights), factor)
        self.losses.append(loss.detach())

    @torch.no_grad()
    def evaluate(self, losses: list[float], steps_per_epoch: int, val: _Labelled, test: _Labelled | None) -> None:
        """Add a point to the curve of each member that has not diverged."""
        val_logits, test_logits = self._predict(val), self._predict(test)
        for m, curve in enumerate(self.curves):
            if _diverged(curve):
                continue
            of_test = None if test is None else (test_logits[m], test[1])
            point = point_at(self.step, steps_per_epoch, losses[m])
            curve.append(point | class_point((val_logits[m], val[1]), of_test))
        self.losses = []

    @torch.no_grad()
    def records(self, runs: Sequence[Run], test: _Labelled | None) -> Iterator[Record]:
        """The members' records; each has its share of the seconds."""
        logits = self._predict(test)
        for m, (run, curve) in enumerate(zip(runs, self.curves, strict=True)):
            results = None if test is None else class_results((logits[m], test[1]), curve)
            yield run.record(curve, results, self.clock.seconds / len(runs))

    def _predict(self, split: _Labelled | None, size: int = 1000) -> Tensor | None:
        """Logits `(M, N, num_classes)`."""
        return None if split is None else torch.cat([self.heads(part) for part in split[0].split(size)], 1)

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


_Labelled = tuple[Tensor, Tensor]  # all features of a split `(N, D)`, normalised as in a batch, and their labels


def _features(split: Split) -> _Labelled:
    images, labels = split.batch(slice(None))
    return images.flatten(1), labels


def _diverged(curve: list[dict]) -> bool:
    return bool(curve) and curve[-1]["train_loss"] is None


def _check_stack(runs: Sequence[Run]) -> None:
    if not runs:
        raise ValueError("train_stacked: no member to train; pass one or more")
    first = runs[0].config
    for run in runs:
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
