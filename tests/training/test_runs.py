"""A run before it begins: what it is, what it refuses, and the key that its record will have."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from torch import nn

from spinalnet_lib import (
    DataSet,
    Split,
    TrainConfig,
    create_backbone,
    create_model,
    list_backbones,
    load_dataset,
    load_records,
    replace_head,
    train,
)
from spinalnet_lib.models import bodies
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


@pytest.mark.parametrize(
    ("model", "call", "says"),
    [
        (small, {"config": TrainConfig(batch_size=1199, evals_per_epoch=2)}, "lower it to 1 or fewer"),
        (
            small,
            {"config": TrainConfig(batch_size=100, epochs=2, warmup=24)},
            "warmup=24 leaves no step of the run's 24",
        ),
        (small, {"config": {"epochs": 1}}, "train reads a TrainConfig, got dict"),
        (small, {"config": TrainConfig(stacked=True)}, "train_stacked"),
        (small, {"data": "digits"}, "train reads a DataSet, got str"),
        (small, {"device": "gpu"}, "device 'gpu' cannot be used"),
        (small, {"seed": -1}, "seed.*-1"),
        (small, {"seed": 10**30}, f"seed.*{10**30}"),
        (
            lambda: small(norm_layer="BatchNorm1d"),
            {"config": TrainConfig(batch_size=599)},
            "leaves one image of 1199",
        ),
        (lambda: small(act_layer=lambda: nn.ReLU()), {}, "act_layer=<function <lambda>.*has no name"),
        (lambda: create_model("two_conv", "linear", 10), {}, r"\(1, 8, 8\), the body 'two_conv' reads \(1, 28, 28\)"),
        (lambda: create_model("pixels", "linear", 9, image_size=8), {}, "digits has 10 classes, the head 9"),
        (lambda: nn.Linear(2, 2), {}, "train reads a Classifier, got Linear"),
    ],
)
def test_a_refused_run_loses_no_weight(digits, model, call, says):
    model = model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises((ValueError, TypeError), match=says):
        train(model, **{"data": digits, "config": QUICK, "seed": 0, "device": "cpu", "progress": False, **call})
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_labels_of_every_part_that_is_read_are_looked_at_before_the_run(part, digits):
    split = getattr(digits, part)
    wrong = dataclasses.replace(digits, **{part: dataclasses.replace(split, labels=split.labels + 1)})
    none = dataclasses.replace(digits, **{part: Split(split.images[:0], split.labels[:0])})
    config = TrainConfig(batch_size=100, read_test=True)
    for data, says in ((wrong, "label 10"), (none, "no .*images")):
        with pytest.raises(ValueError, match=says):
            run_key(small(), data, config, 0, "cpu")
    if part == "test":
        assert run_key(small(), wrong, dataclasses.replace(config, read_test=False), 0, "cpu")


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
        ("cifar_cnn", "arrays", "size=32"),
    ):
        model = create_model(body, "linear", 10)
        data = DataSet(split, split, split, {"name": "walks", "num_classes": 10, "kind": kind})
        with pytest.raises(ValueError, match=remedy):
            Run(model, data, QUICK, 0, "cpu")


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


def test_more_evaluations_than_steps_are_refused(digits):
    with pytest.raises(ValueError, match="evaluations=39"):
        Run(small(), digits, TrainConfig(epochs=2, evaluations=39), 0, "cpu")


def test_a_record_says_from_which_seed_its_images_were_cut(digits):
    cut = load_dataset("digits", cut_seed=4, train_per_class=20)
    record = quick_train(small(), cut)
    assert record.split_sizes == {"train": 200, "val": 239, "test": 359, "seed": 4, "train_per_class": 20}
    assert record.dataset_sha256 == cut.sha256 != digits.sha256
    check_record(json.loads(record.to_json()))


class OwnNorm(nn.LayerNorm):
    pass


def built(**arguments):
    """A network with all that a hand can change: dropout, norms, layers of the user's own."""
    return create_model(
        "pixels", "spinal", 10, image_size=8, layer_width=8, drop_rate=0.3, norm_layer="BatchNorm1d", **arguments
    )


BY_HAND = {
    "head.layers.0.linear.weight": lambda m: m.head.layers[0].linear.requires_grad_(False),
    "head.layers.1.act": lambda m: setattr(m.head.layers[1], "act", nn.Tanh()),
    "head.layers.2.norm.eps": lambda m: setattr(m.head.layers[2].norm, "eps", 1.0),
    "head.layers.2.norm.momentum": lambda m: setattr(m.head.layers[2].norm, "momentum", None),
    "head.layers.3.drop.p": lambda m: setattr(m.head.layers[3].drop, "p", 0.9),
    "head.layers.4": lambda m: m.head.layers.append(nn.Identity()),
    "head.classifier_drop": lambda m: setattr(m.head, "classifier_drop", nn.Identity()),
    "head.chained": lambda m: setattr(m.head, "chained", False),
    "head.scale": lambda m: m.head.register_buffer("scale", torch.ones(1)),
    "body.forward": lambda m: setattr(m.body, "forward", lambda x: x.flatten(1).abs()),
    "body.mean": lambda m: setattr(m.body, "mean", (0.5,)),
}


@pytest.mark.parametrize("place", BY_HAND)
def test_a_network_that_was_changed_by_hand_is_not_trained_under_the_name_of_another(place, digits):
    model = built()
    BY_HAND[place](model)
    with pytest.raises(ValueError, match=rf"train: {place}.* is .*create_model"):
        quick_train(model, digits, TrainConfig(steps=1))


class ReadsWhileBuilt(bodies.Pixels):
    """A body of the user's that needs the value of a tensor when it is built."""

    name = "reads_while_built"

    def __init__(self, in_chans=1, image_size=8):
        super().__init__(in_chans, image_size)
        self.scale = torch.linspace(0, 1, 3)[-1].item()


def test_what_changes_no_network_is_trained(digits, monkeypatch):
    monkeypatch.setitem(bodies._BACKBONES, "reads_while_built", ReadsWhileBuilt)
    model = built(act_layer=nn.GELU)
    model.register_forward_hook(lambda *arguments: None)
    model.body.at_once = 7
    model.head.layers[0].eval()
    model.reset_classifier(3)
    model.reset_classifier(10)
    for net in (
        model,
        model,  # trained before
        replace_head(small(), "mlp", hidden_sizes=4, norm_layer=OwnNorm),
        create_model("reads_while_built", "linear", 10),
        create_model("pixels", "linear", 10, image_size=8, background_class=True),
    ):
        assert quick_train(net, digits, TrainConfig(steps=1)).model == net.arguments


def test_grey_images_for_a_body_of_colour_are_said(recwarn):
    data, config = load_dataset("digits", size=32), TrainConfig(steps=1, batch_size=4)
    for _ in range(2):  # a run after the other, as in a loop over seeds
        Run(create_model("torchvision:resnet18", "linear", 10, 1, 32), data, config, 0, "cpu")
    [said] = {str(warning.message) for warning in recwarn if "grey" in str(warning.message)}
    assert "digits" in said and "three channels" in said and "torchvision:resnet18" in said
    recwarn.clear()
    Run(create_model("pixels", "linear", 10, 1, 32), data, config, 0, "cpu")
    assert not recwarn.list
