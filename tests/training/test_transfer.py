"""Training on from weights that were given, with parts frozen, and with a rate of its own for the body."""

import copy
from dataclasses import replace

import pytest
import torch

from spinalnet_lib import TrainConfig, create_model, load_dataset, load_model, replace_head, save_model, train
from spinalnet_lib.data.splits import DataSet, Split
from spinalnet_lib.machine import OutOfTime
from spinalnet_lib.models.weights import weights_sha256
from spinalnet_lib.training.runs import initialise, run_key

STEPS = TrainConfig(steps=6, batch_size=32, evaluations=1, optimizer="adam", learning_rate=0.01)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


SPINE = {"head": "spinal", "layer_width": 8, "norm_layer": "BatchNorm1d"}


def built():
    return create_model("pixels", num_classes=10, image_size=8, **SPINE)


def run(model, data, seed=0, **changes):
    return train(model, data, replace(STEPS, **changes), seed, "cpu", progress=False)


@pytest.fixture
def saved(digits, tmp_path):
    """A file of a model that was trained."""
    model = built()
    run(model, digits, steps=60)
    save_model(model, tmp_path / "model.npz")
    return tmp_path / "model.npz"


def test_loaded_weights_are_trained_on_and_named_in_the_record(digits, saved):
    model = load_model(saved)
    before = weights_sha256(model.head)
    given = run(model, digits, start="given", learning_rate=1e-9)
    drawn = run(built(), digits, learning_rate=1e-9)
    assert given.last["val_error"] < 0.5 < drawn.last["val_error"]
    assert given.model["weights"] == {"head": before} and given.recipe["start"] == "given"
    assert "weights" not in drawn.model and "start" not in drawn.recipe


def test_loaded_weights_are_not_thrown_away_without_a_word(digits, saved):
    for load in (lambda: load_model(saved), lambda: _with(built(), saved), lambda: _with_head(built(), saved)):
        with pytest.raises(ValueError, match=r"head.*start='given'"):
            run(load(), digits)
    with pytest.raises(ValueError, match="none were"):
        run(built(), digits, start="given")


def test_weights_that_came_by_any_way_are_noticed(digits, saved):
    def in_place(model):
        with torch.no_grad():
            model.head.classifier.bias[0] += 1e-3

    def by_a_step(model):
        model(torch.ones(2, 1, 8, 8)).sum().backward()
        torch.optim.SGD(model.parameters(), 0.1).step()

    ways = (
        in_place,
        by_a_step,
        lambda model: model.head.layers[1].load_state_dict(load_model(saved).head.layers[1].state_dict()),
        lambda model: model.head.load_state_dict(load_model(saved).head.state_dict(), assign=True),
        lambda model: setattr(model.head, "classifier", load_model(saved).head.classifier),
    )
    for change in ways:
        model = built()
        change(model)
        with pytest.raises(ValueError, match=r"head.*start='given'"):
            run(model, digits)
        assert run(model, digits, start="given").model["weights"].keys() == {"head"}


def test_what_the_library_drew_and_trained_itself_is_drawn_anew(digits, tmp_path):
    fresh = built()
    run(fresh, digits)
    run(fresh, digits, seed=1)
    place = {"checkpoint": tmp_path / "run.npz", "checkpoint_seconds": 0, "progress": False}
    with pytest.raises(OutOfTime):
        train(fresh, digits, STEPS, 0, "cpu", time_limit=0, **place)
    fresh(torch.ones(2, 1, 8, 8))  # in training mode: its norms have looked at images
    fresh.reset_classifier(10)
    copied = copy.deepcopy(fresh).double().float()
    assert run(copied, digits).curve == run(replace_head(fresh, **SPINE), digits).curve == run(built(), digits).curve


def test_a_body_that_was_trained_on_is_no_longer_its_publishers(digits):
    model = create_model("efficientnet_lite0", "linear", 2, image_size=32, pretrained=True)
    images = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    split = Split(images, torch.arange(8) % 2)
    data = DataSet(split, split, split, {"name": "noise", "num_classes": 2})
    said = [
        run(model, data, start="given", steps=1, batch_size=8, trainable=part).model["weights"]["body"]
        for part in ("head", "all", "head")
    ]
    assert said[0] == said[1] == model.body.pretrained_sha256() != said[2] == weights_sha256(model.body)


def _with(model, path):
    model.load_state_dict(load_model(path).state_dict())
    return model


def _with_head(model, path):
    model.head.load_state_dict(load_model(path).head.state_dict())
    return model


def test_other_given_weights_are_another_run(digits, saved):
    first, second = load_model(saved), load_model(saved)
    config = replace(STEPS, start="given")
    with torch.no_grad():
        second.head.classifier.bias[0] += 1e-6
    assert run_key(first, digits, config, 0, "cpu") != run_key(second, digits, config, 0, "cpu")
    assert run_key(first, digits, config, 0, "cpu") == run_key(load_model(saved), digits, config, 0, "cpu")


def test_what_was_not_loaded_is_drawn_from_the_seed(digits):
    def start(seed):
        model = create_model("two_conv", "linear", 10)
        model.body.load_state_dict(body)
        return run(model, _images(digits), seed, start="given", learning_rate=1e-9), model

    body = create_model("two_conv", "linear", 10).body.state_dict()
    (first, one), (again, same), (_, other) = start(0), start(0), start(1)
    assert first.model["weights"].keys() == {"body"} and first.curve == again.curve
    weights = [model.head.classifier.weight for model in (one, same, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.allclose(weights[0], weights[2])
    torch.testing.assert_close(one.body.layers[0].weight, body["layers.0.weight"], atol=1e-6, rtol=0)


def _images(digits):
    """The digits in a frame of 28×28."""
    parts = {name: getattr(digits, name) for name in ("train", "val", "test")}
    framed = {
        name: replace(part, images=torch.nn.functional.pad(part.images, (10, 10, 10, 10)))
        for name, part in parts.items()
    }
    return replace(digits, **framed, card={**digits.card, "image_shape": [1, 28, 28]})


def test_only_what_is_trainable_moves_and_frozen_norms_stand_still(digits):
    data = _images(digits)
    for trainable, moves in (
        ("all", {"body", "head"}),
        ("head", {"head"}),
        (("head.classifier",), {"head.classifier"}),
        (["body.layers.1", "head"], {"body.layers.1.", "head"}),
    ):
        model = create_model("vgg5", "spinal", 10, layer_width=8, norm_layer="BatchNorm1d")
        record = run(model, data, steps=2, trainable=trainable)
        after = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        initialise(model, 0)
        changed = {
            name
            for name, tensor in model.state_dict().items()
            if not torch.allclose(tensor.float(), after[name].float(), atol=1e-5)
        }
        assert changed and all(any(name.startswith(part) for part in moves) for name in changed), trainable
        assert all(any(name.startswith(part) for name in changed) for part in moves), trainable
        assert all(parameter.requires_grad for parameter in model.parameters())
        assert record.recipe.get("trainable", "all") == (trainable if isinstance(trainable, str) else tuple(trainable))


def test_the_body_may_have_a_rate_of_its_own(digits):
    data, moved = _images(digits), {}
    for rate in (None, 1e-12):
        model = create_model("two_conv", "linear", 10)
        run(model, data, body_learning_rate=rate, optimizer="sgd")
        now = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        initialise(model, 0)
        moved[rate] = {name: (now[name] - tensor).abs().max().item() for name, tensor in model.state_dict().items()}
    assert moved[None]["body.layers.0.weight"] > 1e-5 > moved[1e-12]["body.layers.0.weight"]
    assert moved[1e-12]["head.classifier.weight"] > 1e-4


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not(digits, saved, tmp_path):
    config = replace(STEPS, start="given", trainable=("head.classifier",), body_learning_rate=0.001)
    whole = train(load_model(saved), digits, config, 0, "cpu", progress=False)
    place = {"checkpoint": tmp_path / "run.npz", "checkpoint_seconds": 0, "progress": False}
    with pytest.raises(OutOfTime):
        train(load_model(saved), digits, config, 0, "cpu", time_limit=0, **place)
    assert train(load_model(saved), digits, config, 0, "cpu", **place).curve == whole.curve


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"start": "imagenet"}, "imagenet"),
        ({"trainable": ()}, "trainable"),
        ({"trainable": 3}, "trainable"),
        ({"body_learning_rate": 0}, "body_learning_rate"),
        ({"stacked": True, "trainable": "head"}, "stacked"),
    ],
)
def test_wrong_recipes_name_the_value(changes, says):
    with pytest.raises((ValueError, TypeError), match=says):
        replace(STEPS, **changes)


def test_a_part_that_is_not_there_is_named(digits):
    with pytest.raises(ValueError, match=r"head\.clasifier.*head\.classifier"):
        run(built(), digits, trainable=("head.clasifier",))
    for trainable, says in (
        ("nothing", "'nothing'.* mean 'head'"),
        (("head", "layers.1"), "'layers.1'.*'head.layers.1'"),
    ):
        with pytest.raises(ValueError, match=says):
            run(built(), digits, trainable=trainable)


def test_one_part_may_be_named_as_it_is():
    assert replace(STEPS, trainable="body.layers.9").trainable == ("body.layers.9",)
    assert replace(STEPS, trainable="head").trainable == "head"
