"""Where a run stands, saved so that it can go on: one npz file without pickles, replaced in one move."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..files import whole_file

_FORMAT = 1
_PLAIN = ("step", "curve", "seconds", "diverged", "redrawn")


class DamagedCheckpoint(ValueError):
    """A file that cannot be read as a checkpoint."""


def write_checkpoint(path: str | os.PathLike, key: str, plain: dict, tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Write what JSON holds, and named tensors, as the checkpoint of run `key`; an older one stays until it is on disk."""
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors}
    arrays["run"] = np.array(json.dumps({"format": _FORMAT, "key": key, **plain}))
    with whole_file(path, "wb") as file:
        np.savez(file, **arrays)


def read_checkpoint(path: str | os.PathLike, key: str) -> tuple[dict, dict[str, Tensor]] | None:
    """What `write_checkpoint` wrote, tensors on the CPU; None without a file.

    Raises DamagedCheckpoint for a file of something else, ValueError for the checkpoint of another run.
    """
    path = Path(path)
    if not path.exists():
        return None
    with damage_named(path), np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
        run = json.loads(str(arrays.pop("run")))
        found = run["format"], run["key"]
    if found != (_FORMAT, key):
        raise ValueError(f"{path} is the checkpoint of another run; give each run a file of its own, or delete it")
    return run, {name: torch.from_numpy(array) for name, array in arrays.items()}


@contextmanager
def damage_named(path: str | os.PathLike) -> Iterator[None]:
    """Whatever does not fit while a checkpoint is read is DamagedCheckpoint."""
    try:
        yield
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, EOFError, RuntimeError) as error:
        raise DamagedCheckpoint(f"{path} is no checkpoint ({error}); delete it to begin the run again") from error


@dataclass
class RunState:
    """All that changes while `train` runs, besides the model and its optimizer."""

    key: str
    generators: dict[str, torch.Generator]
    step: int = 0  # steps taken
    order: Tensor | None = None  # of this epoch's examples
    losses: list[Tensor] = field(default_factory=list)  # since the last evaluation
    curve: list[dict] = field(default_factory=list)
    seconds: float = 0.0
    diverged: bool = False
    redrawn: float = 1.0

    def save(self, path: str | os.PathLike, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Write everything to `path`, whole or not at all: an older checkpoint stays until the new one is on disk."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        write_checkpoint(path, self.key, plain, self._tensors(model, optimizer))

    def resume(self, path: str | os.PathLike, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Go back to where `path` was saved; without such a file nothing happens. ValueError if it is another run's."""
        found = read_checkpoint(path, self.key)
        if found is None:
            return
        plain, tensors = found
        with damage_named(path):
            model.load_state_dict(_under("model", tensors))
            _load_optimizer(optimizer, _under("optimizer", tensors))
            for name, generator in self.generators.items():
                generator.set_state(tensors[f"generator.{name}"])
            torch.set_rng_state(tensors["dropout.cpu"])
            if "dropout.cuda" in tensors:
                torch.cuda.set_rng_state(tensors["dropout.cuda"])
            device = next(model.parameters()).device
            self.order, self.losses = tensors["order"], list(tensors["losses"].to(device))
            for name in _PLAIN:
                setattr(self, name, plain[name])

    def _tensors(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
        for name, tensor in model.state_dict().items():
            yield f"model.{name}", tensor
        for number, state in optimizer.state_dict()["state"].items():
            for name, value in state.items():
                if value is not None:  # SGD without momentum keeps an empty place
                    yield f"optimizer.{number}.{name}", torch.as_tensor(value)
        for name, generator in self.generators.items():
            yield f"generator.{name}", generator.get_state()
        yield "dropout.cpu", torch.get_rng_state()
        if next(model.parameters()).is_cuda:
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
