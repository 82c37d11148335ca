"""Accuracy by hand, the three readings of a test set, and splits that cannot be evaluated."""

import dataclasses

import numpy as np
import pytest
import torch

from spinalnet_lib import Split, TrainConfig, create_model, evaluate, load_dataset
from spinalnet_lib.models.sizes import arm_arguments
from spinalnet_lib.records.record import unpack_bits
from spinalnet_lib.records.schema import check_record
from spinalnet_lib.training.evaluation import GRADIENT_IMAGES, gradient_norms
from spinalnet_lib.training.runs import initialise
from tests.training.cases import QUICK, quick_train, small


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def test_evaluate_counts_by_hand(digits):
    model = small(drop_rate=0.5)
    sizes, model.body.at_once = [], 100
    model.body.register_forward_hook(lambda module, images, out: sizes.append(len(out)))
    accuracy, correct = evaluate(model, digits.val, batch_size=117)
    evaluate(model, digits.val)
    assert sizes == [117, 117, 5, 100, 100, 39]
    model.eval()
    by_hand = model(digits.val.batch(slice(None))[0]).argmax(1) == digits.val.labels
    assert torch.equal(correct, by_hand) and accuracy == pytest.approx(by_hand.float().mean().item())


def test_images_come_in_the_numbers_of_the_model(digits):
    model = small().eval()
    _, expected = evaluate(model, digits.val)
    assert (evaluate(model.double(), digits.val)[1] == expected).float().mean() > 0.99
    assert (evaluate(model.bfloat16(), digits.val)[1] == expected).float().mean() > 0.8


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda model, data: evaluate(model, data), "evaluate reads a Split, got DataSet"),
        (lambda model, data: evaluate(model, Split(data.val.images, torch.rand(len(data.val)))), "float labels"),
        (lambda model, data: evaluate(model, data.val, batch_size=0), "batch_size must be at least 1, got 0"),
        (
            lambda model, data: evaluate(
                model, dataclasses.replace(data.val, images=data.val.images[:0], labels=data.val.labels[:0])
            ),
            "no images",
        ),
    ],
)
def test_wrong_evaluation(digits, call, says):
    with pytest.raises((ValueError, TypeError), match=says):
        call(small(), digits)


def test_evaluation_needs_a_logit_for_each_label(digits):
    model = small()
    model.reset_classifier(3)
    with pytest.raises(ValueError, match="labels run to 9, the model gives 3 logits"):
        evaluate(model, digits.val)


def test_evaluation_restores_each_mode_even_after_an_error(digits):
    model = small(norm_layer="BatchNorm1d").train()
    model.head.layers[0].norm.eval()  # frozen by its owner
    evaluate(model, digits.val)
    assert model.training and not model.head.layers[0].norm.training and model.head.layers[1].norm.training
    with pytest.raises(ValueError, match="9, 9"):
        evaluate(model, Split(torch.zeros(4, 1, 9, 9, dtype=torch.uint8), digits.val.labels[:4]))
    assert model.training and not model.head.layers[0].norm.training


def test_test_accuracy_three_ways(digits):
    model = small()
    record = quick_train(model, digits, dataclasses.replace(QUICK, epochs=4, read_test=True))
    accuracy, correct = evaluate(model, digits.test)
    assert record.test["last"] == pytest.approx(accuracy, abs=1e-6)
    assert (unpack_bits(record.test["correct"], len(digits.test)) == correct.numpy()).all()
    errors = [point["test_error"] for point in record.curve]
    best = min(range(len(errors)), key=lambda i: record.curve[i]["val_error"])
    assert record.test["test_max"] == pytest.approx(1 - min(errors), abs=1e-6)
    assert record.test["val_best"] == pytest.approx(1 - errors[best], abs=1e-6)
    assert record.test["test_max"] >= max(record.test["last"], record.test["val_best"])
    with torch.no_grad():
        shares = model.eval()(digits.test.batch(slice(None))[0]).double().softmax(1).numpy()
    right = np.arange(10) == digits.test.labels.numpy()[:, None]
    assert record.test["nll"] == pytest.approx(-np.log(shares[right]).mean(), abs=1e-5)
    assert record.test["brier"] == pytest.approx(((shares - right) ** 2).sum(1).mean(), abs=1e-5)


def test_labels_are_counted_from_zero(digits):
    labels = digits.val.labels.clone()
    labels[3] = -1
    with pytest.raises(ValueError, match=r"label -1"):
        evaluate(small(), dataclasses.replace(digits.val, labels=labels))


@pytest.mark.parametrize("head", ["spinal", "mlp_deep", "mlp_deep_skip", "spinal_last"])
def test_gradient_norms_are_those_of_a_backward_pass(head):
    """Of one batch by hand, with the layers found by their place in the chain, in an independent float64 model."""
    data = load_dataset("mnist_5k")
    arguments = arm_arguments(head, 0.5, num_layers=30)
    model = create_model("two_conv", head, 10, **arguments)
    initialise(model, 0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    norms = gradient_norms(model.train(), data.train)
    assert model.training and all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert len(norms) == 30 and all(parameter.grad is None for parameter in model.parameters())

    images, labels = data.train.batch(slice(GRADIENT_IMAGES))
    by_hand = create_model("two_conv", head, 10, **arguments).double().eval()
    by_hand.load_state_dict(before)
    log_probabilities = by_hand(images.double()).log_softmax(1)
    (-log_probabilities[torch.arange(len(labels)), labels].mean()).backward()
    linears = [module for module in by_hand.head.modules() if isinstance(module, torch.nn.Linear)]
    hidden = [linear for linear in linears if linear is not by_hand.get_classifier()]
    for linear, norm in ((hidden[0], norms[0]), (hidden[-1], norms[-1])):
        assert norm == pytest.approx(linear.weight.grad.square().sum().sqrt().item(), rel=1e-5, abs=0)
    assert (norms[0] / norms[-1] > 1e-3) == (head in ("spinal", "mlp_deep_skip"))


@pytest.mark.parametrize("fast", [False, True])
def test_a_curve_holds_gradient_norms_from_before_the_first_step_and_nothing_else_changes(digits, fast):
    config = TrainConfig(optimizer="adam", learning_rate=0.003, steps=6, evaluations=2, read_test=True, fast=fast)
    plain = quick_train(small(drop_rate=0.5), digits, config)
    told = quick_train(small(drop_rate=0.5), digits, dataclasses.replace(config, gradient_norms=True))
    first, *others = told.curve
    assert (first["step"], first["train_loss"], len(first["gradient_norms"])) == (0, None, 4)
    assert [{**point, "gradient_norms": 0} for point in others] == [
        {**point, "gradient_norms": 0} for point in plain.curve
    ]
    assert first["gradient_norms"] != others[-1]["gradient_norms"] and not told.diverged
    assert told.test["last"] == plain.test["last"] and told.key != plain.key
    assert "gradient_norms" not in plain.recipe and told.recipe["gradient_norms"] is True
    check_record(dataclasses.asdict(told))


def test_a_head_without_layers_in_a_row_has_no_gradient_norms(digits):
    with pytest.raises(ValueError, match=r"gradient_norms=True.*'linear'"):
        quick_train(create_model("pixels", "linear", 10, image_size=8), digits, TrainConfig(gradient_norms=True))
