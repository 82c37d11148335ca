"""`TrainConfig`: a training recipe in full, checked when it is written down."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from ..checks import check_flag, check_int, check_name, check_number, check_rate
from ..data.augment import Augmentation

_LATER = ("steps", "warmup", "augmentation", "redraw_power", "fast", "loss", "stacked", "evaluations", "gradient_norms")
_OF_TRANSFER = ("start", "trainable", "body_learning_rate", "milestones", "statistics")
_USUAL_EPOCHS = 8
LOSSES = ("cross_entropy", "mse")
OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "redraw", "step")
STARTS = ("seed", "given")


@dataclass(frozen=True)
class TrainConfig:
    """A recipe in full. The defaults are the paper's for its 2-conv CNN (`MNIST/SpinalNet_MNIST.py`).

    `learning_rate` is per step of `batch_size` examples; "cosine" lowers it to zero over the run, after `warmup` steps
    in which it rises from zero. `steps` counts the run in steps; `epochs` is then None.
    `evals_per_epoch` sets how often validation is read; 0.1 is every ten epochs. `evaluations` counts in the whole run
    instead: so many, evenly spaced, the last after the last step. The test set stays closed unless `read_test`: then it is
    read at each evaluation too, to record what choosing the best epoch on it would have claimed.
    `augmentation` warps training images, each by its own draw.

    `fast` is the one switch for everything that speeds training up at the price of other numbers: channels-last memory;
    on a CPU the head's dropout as `CheapDropout`, whatever the head; on a GPU bfloat16 products and the step as a CUDA graph.
    `stacked` marks a run that `train_stacked` makes together with others; its numbers differ from `train`'s by rounding.
    `gradient_norms` adds a point before the first step to the curve, and to each point the norms of the gradient by the
    head's layers (`evaluation.gradient_norms`); no other number of the run changes.
    `loss` is "cross_entropy" for classes, or "mse", the mean squared error of one output against float labels.

    `start="given"` trains on from weights that were loaded, into the body (`create_model(..., pretrained=True)`), the head or
    both; what was not loaded is drawn from the seed. `trainable` is "all", "head", or the names of the parts that are trained,
    such as ("head", "body.layers.9"); the others keep their weights, and their norms their running statistics.
    `body_learning_rate` is the body's, with the same schedule; None is that of the head.
    `statistics` are mean and standard deviation of the channels, of images in [0, 1], by which images are normalised; None
    is what the body was trained with, and for a body that was not trained before, the data's own.

    "step" multiplies the rate by the factor of the last of the `milestones` that was reached, pairs of an epoch, counted
    from 0, and a factor on `learning_rate`; `step_milestones` writes them.

    "redraw" is the published scripts' rule for the learning rate, kept to show its bias: whenever the *test* error has
    not fallen, the rate becomes `learning_rate` times a random number to the power `redraw_power`. It selects on the
    test set, so no accuracy of such a run is evidence.
    """

    optimizer: str = "sgd"
    learning_rate: float = 0.01
    momentum: float = 0.5
    weight_decay: float = 0.0
    batch_size: int = 64
    epochs: int | None = _USUAL_EPOCHS
    schedule: str = "constant"
    evals_per_epoch: float = 1
    read_test: bool = False
    steps: int | None = None
    warmup: int = 0
    augmentation: Augmentation | None = None
    redraw_power: int | None = None
    fast: bool = False
    loss: str = "cross_entropy"
    stacked: bool = False
    evaluations: int | None = None
    gradient_norms: bool = False
    start: str = "seed"
    trainable: str | tuple[str, ...] = "all"
    body_learning_rate: float | None = None
    milestones: tuple[tuple[int, float], ...] = ()
    statistics: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def __post_init__(self):
        check_name("optimizer", self.optimizer, OPTIMIZERS)
        check_name("schedule", self.schedule, SCHEDULES)
        check_name("loss", self.loss, LOSSES)
        check_name("start", self.start, STARTS)
        if self.steps is not None and self.epochs not in (None, _USUAL_EPOCHS):  # the default is as good as not given
            raise ValueError(
                f"TrainConfig: a run is counted in epochs or in steps, got epochs={self.epochs}, steps={self.steps}; "
                "leave one out, or pass epochs=None"
            )
        counted = ("batch_size", "epochs" if self.steps is None else "steps")
        plain = {name: check_int("TrainConfig", name, getattr(self, name)) for name in counted}
        plain |= {"warmup": check_int("TrainConfig", "warmup", self.warmup, minimum=0)}
        if self.evaluations is not None:
            plain["evaluations"] = check_int("TrainConfig", "evaluations", self.evaluations)
            if self.evals_per_epoch != 1:
                raise ValueError(
                    f"TrainConfig: evaluations={self.evaluations} counts in the whole run, evals_per_epoch="
                    f"{self.evals_per_epoch} in an epoch; leave one out"
                )
        if self.augmentation is not None and not isinstance(self.augmentation, Augmentation):
            raise TypeError(f"TrainConfig: augmentation is an Augmentation or None, got {self.augmentation!r}")
        redraws = self.schedule == "redraw"
        if redraws != (self.redraw_power is not None) or (redraws and not self.read_test):
            raise ValueError(
                "TrainConfig: schedule='redraw' selects on the test set; it needs read_test=True and a redraw_power, the "
                f"paper's is 3 or 5, got read_test={self.read_test}, redraw_power={self.redraw_power}, schedule={self.schedule!r}"
            )
        if redraws:
            plain["redraw_power"] = check_int("TrainConfig", "redraw_power", self.redraw_power)
        plain["momentum"] = check_rate("TrainConfig", "momentum", self.momentum, "the paper's is 0.5")
        for name, least, remedy in (
            ("learning_rate", "above", "the paper's is 0.01"),
            ("weight_decay", "at least", "pass 0 for none"),
            ("evals_per_epoch", "above", "pass 1 for once an epoch"),
        ):
            value = plain[name] = check_number("TrainConfig", name, getattr(self, name), remedy)
            if value < 0 or (value == 0 and least == "above"):
                raise ValueError(f"TrainConfig: {name} must be {least} 0, got {value:g}; {remedy}")
        for name in ("read_test", "fast", "stacked", "gradient_norms"):
            check_flag("TrainConfig", name, getattr(self, name))
        if self.stacked and (self.fast or self.augmentation or redraws):
            raise ValueError(
                f"TrainConfig: stacked=True trains heads on features as they are; leave it out, got {self}"
            )
        if self.gradient_norms and (self.stacked or self.loss == "mse"):
            raise ValueError(
                f"TrainConfig: gradient_norms=True reads one classifier's cross entropy, got stacked={self.stacked}, "
                f"loss={self.loss!r}; leave it out"
            )
        if self.body_learning_rate is not None:
            rate = check_number(
                "TrainConfig", "body_learning_rate", self.body_learning_rate, "pass None for the head's"
            )
            if rate <= 0:
                raise ValueError(
                    f"TrainConfig: body_learning_rate must be above 0, got {rate:g}; freeze with trainable"
                )
            plain["body_learning_rate"] = rate
        if isinstance(self.trainable, (tuple, list)):
            plain["trainable"] = tuple(self.trainable)
        elif isinstance(self.trainable, str) and self.trainable not in ("", "all", "head"):
            plain["trainable"] = (self.trainable,)
        names = plain.get("trainable", (self.trainable,))
        if not names or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"TrainConfig: trainable is 'all', 'head' or names of parts, got {self.trainable!r}")
        if self.stacked and (self.start, names, self.body_learning_rate, self.statistics) != (
            "seed",
            ("all",),
            None,
            None,
        ):
            raise ValueError(
                "TrainConfig: stacked=True draws heads from their seeds; leave start, trainable and statistics out"
            )
        plain |= {"milestones": self._checked_milestones(), "statistics": self._checked_statistics()}
        if plain["evals_per_epoch"].is_integer():
            plain["evals_per_epoch"] = int(plain["evals_per_epoch"])
        if self.steps is not None:
            plain["epochs"] = None
        for name, value in plain.items():  # numpy's numbers become Python's: a record holds them as JSON
            object.__setattr__(self, name, value)

    def _checked_milestones(self) -> tuple[tuple[int, float], ...]:
        pairs = self.milestones
        if not isinstance(pairs, (tuple, list)) or not all(isinstance(p, (tuple, list)) and len(p) == 2 for p in pairs):
            raise TypeError(
                f"TrainConfig: milestones are pairs of an epoch and a factor, got {pairs!r}; try ((7, 0.1),)"
            )
        found = tuple(
            (check_int("TrainConfig", "the epoch of milestones", epoch), _positive("the factor of milestones", factor))
            for epoch, factor in pairs
        )
        epochs = [epoch for epoch, _ in found]
        if epochs != sorted(set(epochs)):
            raise ValueError(f"TrainConfig: the epochs of milestones must rise, got {epochs}; sort them")
        if (self.schedule == "step") != bool(found):
            raise ValueError(
                f"TrainConfig: schedule='step' needs milestones, and no other has them, got schedule={self.schedule!r}, "
                f"milestones={pairs!r}"
            )
        return found

    def _checked_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        pair = self.statistics
        if pair is None:
            return None
        sequences = (tuple, list)
        if not isinstance(pair, sequences) or len(pair) != 2 or not all(isinstance(part, sequences) for part in pair):
            raise TypeError(f"TrainConfig: statistics are means and standard deviations, got {pair!r}; pass two tuples")
        mean = tuple(check_number("TrainConfig", "a mean of statistics", v, "pass one of [0, 1]") for v in pair[0])
        std = tuple(_positive("a standard deviation of statistics", value) for value in pair[1])
        if len(mean) != len(std) or not mean:
            raise ValueError(
                f"TrainConfig: statistics have {len(mean)} means and {len(std)} standard deviations; pass as many"
            )
        return mean, std


def _positive(name: str, value) -> float:
    if (number := check_number("TrainConfig", name, value, "pass a number above 0")) <= 0:
        raise ValueError(f"TrainConfig: {name} must be above 0, got {number:g}")
    return number


def step_milestones(*stages: tuple[int, float], every: int = 7, factor: float = 0.1) -> tuple[tuple[int, float], ...]:
    """The milestones of runs one after the other, each `(epochs, rate)`, in which the rate falls by `factor` every so many epochs.

    Rates are as shares of the run's `learning_rate`. This is what `StepLR` does, made anew for each stage.

    >>> step_milestones((10, 1.0), (5, 0.1))
    ((7, 0.1), (10, 0.1))
    """
    found, begun = [], 0
    for epochs, rate in stages:
        found += [
            (begun + epoch, float(f"{rate * factor ** (epoch // every):.6g}")) for epoch in range(0, epochs, every)
        ]
        begun += epochs
    return tuple(found[1:])


def describe_recipe(config: TrainConfig) -> dict:
    """The recipe as a record holds it: every number; what came later than the first records only where it is used."""
    recipe = asdict(config)
    unused = [
        name for name in (*_LATER, *_OF_TRANSFER) if recipe[name] == TrainConfig.__dataclass_fields__[name].default
    ]
    return {name: value for name, value in recipe.items() if name not in unused}


def schedule(config: TrainConfig, step: int, n_steps: int, steps_per_epoch: int) -> float:
    """Factor on the learning rate of this step, counted from 0."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    if config.schedule == "step":
        return [1.0, *(factor for epoch, factor in config.milestones if epoch * steps_per_epoch <= step)][-1]
    if config.schedule != "cosine":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - config.warmup) / (n_steps - config.warmup)))


def count_steps(config: TrainConfig, n_examples: int) -> tuple[int, int]:
    """Steps an epoch and steps of the run."""
    steps_per_epoch = math.ceil(n_examples / config.batch_size)
    return steps_per_epoch, config.steps or config.epochs * steps_per_epoch
