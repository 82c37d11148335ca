"""Runs cut off at any step and gone on with: bit for bit the run that was never cut off."""

import dataclasses
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from spinalnet_lib import Augmentation, TrainConfig, load_dataset, train
from spinalnet_lib.machine import OutOfTime
from spinalnet_lib.records.record import CIRCUMSTANCES
from spinalnet_lib.records.schema import check_record
from spinalnet_lib.training.steps import make_step
from tests.training.cases import LONG, model

WARP = Augmentation(perspective=0.5, degrees=10)
CONFIGS = {
    "sgd": TrainConfig(epochs=2, batch_size=100, evals_per_epoch=2),
    "adamw": TrainConfig(optimizer="adamw", learning_rate=0.003, steps=30, warmup=5, schedule="cosine", batch_size=100),
    "warped": TrainConfig(optimizer="adam", learning_rate=0.003, steps=25, batch_size=100, augmentation=WARP),
    "fast": TrainConfig(optimizer="adam", learning_rate=0.003, steps=25, batch_size=100, fast=True),
    "redraw": TrainConfig(
        steps=60, batch_size=100, schedule="redraw", redraw_power=3, read_test=True, learning_rate=0.05
    ),
}


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def same(a, b):
    a, b = ({k: v for k, v in dataclasses.asdict(r).items() if k not in CIRCUMSTANCES} for r in (a, b))
    return a == b


class CutOff(Exception):
    """Stands for a power cut."""


def cut_off_at(monkeypatch, step):
    """Training ends with an error after so many steps in this process; the list that comes back grows by one a step."""
    taken = []

    def counted(model, optimizer, config):
        take = make_step(model, optimizer, config)

        def one(images, labels):
            if len(taken) == step:
                raise CutOff
            taken.append(step)
            return take(images, labels)

        return one

    monkeypatch.setattr("spinalnet_lib.training.loop.make_step", counted)
    return taken


@pytest.mark.parametrize("name", CONFIGS)
def test_a_run_cut_off_twice_ends_as_if_it_never_was(name, digits, tmp_path, monkeypatch):
    config, path = CONFIGS[name], tmp_path / "run.npz"
    whole, weights = model(), model()
    never = train(whole, digits, config, 3, progress=False)
    for step in (7, 8):  # the second time from step 7 on: over the end of an epoch of 12
        cut_off_at(monkeypatch, step)
        torch.manual_seed(random.randrange(1000))
        with pytest.raises(CutOff):
            train(model(), digits, config, 3, progress=False, checkpoint=path, checkpoint_seconds=0)
        assert path.is_file()
    taken = cut_off_at(monkeypatch, never.n_steps)  # that is, not at all
    assert same(train(weights, digits, config, 3, progress=False, checkpoint=path, checkpoint_seconds=0), never)
    assert all(map(torch.equal, whole.state_dict().values(), weights.state_dict().values()))
    assert len(taken) == never.n_steps - 7 - 8  # no step was taken again
    assert list(tmp_path.iterdir()) == [path]  # the caller's to delete, when the record is safe


def test_a_run_whose_time_is_up_is_saved_and_goes_on(digits, tmp_path):
    config, path = CONFIGS["warped"], tmp_path / "run.npz"
    with pytest.raises(ValueError, match="time_limit=1 needs a file"):
        train(model(), digits, config, 3, progress=False, time_limit=1)
    for step in (1, 2, 3):
        with pytest.raises(OutOfTime, match=f"after step {step} of 25"):
            train(model(), digits, config, 3, progress=False, checkpoint=path, time_limit=0)
    cut = train(model(), digits, config, 3, progress=False, checkpoint=path, time_limit=600)
    assert same(cut, train(model(), digits, config, 3, progress=False))


def test_saving_changes_nothing(digits, tmp_path):
    config = CONFIGS["adamw"]
    saved = train(model(), digits, config, 0, progress=False, checkpoint=tmp_path / "run.npz", checkpoint_seconds=0)
    assert same(saved, train(model(), digits, config, 0, progress=False))


def test_another_runs_checkpoint_and_a_damaged_one_are_refused(digits, tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    cut_off_at(monkeypatch, 3)
    with pytest.raises(CutOff):
        train(model(), digits, CONFIGS["sgd"], 0, progress=False, checkpoint=path, checkpoint_seconds=0)
    monkeypatch.undo()
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"checkpoint of another run.*delete it"):
        train(model(), digits, CONFIGS["sgd"], 1, progress=False, checkpoint=path)
    assert path.read_bytes() == before
    path.write_bytes(before[: len(before) // 2])
    with pytest.raises(ValueError, match=r"no checkpoint.*delete it to begin"):
        train(model(), digits, CONFIGS["sgd"], 0, progress=False, checkpoint=path)
    np.savez(path, run=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="no checkpoint"):
        train(model(), digits, CONFIGS["sgd"], 0, progress=False, checkpoint=path)


def test_a_full_disk_keeps_the_older_checkpoint(digits, tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    cut_off_at(monkeypatch, 3)
    with pytest.raises(CutOff):
        train(model(), digits, CONFIGS["sgd"], 0, progress=False, checkpoint=path, checkpoint_seconds=0)
    monkeypatch.undo()
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError):
            train(model(), digits, CONFIGS["sgd"], 0, progress=False, checkpoint=path, checkpoint_seconds=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


KILLED = """
import torch; torch.set_num_threads(1)
from tests.training.cases import LONG, model
from spinalnet_lib import load_dataset
from spinalnet_lib import train
train(model(), load_dataset("digits"), LONG, 0, progress=False, checkpoint={path!r}, checkpoint_seconds=0.01)
"""


@pytest.mark.processes
def test_a_killed_process_leaves_a_checkpoint_that_goes_on(digits, tmp_path):
    path = tmp_path / "run.npz"
    paths = os.pathsep.join([os.path.dirname(__file__), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(path=str(path))], env={**os.environ, "PYTHONPATH": paths}
    )
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.05)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    with np.load(path) as file:  # whole, at whatever moment it was killed
        assert 0 < json.loads(str(file["run"]))["step"] < LONG.steps
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the other process
    try:
        on = train(model(), digits, LONG, 0, progress=False, checkpoint=path)
        never = train(model(), digits, LONG, 0, progress=False)
    finally:
        torch.set_num_threads(threads)
    check_record(json.loads(on.to_json()))
    assert same(on, never)
