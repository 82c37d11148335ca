"""`evaluate` a classifier, and what a run's record holds: points of its curve, and its results on the test set."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_int
from ..data.splits import Split
from ..records.record import pack_bits
from .config import TrainConfig


@torch.no_grad()
def evaluate(
    model: nn.Module, split: Split, device: torch.device | str | None = None, batch_size: int = 1000
) -> tuple[float, Tensor]:
    """Accuracy in [0, 1] and which examples were right, bool `(N,)` on the CPU; the model's mode is restored."""
    if not isinstance(split, Split):
        raise TypeError(f"evaluate reads a Split, got {type(split).__name__}; pass data.val, say, of load_dataset")
    check_int("evaluate", "batch_size", batch_size)
    if not len(split):
        raise ValueError("evaluate: the split has no images; pass one that has")
    logits, labels = _predict(model, split, device, batch_size)
    if labels.max() >= logits.shape[1]:
        raise ValueError(
            f"evaluate: labels run to {labels.max()}, the model gives {logits.shape[1]} logits; reset its classifier"
        )
    correct = logits.argmax(1) == labels
    return correct.double().mean().item(), correct.cpu()


@torch.no_grad()
def curve_point(
    model: nn.Module,
    config: TrainConfig,
    step: int,
    losses: list[float],
    steps_per_epoch: int,
    val: Split,
    test: Split | None,
) -> dict:
    """What a curve holds of the evaluation after `step`; `losses` are of the last steps. None is what is not finite.

    Of a regression it holds the lowest loss of an epoch's last batch, too: what the paper reports.
    """
    point = point_at(step, steps_per_epoch, math.fsum(losses) / len(losses))
    if config.loss == "mse":
        first = step - len(losses) + 1
        last_batches = [loss for number, loss in enumerate(losses, first) if number % steps_per_epoch == 0]
        point["lowest_last_batch"] = rounded(min(last_batches, default=math.inf))
        point["val_mse"] = rounded(_squared_errors(model, val).mean().item())
        if test is not None:
            point["test_mse"] = rounded(_squared_errors(model, test).mean().item())
        return point
    point |= class_point(*_predict(model, val, None, 1000))
    if test is not None:
        point["test_error"] = rounded(1 - evaluate(model, test)[0])
    return point


def point_at(step: int, steps_per_epoch: int, train_loss: float) -> dict:
    """The start of each point of a curve: where it is, and the mean training loss since the point before."""
    return {"step": step, "epoch": round(step / steps_per_epoch, 4), "train_loss": rounded(train_loss)}


def class_point(logits: Tensor, labels: Tensor) -> dict:
    """Error and loss of validation data from their logits `(N, num_classes)`."""
    return {
        "val_error": rounded((logits.argmax(1) != labels).double().mean().item()),
        "val_nll": rounded(F.cross_entropy(logits.double(), labels).item()),
    }


@torch.no_grad()
def test_results(model: nn.Module, loss: str, test: Split, curve: list[dict]) -> dict:
    """Accuracy, or squared error, three ways, never mixed up; of classes also what `last` got right."""
    if loss == "mse":
        known = [point for point in curve if None not in (point["val_mse"], point["test_mse"])] or curve[-1:]
        return {
            "last_mse": curve[-1]["test_mse"],
            "val_best_mse": min(known, key=lambda point: point["val_mse"])["test_mse"],
            "test_min_mse": min(point["test_mse"] for point in known),
        }
    return class_results(*_predict(model, test, None, 1000), curve)


def class_results(logits: Tensor, labels: Tensor, curve: list[dict]) -> dict:
    """The results of classes from logits `(N, num_classes)` after the last step, and the points of the curve."""
    probabilities = logits.double().softmax(1)
    correct = logits.argmax(1) == labels
    return {
        "last": rounded(correct.double().mean().item()),
        "val_best": rounded(1 - min(curve, key=lambda point: point["val_error"])["test_error"]),
        "test_max": rounded(1 - min(point["test_error"] for point in curve)),
        "nll": rounded(F.cross_entropy(logits.double(), labels).item()),
        "brier": rounded((probabilities - F.one_hot(labels, probabilities.shape[1])).square().sum(1).mean().item()),
        "correct": pack_bits(correct.cpu().numpy()),
    }


def _predict(
    model: nn.Module, split: Split, device: torch.device | str | None, batch_size: int
) -> tuple[Tensor, Tensor]:
    device = torch.device(device) if device is not None else next(model.parameters(), torch.empty(0)).device
    modes = {module: module.training for module in model.modules()}
    split = split.seen_by(model).to(device)
    batch_size = min(batch_size, getattr(getattr(model, "body", None), "at_once", batch_size))
    try:
        model.eval()
        logits = [model(split.batch(slice(i, i + batch_size))[0]) for i in range(0, len(split), batch_size)]
    finally:
        for module, mode in modes.items():  # each its own: a caller may have frozen a part
            module.training = mode
    return torch.cat(logits), split.labels


def _squared_errors(model: nn.Module, split: Split) -> Tensor:
    outputs, labels = _predict(model, split, None, 1000)
    return (outputs[:, 0].double() - labels.double()).square()


def rounded(value: float) -> float | None:
    """Six decimals; None for what JSON has no number for."""
    return round(value, 6) if math.isfinite(value) else None
