"""Biases before a BatchNorm: found in every body, without effect, and given back as they were."""

import pytest
import torch
from torch.nn import functional as F

from spinalnet_lib import create_model, list_backbones
from spinalnet_lib.models.sizes import paper_head
from spinalnet_lib.training.steps import idle_biases, without_idle_gradients

EXPECTED = {"vgg5": 10, "cifar_cnn": 3, "vgg11_bn": 8, "vgg16_bn": 13, "two_conv": 0, "arch2": 0, "resnet18": 0}


def model_of(backbone):
    sizes = {"image_size": 8} if backbone == "pixels" else {}
    return create_model(backbone, "linear", 10, **sizes).double()


@pytest.mark.parametrize("backbone", list_backbones())
def test_their_gradient_is_zero_but_for_rounding(backbone):
    torch.manual_seed(0)
    model = model_of(backbone)
    found = idle_biases(model)
    assert len(found) == EXPECTED.get(backbone, len(found))
    side = model.body.image_size
    x = torch.randn(2, model.body.in_chans, side, side, dtype=torch.float64)
    F.cross_entropy(model(x), torch.arange(2)).backward()
    largest = max(p.grad.abs().max() for p in model.parameters())
    assert all(bias.grad.abs().max() < 1e-12 * largest for bias in found)


def test_a_head_with_norm_has_them_too():
    model = create_model("vgg5", "spinal", 10, **paper_head("vgg5", "spinal"))
    assert len(idle_biases(model)) == EXPECTED["vgg5"] + 4


def test_within_they_get_no_gradient_and_afterwards_all_is_as_before():
    model = create_model("vgg5", "spinal", 10, **paper_head("vgg5", "spinal"))
    frozen = idle_biases(model)[0].requires_grad_(False)
    with pytest.raises(KeyboardInterrupt), without_idle_gradients(model):
        assert not any(bias.requires_grad for bias in idle_biases(model))
        assert sum(p.requires_grad for p in model.parameters()) == len(list(model.parameters())) - 14
        raise KeyboardInterrupt
    assert not frozen.requires_grad and all(bias.requires_grad for bias in idle_biases(model)[1:])
