"""The arms differ from the paper's heads in their dropout only, and are heads that can be built."""

import pytest
import torch

from spinalnet_lib import create_model
from spinalnet_lib.models.sizes import OTHER, PRIMARY, arm_arguments, paper_head, primary_arms


def drops(model):
    return [m.p for m in model.head.modules() if type(m).__name__ == "Dropout"]


@pytest.mark.parametrize("head", [*PRIMARY, *OTHER])
def test_on_the_2_conv_cnn_every_arm_has_dropout_before_its_classifier(head):
    model = create_model("two_conv", head, 10, **arm_arguments(head, 0.5))
    assert model.head.classifier_drop.p == 0.5 and drops(model) == [0.5]


@pytest.mark.parametrize("head", [head for head in OTHER if head != "linear"])
def test_every_other_spine_and_chain_computes_as_many_layers_as_the_papers_spine(head):
    """A layer that is used again counts each time: fewer layers would be another ablation."""
    model, calls = create_model("two_conv", head, 10, **arm_arguments(head, 0.5)).eval(), []
    for layer in model.head.layers:
        layer.register_forward_hook(lambda *_: calls.append(1))
    model(torch.zeros(1, 1, 28, 28))
    assert len(calls) == paper_head("two_conv", "spinal")["num_layers"]


@pytest.mark.parametrize("backbone", ["two_conv", "vgg5", "cifar_cnn", "vgg16_bn"])
def test_at_the_papers_rate_the_papers_arms_are_the_papers_heads(backbone):
    rate = {"cifar_cnn": 0.1}.get(backbone, 0.5)
    published = paper_head(backbone, "mlp")
    if isinstance(published["drop_rate"], tuple):
        published["drop_rate"] = list(published["drop_rate"])
    assert arm_arguments("mlp", rate, backbone) == published
    ours = arm_arguments("spinal", rate, backbone)
    if backbone != "two_conv":  # whose published spinal head has no dropout at all
        assert ours == paper_head(backbone, "spinal")
    assert arm_arguments("mlp_matched", rate, backbone) == ours
    assert not any(drops(create_model(backbone, "spinal", 10, **arm_arguments("spinal", 0.0, backbone))))


def test_what_is_no_arm_is_refused():
    with pytest.raises(ValueError, match="unknown arm 'spinel'; did you mean 'spinal'"):
        arm_arguments("spinel", 0.5)


def test_where_the_spine_replaces_one_linear_there_is_no_dense_head():
    assert primary_arms("two_conv") == PRIMARY
    assert primary_arms("resnet18_cells") == ("spinal_spatial", "mlp_matched", "linear")
    assert primary_arms("efficientnet_lite0") == ("spinal", "mlp_matched", "linear")
    with pytest.raises(ValueError, match="no 'mlp' on 'densenet121'"):
        arm_arguments("mlp", 0.5, "densenet121")


@pytest.mark.parametrize("head", ["mlp", "spinal", "mlp_matched", "spinal_tied", "linear"])
def test_the_regressions_nets_have_dropout_before_their_last_layer(head):
    model = create_model("pixels", head, 1, 8, 1, **arm_arguments(head, 0.5, "pixels"))
    assert model.head.classifier_drop.p == 0.5 and drops(model) == [0.5]


def test_the_width_can_be_given():
    assert arm_arguments("spinal", 0.5, width=32) == {
        "layer_width": 32,
        "num_layers": 6,
        "drop_rate": [0.0] * 6 + [0.5],
    }
    assert arm_arguments("mlp", 0.5, width=32) == {"hidden_sizes": 32, "drop_rate": [0.0, 0.5]}
