"""The Keeper: runs cut off at any step and gone on with, bit for bit; damaged files set aside; limits that hold."""

import dataclasses
import io
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

from spinalnet_lib import Augmentation, Split, TrainConfig, load_dataset, train
from spinalnet_lib.machine import OutOfTime, one_thread
from spinalnet_lib.records.record import differing_results
from spinalnet_lib.records.schema import check_record
from spinalnet_lib.training.checkpoints import DamagedCheckpoint
from spinalnet_lib.training.keeper import Clock, Keeper
from tests.training.cases import LONG, model

WARP = Augmentation(perspective=0.5, degrees=10)
CONFIGS = {
    "sgd": TrainConfig(epochs=2, batch_size=100, evals_per_epoch=2),
    "adamw": TrainConfig(optimizer="adamw", learning_rate=0.003, steps=20, warmup=5, schedule="cosine", batch_size=100),
    "warped": TrainConfig(optimizer="adam", learning_rate=0.003, steps=20, batch_size=100, augmentation=WARP),
    "gradients": TrainConfig(steps=20, batch_size=100, evaluations=4, gradient_norms=True),
    "fast": TrainConfig(optimizer="adam", learning_rate=0.003, steps=20, batch_size=100, fast=True),
    "redraw": TrainConfig(
        steps=48, batch_size=100, schedule="redraw", redraw_power=3, read_test=True, learning_rate=0.05
    ),
}


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def run(digits, config, path=None, seconds=0, net=None, seed=3, **options):
    return train(net or model(), digits, config, seed, "cpu", False, path, seconds, **options)


def same(a, b):
    return a.key == b.key and not differing_results(a, b)


class CutOff(Exception):
    """Stands for a power cut."""


class Interrupted(Split):
    """A training split that gives so many batches and then ends with an error."""

    left = 10**9

    def batch(self, index, *rest):
        if isinstance(index, torch.Tensor):
            if Interrupted.left == 0:
                raise CutOff
            Interrupted.left -= 1
        return super().batch(index, *rest)

    def to(self, device):
        return self


def cut_off(digits, steps):
    """The same data, which ends with an error after so many steps."""
    Interrupted.left = steps
    train_split = digits.train
    return dataclasses.replace(
        digits, train=Interrupted(train_split.images, train_split.labels, train_split.statistics)
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_a_run_cut_off_twice_ends_as_if_it_never_was(name, digits, tmp_path):
    config, path = CONFIGS[name], tmp_path / "run.npz"
    whole, weights = model(), model()
    never = run(digits, config, net=whole)
    for steps in (7, 8):  # the second time from step 7 on: over the end of an epoch of 12
        torch.manual_seed(random.randrange(1000))
        with pytest.raises(CutOff):
            run(cut_off(digits, steps), config, path)
        assert path.is_file()
    on = run(cut_off(digits, never.n_steps - 15), config, path, net=weights)  # no step is taken again
    assert Interrupted.left == 0 and same(on, never)
    assert all(map(torch.equal, whole.state_dict().values(), weights.state_dict().values()))
    assert list(tmp_path.iterdir()) == [path]  # the caller's to delete, when the record is safe


def test_a_run_whose_time_is_up_is_saved_and_goes_on(digits, tmp_path):
    config, path = CONFIGS["warped"], tmp_path / "run.npz"
    for step in (1, 2, 3):
        with pytest.raises(OutOfTime, match=f"step {step} of 20"):
            run(digits, config, path, time_limit=0)
    assert same(run(digits, config, path, time_limit=600), run(digits, config))


def test_another_runs_checkpoint_is_refused_and_kept(digits, tmp_path):
    path = tmp_path / "run.npz"
    with pytest.raises(OutOfTime):
        run(digits, CONFIGS["sgd"], path, time_limit=0)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"run\.npz.*another run") as caught:
        run(digits, CONFIGS["sgd"], path, seed=4)
    assert not isinstance(caught.value, DamagedCheckpoint)
    assert path.read_bytes() == before


def halved(arrays, whole):
    return whole[: len(whole) // 2]


def without_a_weight(arrays, whole):
    """A checkpoint that is whole but lacks a tensor: it is found out in the middle of restoring."""
    return packed({name: array for name, array in arrays.items() if name != "generator.redraw"})


def of_another_format(arrays, whole):
    return packed({**arrays, "run": np.array(json.dumps({**json.loads(str(arrays["run"])), "format": 1}))})


def packed(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("damage", [halved, without_a_weight, of_another_format])
def test_a_damaged_checkpoint_is_named_and_set_aside_and_the_run_begins_again(damage, digits, tmp_path):
    path = tmp_path / "run.npz"
    with pytest.raises(OutOfTime):
        run(digits, CONFIGS["adamw"], path, time_limit=0)
    damaged = damage(dict(np.load(path)), path.read_bytes())
    path.write_bytes(damaged)
    with pytest.warns(UserWarning, match=r"run\.npz"):
        again = run(digits, CONFIGS["adamw"], path, 60)
    assert same(again, run(digits, CONFIGS["adamw"]))
    assert (tmp_path / "run.npz.damaged").read_bytes() == damaged and not path.exists()
    path.write_bytes(b"damaged anew")
    with pytest.warns(UserWarning, match=r"run\.npz\.damaged1"):
        run(digits, TrainConfig(steps=1), path, 60)
    assert (tmp_path / "run.npz.damaged").read_bytes() == damaged


def test_what_was_never_a_checkpoint_stays_as_it_is(digits, tmp_path):
    notes, pipe = tmp_path / "notes.txt", tmp_path / "pipe.npz"
    notes.write_text("keep me")
    os.mkfifo(pipe)
    for place, error in ((notes, ValueError), (pipe, FileExistsError), (tmp_path, IsADirectoryError)):
        with pytest.raises(error, match=place.name):
            run(digits, TrainConfig(steps=1), place, 0)
    assert notes.read_text() == "keep me" and pipe.is_fifo() and len(list(tmp_path.iterdir())) == 2


def test_what_cannot_be_saved_is_said_before_the_run(digits, tmp_path):
    (tmp_path / "file").write_text("")
    net = model()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(OSError):
        run(digits, LONG, tmp_path / "file" / "run.npz", net=net)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"time_limit": 1}, "time_limit=1"),
        ({"path": "run.npz", "time_limit": float("nan")}, r"time_limit.*nan"),
        ({"path": "run.npz", "seconds": -1}, r"checkpoint_seconds.*-1"),
        ({"path": "run.npz", "seconds": float("nan")}, r"checkpoint_seconds.*nan"),
    ],
)
def test_what_is_no_time_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Keeper("train", **{"path": None, **options})


def test_a_clock_stands_while_it_is_paused(monkeypatch):
    now = iter([10, 13, 100, 101, 500])
    monkeypatch.setattr("spinalnet_lib.training.keeper.time.perf_counter", lambda: next(now))
    clock = Clock()
    clock.start()
    for seconds in (3, 4):
        with clock.paused():
            assert clock.seconds == seconds


def test_a_full_disk_keeps_the_older_checkpoint(digits, tmp_path):
    path = tmp_path / "run.npz"
    with pytest.raises(OutOfTime):
        run(digits, CONFIGS["sgd"], path, time_limit=0)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError):
            run(digits, CONFIGS["sgd"], path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


KILLED = """
import torch; torch.set_num_threads(1)
from tests.training.cases import LONG, model
from spinalnet_lib import load_dataset, train
train(model(), load_dataset("digits"), LONG, 3, "cpu", False, {path!r}, 0.01)
"""


@pytest.mark.processes
def test_a_killed_process_leaves_a_checkpoint_that_goes_on(digits, root, tmp_path):
    path = tmp_path / "run.npz"
    paths = os.pathsep.join([str(root), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(path=str(path))], env={**os.environ, "PYTHONPATH": paths}
    )
    until = time.monotonic() + 300
    while not path.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    with np.load(path) as file:  # whole, at whatever moment it was killed
        assert 0 < json.loads(str(file["run"]))["step"] < LONG.steps
    with one_thread():  # as in the other process
        on, never = run(digits, LONG, path, 60), run(digits, LONG)
    check_record(json.loads(on.to_json()))
    assert same(on, never)
