"""A run before it begins: what it is, and the key that its record will have."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from torch import nn

from spinalnet_lib import (
    TrainConfig,
    create_backbone,
    create_model,
    list_backbones,
    load_dataset,
    load_records,
    train,
)
from spinalnet_lib.records.record import record_key
from spinalnet_lib.records.schema import check_record
from spinalnet_lib.training.runs import NUMERICS_VERSION, Run, identity, initialise, run_key, stream
from tests.training.cases import QUICK, quick_train, small


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def test_each_purpose_has_a_stream_of_its_own():
    purposes = "body", "head", "order", "dropout", "head dropout"
    assert len({stream(seed, purpose) for seed in range(50) for purpose in purposes}) == 250


@pytest.mark.parametrize("name", sorted(set(list_backbones()) - {"efficientnet_lite0"}))  # which starts from ImageNet
def test_all_weights_of_a_body_are_drawn_by_layers_that_can_draw_them_anew(name):
    with torch.device("meta"):
        body = create_backbone(name)
    holders = [m for m in body.modules() if any(True for _ in (*m.parameters(False), *m.buffers(False)))]
    assert all(hasattr(module, "reset_parameters") for module in holders)


def test_a_seed_draws_everything_anew():
    def drawn(seed):
        initialise(model, seed)
        return {key: tensor.clone() for key, tensor in model.state_dict().items()}

    model = create_model("vgg5", "spinal_random_mask", 2, layer_width=4, norm_layer="BatchNorm1d")
    mask = model.head.read_index.clone()
    for tensor in model.state_dict().values():
        tensor.fill_(7)  # whatever the seed leaves alone stays 7, as what loaded weights brought would
    first, again, other = drawn(0), drawn(0), drawn(1)
    assert not [key for key, tensor in first.items() if (tensor == 7).all()]
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert all(not torch.equal(first[key], other[key]) for key in first if first[key].dim() > 1)
    assert torch.equal(model.head.read_index, mask)


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


def test_numbers_of_numpy_are_recorded(digits):
    config = TrainConfig(epochs=np.int64(1), learning_rate=np.float32(0.25), batch_size=np.int32(100))
    record = quick_train(small(layer_width=np.int64(4), drop_rate=[np.float64(0.5)] * 5), digits, config, np.int64(3))
    assert json.loads(record.to_json())["model"]["head_arguments"] == {"layer_width": 4, "drop_rate": [0.5] * 5}
    plain = TrainConfig(epochs=1, learning_rate=0.25, batch_size=100)
    assert record.key == run_key(small(layer_width=4, drop_rate=[0.5] * 5), digits, plain, 3, "cpu")


def test_the_largest_seed_is_numpys_and_a_test_set_is_opened_only_where_the_recipe_says_so(digits):
    assert Run(small(), digits, QUICK, 2**32 - 1, "cpu").splits()[2] is None
    assert Run(small(), digits, dataclasses.replace(QUICK, read_test=True), 0, "cpu").splits()[2] is not None
    with pytest.raises(ValueError, match=f"seed.*{2**32}"):
        Run(small(), digits, QUICK, 2**32, "cpu")


def test_a_key_is_the_hash_of_what_its_record_says(digits):
    """Of no circumstances such as torch's version or the host, and of nothing that the record leaves out."""
    new = quick_train(small(), digits, TrainConfig(steps=3))
    assert said(new) == identity(small(), digits, TrainConfig(steps=3), 0, "cpu", torch.get_num_threads())
    for record in (new, *load_records("first_training"), *load_records("regression")):
        assert record_key(said(record)) == record.key


def said(record):
    return {
        "data": record.dataset_sha256,
        "model": {**record.model, "parameters": record.head_cost["parameters"] + record.body_cost["parameters"]},
        "recipe": record.recipe,
        "seed": record.seed,
        "threads": record.threads,
        "device_type": record.device,
        "numerics_version": record.numerics_version,
    }


def test_arms_of_a_seed_share_the_masks_of_their_body():
    """Whatever their heads drop: else most of what pairing gains would be lost."""
    seen = []

    def masks(drop_rate):
        seen.clear()
        model = create_model("two_conv", "mlp", 10, image_size=28, hidden_sizes=8, drop_rate=drop_rate)
        drop = next(module for module in model.body.modules() if isinstance(module, nn.Dropout2d))
        dropped = lambda module, args, output: None if output.is_meta else seen.append(output.sum((2, 3)) == 0)  # noqa: E731
        drop.register_forward_hook(dropped)
        train(model, load_dataset("mnist_5k"), TrainConfig(steps=3, fast=True), 0, "cpu", progress=False)
        return [*seen]

    assert all(map(torch.equal, masks(0.0), masks(0.5)))


@pytest.mark.parametrize(("evaluations", "after"), [(1, {38}), (2, {19, 38}), (5, {8, 15, 23, 30, 38})])
def test_evaluations_are_spaced_evenly_over_the_run(evaluations, after, digits):
    run = Run(small(), digits, TrainConfig(epochs=2, evaluations=evaluations), 0, "cpu")
    assert run.n_steps == 38 and run.evaluate_after == after


def test_a_record_says_from_which_seed_its_images_were_cut(digits):
    cut = load_dataset("digits", cut_seed=4, train_per_class=20)
    record = quick_train(small(), cut)
    assert record.split_sizes == {"train": 200, "val": 239, "test": 359, "seed": 4, "train_per_class": 20}
    assert record.dataset_sha256 == cut.sha256 != digits.sha256
    check_record(json.loads(record.to_json()))


def test_grey_images_for_a_body_of_colour_are_said(recwarn):
    data, config = load_dataset("digits", size=32), TrainConfig(steps=1, batch_size=4)
    for _ in range(2):  # a run after the other, as in a loop over seeds
        Run(create_model("torchvision:resnet18", "linear", 10, 1, 32), data, config, 0, "cpu")
    [said] = {str(warning.message) for warning in recwarn if "grey" in str(warning.message)}
    assert "digits" in said and "three channels" in said and "torchvision:resnet18" in said
    recwarn.clear()
    Run(create_model("pixels", "linear", 10, 1, 32), data, config, 0, "cpu")
    assert not recwarn.list
