"""`train`: one readable loop, top to bottom. One call is one run is one `Record`.

What it reaches and costs, by the project's records (`first_training`): with the paper's recipe, eight epochs on one CPU
thread, the 2-conv CNN ends on MNIST at a validation error of 2.22 % under its spinal head and of 2.38 % under its dense
head, means of ten seeds; a run took 62 s on average, or less. Against the published scripts' way: `make bench`, the group "training".

Beside it: `checks` (what is refused), `runs` (what a run is, its record), `state` (all that changes), `keeper` (the clock, the file, the
limit), `steps` (one step, plain or fast), `batches`, `evaluation`, `progress`.
"""

from __future__ import annotations

import os

import torch

from ..data.splits import DataSet
from ..models.classifier import Classifier
from ..records.record import Record
from .batches import Batches
from .config import TrainConfig, schedule
from .evaluation import curve_point, test_results
from .keeper import Keeper
from .progress import Progress
from .runs import Run
from .state import RunState
from .steps import fast_ways, frozen_parts, make_step, set_learning_rate, to_training_mode


def train(
    model: Classifier,
    data: DataSet,
    config: TrainConfig,
    seed: int,
    device: torch.device | str | None = None,
    progress: bool = True,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_seconds: float = 60.0,
    time_limit: float | None = None,
) -> Record:
    """Draw the model's weights from `seed`, train it on `data.train` and return the record of the run.

    With `TrainConfig(start="given")` weights that were loaded stay, and only the others are drawn.

    `device=None` picks CUDA where there is one. Body, head, data order, the body's dropout and the head's have generators of their
    own, so two heads of one seed share the body's initial weights and the data order; the caller's global
    generator is left as it was. A loss that is not finite ends the run; the record says so.

    With `checkpoint`, a file, the run is saved there every `checkpoint_seconds`; a call that finds the file goes on from
    it and, on a CPU, ends as if it had never stopped. Delete it once the record is safe. A damaged file is set aside
    with a warning, and the run begins again. Raises ValueError for another run's file. With `time_limit`, in seconds, a
    run that has not ended by then is saved there and OutOfTime is raised.
    """
    keeper = Keeper("train", checkpoint, checkpoint_seconds, time_limit)
    if isinstance(config, TrainConfig) and config.stacked:
        raise ValueError("train: stacked=True is for many runs at once; call train_stacked, or pass stacked=False")
    run = Run(model, data, config, seed, device)  # refuses what would stop the run later: no weight is drawn before
    splits = train_split, _, test = run.splits()
    with (
        run.own_generators(),
        run.own_weights(),
        frozen_parts(model, config),
        fast_ways(model, config, run.device),
    ):
        state = keeper.resume(run.key, lambda: RunState(run))
        take_step = make_step(model, state.optimizer, config)
        batches = Batches(train_split, config, state.generators["augmentation"])
        bar = Progress(state.step, run.n_steps, progress, f"{model.arguments['head']}, seed {run.seed}")
        if config.gradient_norms and not state.curve:
            state.add(curve_point(model, config, 0, [], run.steps_per_epoch, *splits))
        to_training_mode(model)
        state.clock.start()
        for step in bar:
            position = step % run.steps_per_epoch
            if position == 0:
                state.order = torch.randperm(len(train_split), generator=state.generators["order"])
            images, labels = batches.take(state.order, position)
            factor = schedule(config, step, run.n_steps, run.steps_per_epoch)
            set_learning_rate(state.optimizer, state.learning_rate * factor)
            state.losses.append(take_step(images, labels))
            state.step = step + 1
            if state.step in run.evaluate_after:
                losses = torch.stack(state.losses).tolist()  # waits for the device
                with state.clock.paused():
                    point = curve_point(model, config, state.step, losses, run.steps_per_epoch, *splits)
                    state.add(point)
                    bar.evaluated(point)
                if point["train_loss"] is None:
                    break
            keeper.after_step(state, run.n_steps)
        results = test_results(model, config.loss, test, state.curve) if config.read_test else None
    return run.record(state.curve, results, state.clock.seconds)
