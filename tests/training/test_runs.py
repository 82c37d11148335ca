"""A run before it begins: what it is, what it refuses, and the key that its record will have."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from spinalnet_lib import DataSet, Split, TrainConfig, create_model, load_dataset, train
from spinalnet_lib.training.runs import NUMERICS_VERSION, Run, identity, run_key, stream
from tests.training.cases import QUICK, quick_train, small


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def test_each_purpose_has_a_stream_of_its_own():
    assert len({stream(seed, purpose) for seed in range(50) for purpose in ("body", "head", "order", "dropout")}) == 200


def test_a_warmup_as_long_as_the_run_is_refused(digits):
    with pytest.raises(ValueError, match="warmup=24 leaves no step of the run's 24"):
        quick_train(small(), digits, TrainConfig(batch_size=100, epochs=2, warmup=24))


def test_a_run_key_is_known_before_the_run_and_tells_other_runs_apart(digits, monkeypatch):
    model = small()
    quick_key = run_key(model, digits, QUICK, 0, "cpu")
    assert quick_key == quick_train(model, digits).key
    others = [
        run_key(small(layer_width=17), digits, QUICK, 0, "cpu"),
        run_key(model, digits, QUICK, 1, "cpu"),
        run_key(model, digits, dataclasses.replace(QUICK, epochs=3), 0, "cpu"),
        run_key(model, digits, QUICK, 0, "cuda"),
    ]
    others.append(run_key(model, digits, QUICK, 0, "cpu", threads=torch.get_num_threads() + 1))
    others.append(run_key(model, dataclasses.replace(digits, test=digits.val), QUICK, 0, "cpu"))
    monkeypatch.setattr("spinalnet_lib.training.runs.NUMERICS_VERSION", NUMERICS_VERSION + 1)
    others.append(run_key(model, digits, QUICK, 0, "cpu"))
    assert len({quick_key, *others}) == 8


def test_wrong_fit_is_refused_before_training(digits):
    with pytest.raises(ValueError, match=r"digits has images \(1, 8, 8\), the body 'two_conv' reads \(1, 28, 28\)"):
        quick_train(create_model("two_conv", "linear", 10), digits)
    with pytest.raises(ValueError, match="digits has 10 classes, the head 9"):
        quick_train(create_model("pixels", "linear", 9, image_size=8), digits)
    with pytest.raises(TypeError, match="train reads a Classifier, got Linear"):
        quick_train(torch.nn.Linear(2, 2), digits)
    with pytest.raises(TypeError, match="train reads a DataSet, got str"):
        quick_train(small(), "digits")
    with pytest.raises(TypeError, match="train reads a TrainConfig, got dict"):
        quick_train(small(), digits, {"epochs": 1})


@pytest.mark.parametrize(
    ("kwargs", "call", "says"),
    [
        ({}, {"config": TrainConfig(batch_size=1199, evals_per_epoch=2)}, "lower it to 1 or fewer"),
        ({}, {"device": "gpu"}, "device 'gpu' cannot be used"),
        ({"norm_layer": "BatchNorm1d"}, {"config": TrainConfig(batch_size=599)}, "leaves one image of 1199"),
        (
            {"act_layer": lambda: torch.nn.ReLU()},
            {},
            "act_layer=<function <lambda>.*has no name that a record could hold",
        ),
    ],
)
def test_a_refused_run_loses_no_weight(digits, kwargs, call, says):
    model = small(**kwargs)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises((ValueError, TypeError), match=says):
        train(model, digits, **{"config": QUICK, "seed": 0, "device": "cpu", "progress": False, **call})
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_numbers_of_numpy_are_recorded(digits):
    config = TrainConfig(epochs=np.int64(1), learning_rate=np.float32(0.25), batch_size=np.int32(100))
    record = quick_train(small(layer_width=np.int64(4), drop_rate=[np.float64(0.5)] * 5), digits, config, np.int64(3))
    assert json.loads(record.to_json())["model"]["head_arguments"] == {"layer_width": 4, "drop_rate": [0.5] * 5}
    plain = TrainConfig(epochs=1, learning_rate=0.25, batch_size=100)
    assert record.key == run_key(small(layer_width=4, drop_rate=[0.5] * 5), digits, plain, 3, "cpu")


def test_images_that_do_not_fit_are_told_how_to_load_them_or_how_to_build_the_body():
    images = torch.zeros(20, 3, 40, 40, dtype=torch.uint8)
    split = Split(images, torch.arange(20) % 10)
    for body, kind, remedy in (
        ("cifar_cnn", "photographs", r"; load them with size=32 \(in a command: --size 32\)"),
        ("two_conv", "photographs", "in_chans=3 and load them with size=28"),
        ("cifar_cnn", "arrays", "another body"),
    ):
        model = create_model(body, "linear", 10)
        data = DataSet(split, split, split, {"name": "walks", "num_classes": 10, "kind": kind})
        with pytest.raises(ValueError, match=remedy):
            Run(model, data, QUICK, 0, "cpu")


@pytest.mark.parametrize("seed", [-1, 2**32, 10**30])
def test_a_seed_out_of_range_is_refused(seed, digits):
    with pytest.raises(ValueError, match=f"seed.*{seed}"):
        quick_train(small(), digits, seed=seed)
    assert run_key(small(), digits, QUICK, 2**32 - 1, "cpu")


def test_a_stack_and_a_test_set_are_opened_only_where_the_recipe_says_so(digits):
    with pytest.raises(ValueError, match="train_stacked"):
        quick_train(small(), digits, TrainConfig(stacked=True))
    assert Run(small(), digits, QUICK, 0, "cpu").splits()[2] is None
    assert Run(small(), digits, dataclasses.replace(QUICK, read_test=True), 0, "cpu").splits()[2] is not None


def test_what_a_run_is_names_no_circumstances(digits):
    """Torch's version, the host and the device's name are in the record, not in its key."""
    assert set(identity(small(), digits, QUICK, 0, "cpu", 1)) == {
        *("data", "model", "recipe", "seed", "threads", "device_type", "numerics_version")
    }
