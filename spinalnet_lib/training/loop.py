"""`train`: one readable loop, top to bottom. One call is one run is one `Record`."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext

import torch

from ..checks import check_int
from ..data.splits import DataSet
from ..heads.dropout import cheap_dropout
from ..machine import OutOfTime, pick_device
from ..models.classifier import Classifier
from ..records.record import Record
from .batches import Batches
from .checkpoints import RunState
from .config import TrainConfig, schedule
from .evaluation import curve_point, test_results
from .idle_biases import without_idle_gradients
from .progress import Progress
from .runs import check_run, check_saving, initialise, make_record, plan_steps, run_costs, run_key, stream
from .steps import make_optimizer, make_step, set_learning_rate


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

    `device=None` picks CUDA where there is one. Body, head, data order and dropout have generators of their
    own, so two heads of one seed share the body's initial weights and the data order; the caller's global
    generator is left as it was. A loss that is not finite ends the run; the record says so.

    With `checkpoint`, a file, the run is saved there every `checkpoint_seconds`; a call that finds the file goes on from
    it and, on a CPU, ends as if it had never stopped. Delete it once the record is safe. Raises ValueError for another
    run's file. With `time_limit`, in seconds, a run that has not ended by then is saved there and OutOfTime is raised.
    """
    called = time.monotonic()
    seed = check_int("train", "seed", seed, minimum=0)
    if isinstance(config, TrainConfig) and config.stacked:
        raise ValueError("train: stacked=True is for many runs at once; call train_stacked, or pass stacked=False")
    check_saving("train", checkpoint, checkpoint_seconds, time_limit)
    check_run(model, data, config)  # before any weight is drawn: a refused call loses nothing
    device = pick_device(device)
    key = run_key(model, data, config, seed, device)
    devices = range(torch.cuda.device_count()) if device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices=devices),
        cheap_dropout(model.head) if config.fast and device.type == "cpu" else nullcontext(),
        without_idle_gradients(model) if config.fast and device.type == "cuda" else nullcontext(),
    ):
        initialise(model, seed)
        model.to(device, memory_format=torch.channels_last if config.fast else torch.preserve_format)
        torch.manual_seed(stream(seed, "dropout"))
        generators = {
            "order": torch.Generator().manual_seed(stream(seed, "order")),
            "augmentation": torch.Generator(device).manual_seed(stream(seed, "augmentation")),
            "redraw": torch.Generator().manual_seed(stream(seed, "redraw")),
        }

        train_split, val, test = (part.seen_by(model).to(device) for part in (data.train, data.val, data.test))
        optimizer = make_optimizer(model, config, device)
        take_step = make_step(model, optimizer, config)
        batches = Batches(train_split, config, generators["augmentation"])
        steps_per_epoch, n_steps, evaluate_after = plan_steps(config, len(train_split))

        run = RunState(key, generators)
        if checkpoint is not None:
            run.resume(checkpoint, model, optimizer)
        model.train()
        start = saved = time.perf_counter()
        bar = Progress(run.step, n_steps, progress, f"{model.arguments.get('head', 'head')}, seed {seed}")
        for step in bar:
            position = step % steps_per_epoch
            if position == 0:
                run.order = torch.randperm(len(train_split), generator=generators["order"])
            images, labels = batches.take(run.order, position)
            set_learning_rate(optimizer, config.learning_rate * run.redrawn * schedule(config, step, n_steps))
            run.losses.append(take_step(images, labels))
            run.step = step + 1

            if run.step in evaluate_after:
                losses = torch.stack(run.losses).tolist()  # waits for the device
                run.seconds += time.perf_counter() - start
                where = {"step": run.step, "epoch": round(run.step / steps_per_epoch, 4)}
                opened = test if config.read_test else None
                first = run.step - len(losses)
                point = curve_point(model, config.loss, losses, first, steps_per_epoch, val, opened)
                run.curve.append({**where, **point})
                bar.evaluated(run.curve[-1])
                run.diverged = point["train_loss"] is None
                run.losses = []
                if run.diverged:
                    break
                if config.schedule == "redraw" and len(run.curve) > 1:
                    best = min(point["test_error"] for point in run.curve[:-1])
                    if run.curve[-1]["test_error"] >= best:
                        run.redrawn = torch.rand((), generator=generators["redraw"]).item() ** config.redraw_power
                start = time.perf_counter()
            if checkpoint is not None and time.perf_counter() - saved > checkpoint_seconds:
                run.seconds += time.perf_counter() - start
                run.save(checkpoint, model, optimizer)
                start = saved = time.perf_counter()
            if time_limit is not None and time.monotonic() - called > time_limit and run.step < n_steps:
                run.seconds += time.perf_counter() - start
                run.save(checkpoint, model, optimizer)
                raise OutOfTime(f"time was up after step {run.step} of {n_steps}; the run goes on from {checkpoint}")

    test = test_results(model, config.loss, test, run.curve) if config.read_test else None
    costs = run_costs(model)
    return make_record(model, data, config, seed, device, key, costs, run.curve, run.diverged, test, run.seconds)
