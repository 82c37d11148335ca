"""Training on from weights that were given, with parts frozen, and with a rate of its own for the body."""

from dataclasses import replace

import pytest
import torch

from spinalnet_lib import TrainConfig, create_model, load_dataset, load_model, save_model, train
from spinalnet_lib.machine import OutOfTime
from spinalnet_lib.models.weights import weights_sha256
from spinalnet_lib.training.runs import initialise, run_key

STEPS = TrainConfig(steps=6, batch_size=32, evaluations=1, optimizer="adam", learning_rate=0.01)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def built(**sizes):
    return create_model("pixels", "spinal", 10, image_size=8, layer_width=8, norm_layer="BatchNorm1d", **sizes)


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
    fresh = built()
    run(fresh, digits)
    run(fresh, digits, seed=1)  # a run's own weights were not given


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
