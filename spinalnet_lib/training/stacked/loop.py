"""`train_stacked`: many heads on the same features in one loop: all seeds, and the tuning grid with them.

A member is equal to the run that `train` would make of it alone, up to the rounding of sums in another order: its weights,
data order and dropout masks come from the same streams of its seed. (On a GPU the masks are other draws of the same kind.)
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from ...data.splits import DataSet, Split
from ...machine import OutOfTime, pick_device
from ...models.classifier import Classifier
from ...records.record import Record
from ..checkpoints import damage_named, read_checkpoint, write_checkpoint
from ..config import TrainConfig, schedule
from ..evaluation import class_point, class_results, rounded
from ..progress import Progress
from ..runs import check_run, check_saving, initialise, make_record, plan_steps, run_costs, run_key, stream
from .heads import StackedHeads, check_stackable
from .optimizer import OF_A_MEMBER, StackedOptimizer, member_setting

_PLAIN = ("step", "curves", "diverged", "seconds")


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
    called = time.monotonic()
    members = list(members)
    _check_members(data, members)
    check_saving("train_stacked", checkpoint, checkpoint_seconds, time_limit)
    device = pick_device(device)
    order = sorted(range(len(members)), key=lambda i: member_setting(members[i].config))  # equal recipes are neighbours
    run = _StackedRun(data, [members[i] for i in order], device)
    end = None if time_limit is None else called + time_limit
    run.train(progress, checkpoint, checkpoint_seconds, end)
    records = run.records()
    return [records[order.index(i)] for i in range(len(members))]


class _StackedRun:
    def __init__(self, data: DataSet, members: list[Member], device: torch.device):
        self.data, self.members, self.device = data, members, device
        self.config = members[0].config
        self.keys = [run_key(member.model, data, member.config, member.seed, device) for member in members]
        for member in members:
            initialise(member.model, member.seed)
            member.model.to(device)
        self.heads = StackedHeads([member.model.head for member in members])
        self.optimizer = StackedOptimizer(self.heads.weights, [member.config for member in members])
        self.orders = [torch.Generator().manual_seed(stream(member.seed, "order")) for member in members]
        self.dropout = [torch.Generator(device).manual_seed(stream(member.seed, "dropout")) for member in members]
        self.step = 0  # steps taken
        self.order: Tensor | None = None  # of this epoch's examples, a row a member
        self.losses: list[Tensor] = []  # since the last evaluation
        self.curves: list[list[dict]] = [[] for _ in members]
        self.diverged = [False] * len(members)
        self.seconds = 0.0

    def train(
        self, progress: bool, checkpoint: str | os.PathLike | None, checkpoint_seconds: float, end: float | None
    ) -> None:
        config, split = self.config, self.data.train.to(self.device)
        features, labels = _features(split)
        per_epoch, n_steps, evaluate_after = plan_steps(config, len(split))
        val = _features(self.data.val.to(self.device))
        self.test = _features(self.data.test.to(self.device)) if config.read_test else None
        if checkpoint is not None:
            self._resume(checkpoint)
        start = saved = time.perf_counter()
        label = f"{len(self.members)} × {self.members[0].model.arguments['head']}"
        bar = Progress(self.step, n_steps, progress, label)
        for step in bar:
            position = step % per_epoch
            if position == 0:
                self.order = torch.stack([torch.randperm(len(split), generator=g) for g in self.orders])
                self.order = self.order.to(self.device)
            index = self.order[:, position * config.batch_size : (position + 1) * config.batch_size]
            batch = features.index_select(0, index.flatten()).view(*index.shape, -1)
            logits = self.heads(batch, self.dropout)
            loss = (
                F.cross_entropy(logits.flatten(0, 1), labels[index].flatten(), reduction="none").view_as(index).mean(1)
            )
            gradients = torch.autograd.grad(loss.sum(), self.heads.weights)
            self.optimizer.step(gradients, schedule(config, step, n_steps))
            self.losses.append(loss.detach())
            self.step = step + 1
            if self.step in evaluate_after:
                means = torch.stack(self.losses).double().mean(0).tolist()  # waits for the device
                self.seconds += time.perf_counter() - start
                self._add_points(self.step, per_epoch, means, val)
                bar.evaluated(self.curves[0][-1])
                self.losses = []
                if all(self.diverged):
                    break
                start = time.perf_counter()
            out_of_time = end is not None and time.monotonic() > end and self.step < n_steps
            if out_of_time or (checkpoint is not None and time.perf_counter() - saved > checkpoint_seconds):
                self.seconds += time.perf_counter() - start
                self._save(checkpoint)
                start = saved = time.perf_counter()
            if out_of_time:
                raise OutOfTime(f"time was up after step {self.step} of {n_steps}; the runs go on from {checkpoint}")

    @property
    def _key(self) -> str:
        return hashlib.sha256("".join(self.keys).encode()).hexdigest()

    def _save(self, path: str | os.PathLike) -> None:
        plain = {name: getattr(self, name) for name in _PLAIN}
        losses = torch.stack(self.losses) if self.losses else torch.zeros(0, len(self.members))
        tensors = [("order", self.order), ("losses", losses), *self._state()]
        tensors += [(name, generator.get_state()) for name, generator in self._generators()]
        write_checkpoint(path, self._key, plain, tensors)

    def _resume(self, path: str | os.PathLike) -> None:
        found = read_checkpoint(path, self._key)
        if found is None:
            return
        plain, tensors = found
        with damage_named(path), torch.no_grad():
            for name in _PLAIN:
                setattr(self, name, plain[name])
            self.order, self.losses = tensors["order"].to(self.device), list(tensors["losses"].to(self.device))
            for name, tensor in self._state():
                tensor.copy_(tensors[name])
            for name, generator in self._generators():
                generator.set_state(tensors[name])

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        """Everything that a step changes in place."""
        yield from ((f"weight.{i}", weight) for i, weight in enumerate(self.heads.weights))
        yield from self.optimizer.state()

    def _generators(self) -> Iterator[tuple[str, torch.Generator]]:
        for purpose, generators in (("order", self.orders), ("dropout", self.dropout)):
            yield from ((f"generator.{purpose}.{m}", generator) for m, generator in enumerate(generators))

    @torch.no_grad()
    def _add_points(self, step: int, per_epoch: int, losses: list[float], val: tuple[Tensor, Tensor]) -> None:
        val_logits = self._predict(val[0])
        test_logits = self._predict(self.test[0]) if self.test else None
        for m, curve in enumerate(self.curves):
            if self.diverged[m]:
                continue
            point = {"step": step, "epoch": round(step / per_epoch, 4), "train_loss": rounded(losses[m])}
            point |= class_point(val_logits[m], val[1])
            if self.test:
                wrong = test_logits[m].argmax(1) != self.test[1]
                point["test_error"] = rounded(wrong.double().mean().item())
            curve.append(point)
            self.diverged[m] = point["train_loss"] is None

    @torch.no_grad()
    def _predict(self, features: Tensor, size: int = 1000) -> Tensor:
        """Logits `(M, N, num_classes)`."""
        return torch.cat([self.heads(part) for part in features.split(size)], 1)

    def records(self) -> list[Record]:
        self.heads.write_back()
        logits = self._predict(self.test[0]) if self.test else None
        costs = run_costs(self.members[0].model)  # all members have one shape
        records = []
        for m, member in enumerate(self.members):
            results = class_results(logits[m], self.test[1], self.curves[m]) if self.test else None
            share = self.seconds / len(self.members)
            about = (member.model, self.data, member.config, member.seed, self.device, self.keys[m], costs)
            records.append(make_record(*about, self.curves[m], self.diverged[m], results, share))
        return records


def _features(split: Split) -> tuple[Tensor, Tensor]:
    """All features of a split, normalised as in a batch, and their labels."""
    images, labels = split.batch(slice(None))
    return images.flatten(1), labels


def _check_members(data: DataSet, members: list[Member]) -> None:
    if not members:
        raise ValueError("train_stacked: no member to train; pass one or more")
    first = members[0].config
    for member in members:
        check_run(member.model, data, member.config)
        shared = replace(member.config, **{name: getattr(first, name) for name in OF_A_MEMBER})
        if not member.config.stacked or shared != first:
            raise ValueError(
                f"train_stacked: members have stacked=True and one recipe but for {', '.join(OF_A_MEMBER)}, got {member.config} "
                f"beside {first}; stack those of a recipe apart"
            )
        if any(True for _ in member.model.body.parameters()):
            raise ValueError(
                f"train_stacked trains heads on features, the body {member.model.body.name!r} has weights of its own; "
                "extract its features first, or use train"
            )
    check_stackable([member.model.head for member in members])
