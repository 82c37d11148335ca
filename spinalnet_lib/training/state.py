"""What changes while a run trains: drawn from its seed, saved by the Keeper and gone back to."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..models.weights import load_weights
from .keeper import Clock
from .runs import Run, initialise, stream
from .steps import make_optimizer


class RunState:
    """A run before its first step: weights drawn, generators seeded; torch's own generator is that of the body's dropout."""

    def __init__(self, run: Run):
        self.model, self.config = run.model, run.config
        initialise(run.model, run.seed, run.config.start)
        layout = torch.channels_last if run.config.fast else torch.preserve_format
        run.model.to(run.device, memory_format=layout)
        torch.manual_seed(stream(run.seed, "dropout"))
        self.generators = {
            "order": torch.Generator().manual_seed(stream(run.seed, "order")),
            "augmentation": torch.Generator(run.device).manual_seed(stream(run.seed, "augmentation")),
            "redraw": torch.Generator().manual_seed(stream(run.seed, "redraw")),
            "head dropout": run.head_dropout,
        }
        self.optimizer = make_optimizer(run.model, run.config, run.device)
        self.step = 0  # steps taken
        self.order = torch.zeros(0, dtype=torch.long)  # of this epoch's examples
        self.losses: list[Tensor] = []  # since the last evaluation
        self.curve: list[dict] = []
        self.redrawn = 1.0
        self.clock = Clock()

    @property
    def learning_rate(self) -> float:
        """The recipe's, before its schedule; the published scripts' rule draws another one now and then."""
        return self.config.learning_rate * self.redrawn

    def add(self, point: dict) -> None:
        """Add a point to the curve. Under "redraw" a test error that has not fallen draws another learning rate."""
        before = [earlier["test_error"] for earlier in self.curve] if self.config.schedule == "redraw" else []
        self.curve.append(point)
        self.losses = []
        if before and point["test_error"] >= min(before):
            drawn = torch.rand((), generator=self.generators["redraw"]).item()
            self.redrawn = drawn**self.config.redraw_power

    def saved(self) -> tuple[dict, Iterator[tuple[str, Tensor]]]:
        return {"step": self.step, "curve": self.curve, "redrawn": self.redrawn}, self._tensors()

    def restore(self, plain: dict, tensors: dict[str, Tensor]) -> None:
        load_weights(self.model, _under("model", tensors))
        _load_optimizer(self.optimizer, _under("optimizer", tensors))
        for name, generator in self.generators.items():
            generator.set_state(tensors[f"generator.{name}"])
        torch.set_rng_state(tensors["dropout.cpu"])
        device = next(self.model.parameters()).device
        if device.type == "cuda":
            torch.cuda.set_rng_state(tensors["dropout.cuda"])
        self.order, self.losses = tensors["order"], list(tensors["losses"].to(device))
        self.step, self.curve, self.redrawn = plain["step"], plain["curve"], plain["redrawn"]

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, tensor in self.model.state_dict().items():
            yield f"model.{name}", tensor
        for number, state in self.optimizer.state_dict()["state"].items():
            for name, value in state.items():
                if value is not None:  # SGD without momentum keeps an empty place
                    yield f"optimizer.{number}.{name}", torch.as_tensor(value)
        for name, generator in self.generators.items():
            yield f"generator.{name}", generator.get_state()
        yield "dropout.cpu", torch.get_rng_state()
        if next(self.model.parameters()).is_cuda:
            yield "dropout.cuda", torch.cuda.get_rng_state()
        yield "order", self.order
        yield "losses", torch.stack(self.losses) if self.losses else torch.zeros(0)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, entry = name.split(".", 1)
        state.setdefault(int(number), {})[entry] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    for parameter, loaded in optimizer.state.items():
        for entry, value in loaded.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                # Laid out in memory as the weight is, channels last or not: fused optimizers refuse another layout.
                loaded[entry] = torch.empty_like(parameter).copy_(value)
