"""`evaluate` a classifier, and what a run's record holds: points of its curve, and its results on the test set."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_int
from ..data.splits import Split
from ..heads.theory import layer_gradient_norms
from ..models.classifier import Classifier
from ..records.record import pack_bits
from .config import TrainConfig

Predicted = tuple[Tensor, Tensor]  # logits `(N, num_classes)` of a split's images, and their labels `(N,)`


@torch.no_grad()
def evaluate(
    model: nn.Module, split: Split, device: torch.device | str | None = None, batch_size: int | None = None
) -> tuple[float, Tensor]:
    """Accuracy in [0, 1] and which examples were right, bool `(N,)` on the CPU; the model's mode is restored.

    Unless `batch_size` is given, it is the body's `at_once`, 1000 for most.
    """
    if not isinstance(split, Split):
        raise TypeError(f"evaluate reads a Split, got {type(split).__name__}; pass data.val, say, of load_dataset")
    if batch_size is not None:
        check_int("evaluate", "batch_size", batch_size)
    if not len(split):
        raise ValueError("evaluate: the split has no images; pass one that has")
    if split.labels.is_floating_point():
        raise ValueError(
            "evaluate counts right classes, the split has float labels; a record says a regression's error"
        )
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
    train: Split,
    val: Split,
    test: Split | None,
) -> dict:
    """What a curve holds of the evaluation after `step`; `losses` are of the last steps. None is what is not finite."""
    predicted = _predict(model, val), None if test is None else _predict(model, test)
    point = point_of(config.loss, step, losses, steps_per_epoch, *predicted)
    return point | ({"gradient_norms": gradient_norms(model, train)} if config.gradient_norms else {})


GRADIENT_IMAGES = 1000  # of which the mean loss's gradient is taken


def gradient_norms(model: Classifier, train: Split) -> list[float | None]:
    """Norm of the training loss's gradient by the weights of each hidden Linear of the head, first layer first.

    The loss is the mean cross entropy of the first `GRADIENT_IMAGES` training images, without dropout and warps. In
    float64, as a deep head's first gradient can be too small for float32. None is what is not finite. Raises TypeError
    for a head that `layer_gradient_norms` does not read.
    """
    images, labels = train.batch(slice(GRADIENT_IMAGES))
    twin = copy.deepcopy(model).double().eval()
    with torch.no_grad():
        features = twin.forward_features(images.double())
    norms = layer_gradient_norms(twin.head, features, labels)
    return [float(f"{norm:.6g}") if math.isfinite(norm) else None for norm in norms]


def point_of(
    loss: str, step: int, losses: list[float], steps_per_epoch: int, val: Predicted, test: Predicted | None
) -> dict:
    """A point of a curve: where it is, the mean training loss since the point before, errors on validation and test data.

    Of a regression it holds the lowest loss of an epoch's last batch, too: what the paper reports.
    """
    mean = math.fsum(losses) / len(losses) if losses else math.inf
    point = {"step": step, "epoch": round(step / steps_per_epoch, 4), "train_loss": rounded(mean)}
    if loss == "mse":
        first = step - len(losses) + 1
        last_batches = [each for number, each in enumerate(losses, first) if number % steps_per_epoch == 0]
        point |= {"lowest_last_batch": rounded(min(last_batches, default=math.inf)), "val_mse": _squared_error(*val)}
        return point if test is None else point | {"test_mse": _squared_error(*test)}
    point |= {"val_error": _error(*val), "val_nll": _nll(*val)}
    return point if test is None else point | {"test_error": _error(*test)}


@torch.no_grad()
def test_results(model: nn.Module, loss: str, test: Split, curve: list[dict]) -> dict:
    """Accuracy, or squared error, three ways, never mixed up; of classes also what `last` got right."""
    return results_of(loss, _predict(model, test), curve)


def results_of(loss: str, test: Predicted, curve: list[dict]) -> dict:
    """What `test_results` gives, of outputs that were computed already."""
    if loss == "mse":
        known = [point for point in curve if None not in (point["val_mse"], point["test_mse"])] or curve[-1:]
        return {
            "last_mse": curve[-1]["test_mse"],
            "val_best_mse": min(known, key=lambda point: point["val_mse"])["test_mse"],
            "test_min_mse": min(point["test_mse"] for point in known),
        }
    logits, labels = test
    probabilities = logits.double().softmax(1)
    correct = logits.argmax(1) == labels
    return {
        "last": rounded(correct.double().mean().item()),
        "val_best": rounded(1 - min(curve, key=lambda point: point["val_error"])["test_error"]),
        "test_max": rounded(1 - min(point["test_error"] for point in curve)),
        "nll": _nll(logits, labels),
        "brier": rounded((probabilities - F.one_hot(labels, probabilities.shape[1])).square().sum(1).mean().item()),
        "correct": pack_bits(correct.cpu().numpy()),
    }


def _predict(
    model: nn.Module, split: Split, device: torch.device | str | None = None, batch_size: int | None = None
) -> Predicted:
    device = torch.device(device) if device is not None else next(model.parameters(), torch.empty(0)).device
    modes = {module: module.training for module in model.modules()}
    split = split.seen_by(model).to(device)
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
    size = batch_size or getattr(getattr(model, "body", None), "at_once", 1000)
    try:
        model.eval()
        logits = [model(split.batch(slice(i, i + size))[0].to(dtype=dtype)) for i in range(0, len(split), size)]
    finally:
        for module, mode in modes.items():  # each its own: a caller may have frozen a part
            module.training = mode
    return torch.cat(logits), split.labels


def _error(logits: Tensor, labels: Tensor) -> float:
    return rounded((logits.argmax(1) != labels).double().mean().item())


def _nll(logits: Tensor, labels: Tensor) -> float | None:
    return rounded(F.cross_entropy(logits.double(), labels).item())


def _squared_error(outputs: Tensor, labels: Tensor) -> float | None:
    return rounded((outputs[:, 0].double() - labels.double()).square().mean().item())


def rounded(value: float) -> float | None:
    """Six decimals; None for what JSON has no number for."""
    return round(value, 6) if math.isfinite(value) else None
