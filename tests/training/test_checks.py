"""What a run refuses before a weight is drawn, and what it lets pass."""

import dataclasses

import pytest
import torch
from torch import nn

from spinalnet_lib import DataSet, Split, TrainConfig, create_model, load_dataset, replace_head, train
from spinalnet_lib.models import bodies
from spinalnet_lib.training.checks import fit_length
from spinalnet_lib.training.runs import Run, run_key
from tests.training.cases import QUICK, quick_train, small


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


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


def test_more_evaluations_than_steps_are_refused(digits):
    with pytest.raises(ValueError, match="evaluations=39"):
        Run(small(), digits, TrainConfig(epochs=2, evaluations=39), 0, "cpu")


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


def test_a_recipe_is_fitted_to_the_number_of_images():
    config = TrainConfig(batch_size=100, epochs=2, warmup=24)
    assert fit_length(small(), config, 1199) == dataclasses.replace(config, warmup=12)
    normed = small(norm_layer="BatchNorm1d")
    assert fit_length(normed, dataclasses.replace(config, warmup=0), 1201).batch_size == 101
    assert (
        fit_length(small(), dataclasses.replace(config, warmup=0), 1201).batch_size == 100
    )  # nothing norms the one left
