"""One optimiser step, plain or fast: on a GPU the fast one is recorded as a CUDA graph and replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..heads.base import Layer
from ..heads.dropout import cheap_dropout
from ..models.pooling import fast_pooling
from .config import TrainConfig

Step = Callable[[Tensor, Tensor], Tensor]  # images and labels to the loss before the step


def make_optimizer(model: nn.Module, config: TrainConfig, device: torch.device) -> torch.optim.Optimizer:
    """The recipe's optimizer over the weights that are trained."""
    parameters = _groups(model, config)
    captured = config.fast and device.type == "cuda"
    # A graph reads its learning rate from memory, where each step writes it; of SGD only the fused kernel can.
    rate = torch.tensor(config.learning_rate, device=device) if captured else config.learning_rate
    for group in parameters if config.body_learning_rate else ():
        group["lr"] = rate.clone() if captured else rate
    options = {"weight_decay": config.weight_decay, "fused": True if captured else None}
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, config.momentum, **options)
    cls = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return cls(parameters, rate, capturable=captured, **options)


def _groups(model: nn.Module, config: TrainConfig) -> list:
    """The weights that are trained, or groups of them where the body has a rate of its own: `scale` is its share of the head's."""
    if config.body_learning_rate is None:
        return [p for p in model.parameters() if p.requires_grad]
    scales = ((model.body, config.body_learning_rate / config.learning_rate), (model.head, 1.0))
    groups = [{"params": [p for p in part.parameters() if p.requires_grad], "scale": scale} for part, scale in scales]
    return [group for group in groups if group["params"]]


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        own = rate * group.get("scale", 1.0)
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(own)
        else:
            group["lr"] = own


@contextmanager
def frozen_parts(model: nn.Module, config: TrainConfig) -> Iterator[None]:
    """Within it only the recipe's trainable parts have gradients."""
    names = {"all": ("",), "head": ("head",)}.get(config.trainable, config.trainable)
    frozen = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and not any(not part or f"{name}.".startswith(f"{part}.") for part in names)
    ]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)


def to_training_mode(model: nn.Module) -> None:
    """Training mode, but for parts whose weights are all frozen: there norms keep their statistics, and nothing is dropped."""
    model.train()
    for module in model.modules():
        weights = list(module.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            module.eval()


def make_step(model: nn.Module, optimizer: torch.optim.Optimizer, config: TrainConfig) -> Step:
    """The function that takes one step on a batch and gives the loss before it."""
    loss_of = LOSS_FUNCTIONS[config.loss]

    def fast_forward(images: Tensor) -> Tensor:
        # Weights are cast anew each time: a graph must not replay with casts of another step.
        with torch.autocast(images.device.type, torch.bfloat16, enabled=images.is_cuda, cache_enabled=False):
            return model(images.contiguous(memory_format=torch.channels_last)).float()

    forward = fast_forward if config.fast else model

    def step(images: Tensor, labels: Tensor) -> Tensor:
        loss = loss_of(forward(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    captured = config.fast and next(model.parameters()).is_cuda
    return CapturedStep(step, model, optimizer) if captured else step


def squared_error(outputs: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    """Of one output an example: `(N, 1)` and `(N,)`, which must not broadcast to `(N, N)`."""
    return F.mse_loss(outputs[:, 0], labels, reduction=reduction)


LOSS_FUNCTIONS = {"cross_entropy": F.cross_entropy, "mse": squared_error}


def fast_ways(model: nn.Module, config: TrainConfig, device: torch.device) -> AbstractContextManager:
    """Within it the model has what makes its steps fast on this device; in a plain run only what changes no bit of them."""
    if device.type == "cuda":
        return without_idle_gradients(model) if config.fast else nullcontext()
    return cheap_dropout(model.head) if config.fast else fast_pooling(model.body)


@contextmanager
def without_idle_gradients(model: nn.Module) -> Iterator[None]:
    """Within it, no gradient of the biases of `idle_biases`: on a GPU they take a sixth of a step of VGG-5."""
    trained = [bias for bias in idle_biases(model) if bias.requires_grad]
    for bias in trained:
        bias.requires_grad_(False)
    try:
        yield
    finally:
        for bias in trained:
            bias.requires_grad_(True)


def idle_biases(model: nn.Module) -> list[nn.Parameter]:
    """Biases whose layer's output goes into a BatchNorm only: it subtracts the mean, and the bias with it."""
    return [
        first.bias
        for chain in model.modules()
        if isinstance(chain, (nn.Sequential, Layer))
        for first, second in pairwise(chain.children())
        if isinstance(first, (nn.Conv2d, nn.Linear)) and isinstance(second, nn.modules.batchnorm._BatchNorm)
        if first.bias is not None
    ]


class CapturedStep:
    """A step as a CUDA graph: recorded for the first batch, replayed for each batch of that size, else run plainly.

    Launching some hundred small kernels one by one takes a GPU longer than running them. Source: PyTorch's notes on
    CUDA graphs (warm-up on a side stream, static inputs, capturable optimizer).
    """

    def __init__(self, step: Step, model: nn.Module, optimizer: torch.optim.Optimizer):
        self.step, self.model, self.optimizer = step, model, optimizer
        self.graph = None

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        if self.graph is None:
            self._record(images, labels)
        if images.shape != self.images.shape:  # the last batch of an epoch
            return self.step(images, labels)
        self.images.copy_(images)
        self.labels.copy_(labels)
        self.graph.replay()
        return self.loss.clone()

    def _record(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images.clone(), labels.clone()
        state = self._state()
        before = {name: tensor.clone() for name, tensor in state.items()}
        random = torch.cuda.get_rng_state(images.device)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.step(self.images, self.labels)
        torch.cuda.current_stream().wait_stream(stream)
        self.optimizer.zero_grad(set_to_none=True)
        torch.cuda.set_rng_state(random, images.device)
        self.graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(self.graph):
                self.loss = self.step(self.images, self.labels)
        except BaseException:
            # The generator still believes that a graph is being recorded, and would refuse every later draw.
            generator = torch.cuda.default_generators[images.device.index or 0]
            generator.graphsafe_set_state(generator.clone_state())
            raise
        with torch.no_grad():  # the warm-up is undone: what was there before, and zeros where there was nothing
            for name, tensor in self._state().items():
                tensor.copy_(before[name]) if name in before else tensor.zero_()

    def _state(self) -> dict[str, Tensor]:
        state = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for number, parameter in enumerate(self.model.parameters()):
            for name, value in self.optimizer.state.get(parameter, {}).items():
                if isinstance(value, Tensor):
                    state[f"optimizer.{number}.{name}"] = value
        return state
