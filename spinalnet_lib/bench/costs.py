"""Rows of cost: of every arm on every body of the study, its head against the reference's head on the same body.

A body has rows of its own, in the same unit, so that what adds up (weights, multiply-adds, time) is known for the whole
net without training each body once an arm. Peak memory does not add up: it is of the whole net.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..checks import needs
from ..heads.counting import measured_cost
from ..heads.registry import create_head
from ..models.bodies import create_backbone
from ..models.classifier import create_model
from ..models.sizes import OTHER, arm_arguments, primary_arms
from ..study.tiers import TIERS, frozen_body
from ..training.config import TrainConfig
from ..training.recipes import regression_recipe, tuned_recipe
from ..training.steps import make_optimizer, make_step
from .heads import evaluation
from .measure import compare_times, ratio_row, seconds_of
from .reports import load_bench
from .steps import training_step

if TYPE_CHECKING:
    import pandas as pd

BODY = "the body"  # in place of an arm
COUNTED = ("weights", "multiply-adds")
TIMED = ("latency, batch 1", "latency, batch 256", "training step, batch 128")
MEMORY = "peak memory of a training step, batch 8"  # of the whole net
QUANTITIES = (*COUNTED, *TIMED, MEMORY)
_PAIRS, _PAIRS_OF_BODY = 10, 3  # a body takes up to seconds, a head thousandths
_CLASSES = 10
_ENOUGH = 1024  # features for any arm, to see whether it can be built
_INPUTS = 8  # of the regressions, which have no body


def study_bodies() -> list[str]:
    """The bodies that the study's tiers train, or train heads on."""
    places = [(name, body) for tier in TIERS.values() for name in tier.datasets for body in tier.backbones(name)]
    return list(dict.fromkeys(frozen_body(*place) for place in places))


def arms_of(body: str) -> tuple[str, list[str]]:
    """The reference of a body, the head that its spine replaces, and all other arms that have sizes there."""
    primary = primary_arms(body)
    reference = "mlp" if "mlp" in primary else "linear"
    tied = ("spinal_tied",) if body == "pixels" else ()  # the regressions' net as published
    arms = []
    for arm in dict.fromkeys((*primary, *OTHER, *tied)):
        try:
            with torch.device("meta"):
                _head(body, arm, _ENOUGH)
        except (TypeError, ValueError):  # the body's spine has sizes that this arm does not take
            continue
        arms += [arm] * (arm != reference)
    return reference, arms


def cost_rows(bodies: Sequence[str] = (), pairs: int = _PAIRS) -> Iterator[dict]:
    """All rows of the study's bodies, or of some; a body whose packages are missing is named and left out."""
    for body in bodies or study_bodies():
        try:
            net = create_backbone(body)
        except ImportError as error:
            print(f"{body}: not measured, {error}")
            continue
        features = _INPUTS if body == "pixels" else net.num_features
        reference, arms = arms_of(body)
        theirs = _head(body, reference, features)
        memory = _step_memory(body, reference)
        for arm in arms:
            ours = _head(body, arm, features)
            yield from _counts(
                body, arm, reference, measured_cost(ours, (features,)), measured_cost(theirs, (features,))
            )
            for quantity, call in _timed(features, body).items():
                yield _row(body, arm, reference, quantity, compare_times("", "", call(ours), call(theirs), pairs))
            ratio = _step_memory(body, arm) / memory
            yield _row(body, arm, reference, MEMORY, ratio_row("", "", [ratio]))
        if body != "pixels":
            cost = measured_cost(net, (net.in_chans, net.image_size, net.image_size))
            yield from _counts(body, BODY, reference, cost, measured_cost(theirs, (features,)))
            for quantity, call in _timed(features, body).items():
                ratios = _body_ratios(_body_call(net, quantity), call(theirs), min(pairs, _PAIRS_OF_BODY))
                yield _row(body, BODY, reference, quantity, ratio_row("", "", ratios))


def costs_table(rows: Sequence[dict] | None = None, whole: bool = True) -> pd.DataFrame:
    """One row a body and arm: each quantity over the reference's, with its tenth and ninetieth percentile where timed.

    `rows` are those of `load_bench("costs")`, the committed ones where none are given; empty where nothing was measured
    yet. With `whole` the ratios are those of the whole net, added up from body and head; without, the head's alone.
    Peak memory is the whole net's either way.
    """
    with needs("book"):
        import pandas as pd

    rows = load_bench("costs") if rows is None else rows
    found = {(row["body"], row["arm"], row["quantity"]): row for row in rows}
    table = []
    for body, arm, reference in dict.fromkeys((row["body"], row["arm"], row["reference"]) for row in rows):
        if arm == BODY:
            continue
        line = {"body": body, "arm": arm, "reference": reference}
        for quantity in QUANTITIES:
            row, beside = found[body, arm, quantity], found.get((body, BODY, quantity))
            added = beside["ratio"] if whole and beside else 0.0
            low, ratio, high = ((row[name] + added) / (1 + added) for name in ("low", "ratio", "high"))
            line[quantity] = ratio
            line |= {f"{quantity}, low": low, f"{quantity}, high": high} if quantity in TIMED else {}
        table.append(line)
    return pd.DataFrame(table)


def _row(body: str, arm: str, reference: str, quantity: str, measured: dict) -> dict:
    names = {"name": f"{body}, {arm}: {quantity}", "peer": f"{reference} on {body}"}
    return {**measured, **names, "body": body, "arm": arm, "reference": reference, "quantity": quantity}


def _counts(body: str, arm: str, reference: str, ours, theirs) -> Iterator[dict]:
    for quantity, of in zip(COUNTED, ("weights", "macs"), strict=True):
        yield _row(body, arm, reference, quantity, ratio_row("", "", [getattr(ours, of) / getattr(theirs, of)]))


def _head(body: str, arm: str, features: int) -> nn.Module:
    """The arm with the sizes it has on this body, without dropout: its rate is a setting of the search."""
    return create_head(arm, features, _classes(body), **arm_arguments(arm, 0.0, body))


def _classes(body: str) -> int:
    return 1 if body == "pixels" else _CLASSES


def _recipe(body: str) -> TrainConfig:
    """The study's, plain: what is fast about its steps is the same for all arms, and rows of its own."""
    return regression_recipe() if body == "pixels" else replace(tuned_recipe(0.003), fast=False)


def _batch(body: str, count: int, *shape: int) -> tuple[Tensor, Tensor]:
    labels = torch.randn(count) if body == "pixels" else torch.randint(_CLASSES, (count,))
    return torch.randn(count, *shape), labels


def _timed(features: int, body: str) -> dict[str, Callable[[nn.Module], Callable[[], object]]]:
    """Of a head the call that is timed, by quantity."""
    batch = _batch(body, 128, features)
    return {
        TIMED[0]: lambda head: evaluation(head, 1, features),
        TIMED[1]: lambda head: evaluation(head, 256, features),
        TIMED[2]: lambda head: training_step(head, *batch, _recipe(body), "plain"),
    }


def _body_call(net: nn.Module, quantity: str) -> Callable[[], object]:
    """The same of a body: its features, or a step that lowers their mean square."""
    count = int(quantity.rpartition(" ")[2])
    images = torch.randn(count, net.in_chans, net.image_size, net.image_size)
    optimizer = make_optimizer(net, tuned_recipe(0.003), torch.device("cpu"))
    train = quantity == TIMED[2]

    def call() -> None:
        net.train(train)
        with torch.inference_mode(not train):
            features = net(images)
        if train:
            optimizer.zero_grad(set_to_none=True)
            features.square().mean().backward()
            optimizer.step()

    return call


def _body_ratios(body: Callable[[], object], head: Callable[[], object], pairs: int) -> list[float]:
    """Not `compare_times`: it would repeat the body as often as a head has to be."""
    body(), head()
    repeats = max(1, round(0.02 / max(seconds_of(head, 3) / 3, 1e-6)))
    return [seconds_of(body) / (seconds_of(head, repeats) / repeats) for _ in range(pairs)]


def _step_memory(body: str, arm: str) -> int:
    """Most bytes that a training step holds at once: weights, optimizer, images, and what it allocates."""
    size = {"in_chans": _INPUTS, "image_size": 1} if body == "pixels" else {}
    model = create_model(body, arm, _classes(body), **size, **arm_arguments(arm, 0.0, body)).train()
    side = model.body.image_size
    images, labels = _batch(body, 8, model.body.in_chans, side, side)
    optimizer = make_optimizer(model, _recipe(body), torch.device("cpu"))
    step = make_step(model, optimizer, _recipe(body))
    step(images, labels)  # from now on the optimizer holds what it holds
    optimizer.zero_grad(set_to_none=True)
    held = [*model.parameters(), *model.buffers(), images, labels]
    held += [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]
    return sum(tensor.nbytes for tensor in held) + _peak_bytes(lambda: step(images, labels))


def _peak_bytes(call: Callable[[], object]) -> int:
    """The most that a call has allocated and not yet freed at any time, by torch's own allocator."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or it reports its start and its end on stderr
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        call()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    now = most = 0
    for event in sorted((e for e in events if e.get("name") == "[memory]"), key=lambda event: event["ts"]):
        now += event["args"]["Bytes"]
        most = max(most, now)
    return most
