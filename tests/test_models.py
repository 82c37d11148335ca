import pytest
import torch
from torch import nn

from spinalnet_lib import Classifier, LinearHead, count_parameters, create_backbone, create_model, paper_head

PAPER_PARAMETERS = {
    ("two_conv", "mlp"): 21_840,
    ("two_conv", "spinal"): 13_818,
    ("vgg5", "mlp"): 3_646_154,
    ("vgg5", "spinal"): 3_629_770,
}


@pytest.mark.parametrize(("backbone", "head"), PAPER_PARAMETERS)
def test_the_papers_networks_have_the_papers_parameters(backbone, head):
    model = create_model(backbone, head, 10, **paper_head(backbone, head))
    assert count_parameters(model) == PAPER_PARAMETERS[backbone, head]


# The published scripts: what they drop before each Linear of the head, the classifier last; norm; activation.
PAPER_LAYERS = {
    ("two_conv", "mlp"): ([0, 0.5], "Identity"),
    ("two_conv", "spinal"): ([0] * 7, "Identity"),
    ("vgg5", "mlp"): ([0.5, 0.5], "BatchNorm1d"),
    ("vgg5", "spinal"): ([0.5] * 5, "BatchNorm1d"),
}


@pytest.mark.parametrize(("backbone", "name"), PAPER_LAYERS)
def test_the_papers_heads_drop_and_normalise_as_published(backbone, name):
    head = create_model(backbone, name, 10, **paper_head(backbone, name)).head
    drops, norm = PAPER_LAYERS[backbone, name]
    assert [getattr(d, "p", 0) for d in (*(layer.drop for layer in head.layers), head.classifier_drop)] == drops
    assert {type(layer.norm).__name__ for layer in head.layers} == {norm}
    assert {type(layer.act).__name__ for layer in head.layers} == {"ReLU"}


def test_timms_contract():
    model = create_model("two_conv", "spinal", 10, layer_width=8).eval()
    x = torch.randn(2, 1, 28, 28)
    features = model.forward_features(x)
    assert features.shape == (2, model.num_features)
    assert torch.equal(model(x), model.forward_head(features))
    assert model.forward_head(features, pre_logits=True).shape == (2, model.head_hidden_size)
    assert model.get_classifier() is model.head.classifier
    model.reset_classifier(3)
    assert model(x).shape == (2, 3) and model.num_classes == 3 and model.arguments["num_classes"] == 3
    model.reset_classifier(0)
    assert model(x).shape == (2, model.head_hidden_size) and isinstance(model.get_classifier(), nn.Identity)
    assert torch.equal(model(x), model.forward_head(features, pre_logits=True))


def test_arguments_can_be_written_as_json():
    import json

    model = create_model("vgg5", "mlp", 10, hidden_sizes=(8, 4), drop_rate=0.5, norm_layer=nn.BatchNorm1d)
    arguments = json.loads(json.dumps(model.arguments))
    assert arguments["head_arguments"] == {"hidden_sizes": [8, 4], "drop_rate": 0.5, "norm_layer": "BatchNorm1d"}
    again = create_model(
        arguments["backbone"], arguments["head"], arguments["num_classes"], **arguments["head_arguments"]
    )
    assert count_parameters(again) == count_parameters(model)


def test_a_head_that_does_not_fit_its_body_is_refused():
    with pytest.raises(ValueError, match="gives 320 features, the head reads 300"):
        Classifier(create_backbone("two_conv"), LinearHead(300, 10))


@pytest.mark.parametrize(("backbone", "head"), [("two_con", "mlp"), ("two_conv", "spinall")])
def test_unknown_names_say_the_near_ones(backbone, head):
    with pytest.raises(ValueError, match="did you mean"):
        create_model(backbone, head, 10)


def test_parts_that_are_no_parts_are_refused():
    with pytest.raises(TypeError, match="Classifier takes a Backbone and a Head, got NoneType and LinearHead"):
        Classifier(None, LinearHead(3, 2))


def test_a_fixed_image_size_may_be_said_and_not_changed():
    assert create_model("two_conv", "linear", 10, image_size=28).arguments["image_size"] == 28
    with pytest.raises(ValueError, match="'two_conv' reads images of 28 × 28, got image_size=32; leave it out"):
        create_model("two_conv", "linear", 10, image_size=32)


def test_layers_from_elsewhere_are_recorded_with_their_module():
    class OwnNorm(nn.LayerNorm):
        pass

    arguments = create_model("pixels", "mlp", 3, image_size=2, hidden_sizes=4, norm_layer=OwnNorm).arguments
    assert arguments["head_arguments"]["norm_layer"].startswith("test_models.") and "OwnNorm" in str(arguments)


def test_the_paper_has_no_such_head():
    with pytest.raises(ValueError, match=r"known: two_conv \+ mlp"):
        paper_head("two_conv", "linear")


def test_reset_refuses_a_negative_number():
    with pytest.raises(ValueError, match="num_classes must be at least 0, got -1"):
        create_model("two_conv", "linear", 10).reset_classifier(-1)
