import pytest
import torch
from torch import nn

from spinalnet_lib import (
    Classifier,
    LinearHead,
    count_macs,
    count_parameters,
    create_backbone,
    create_model,
    head_cost,
    paper_head,
)
from spinalnet_lib.models.sizes import list_paper_heads


def spine(half, width, layers):
    """Weights of a spine with two halves, by its formula, without the classifier."""
    return half * width + (layers - 1) * (half + width) * width


# Counted on the published classes: parameters and MACs of the network, parameters and MACs of its head.
PAPER_COUNTS = {
    ("two_conv", "mlp", 10): (21_840, 480_500, 16_560, 16_500),
    ("two_conv", "spinal", 10): (13_818, 472_480, 8_538, 8_480),
    ("vgg5", "mlp", 10): (3_646_154, 161_019_904, 137_738, 136_192),
    ("vgg5", "spinal", 10): (3_629_770, 161_003_520, 121_354, 119_808),
    ("vgg5", "mlp", 62): (3_672_830, 161_046_528, 164_414, 162_816),
    ("vgg5", "spinal", 62): (3_656_446, 161_030_144, 148_030, 146_432),
    ("cifar_cnn", "mlp", 10): (5_852_170, 137_729_024, 4_725_258, 4_723_712),
    ("cifar_cnn", "spinal", 10): (2_230_282, 134_108_160, 1_103_370, 1_102_848),
    ("cifar_cnn", "mlp", 100): (5_898_340, 137_775_104, 4_771_428, 4_769_792),
    ("resnet18", "linear", 10): (3_141_674, 151_882_240, 2_570, 2_560),
    ("resnet18_cells", "spinal_spatial", 10): (3_609_130, 152_348_672, 470_026, 468_992),
    ("resnet34", "linear", 10): (5_670_570, 302_877_184, 2_570, 2_560),
    ("resnet34_cells", "spinal_spatial", 10): (6_138_026, 303_343_616, 470_026, 468_992),
    ("resnet18", "linear", 100): (3_164_804, 151_905_280, 25_700, 25_600),
    ("resnet18_cells", "spinal_spatial", 100): (4_656_772, 153_395_200, 1_517_668, 1_515_520),
    ("vgg11_bn", "mlp", 10): (28_149_514, 171_679_744, 18_923_530, 18_915_328),
    ("vgg11_bn", "spinal", 10): (10_559_242, 154_095_616, 1_333_258, 1_331_200),
    ("vgg13_bn", "mlp", 10): (28_334_410, 247_177_216, 18_923_530, 18_915_328),
    ("vgg13_bn", "spinal", 10): (10_744_138, 229_593_088, 1_333_258, 1_331_200),
    ("vgg16_bn", "mlp", 10): (33_646_666, 332_111_872, 18_923_530, 18_915_328),
    ("vgg16_bn", "spinal", 10): (16_056_394, 314_527_744, 1_333_258, 1_331_200),
    ("vgg19_bn", "mlp", 10): (38_958_922, 417_046_528, 18_923_530, 18_915_328),
    ("vgg19_bn", "spinal", 10): (21_368_650, 399_462_400, 1_333_258, 1_331_200),
    ("vgg16_bn", "mlp", 100): (34_015_396, 332_480_512, 19_292_260, 19_283_968),
    ("vgg11_bn", "spinal", 100): (10_743_652, 154_279_936, 1_517_668, 1_515_520),
}


@pytest.mark.parametrize(("backbone", "head", "classes"), PAPER_COUNTS)
def test_the_papers_networks_have_the_papers_counts(backbone, head, classes):
    with torch.device("meta"):  # nothing is computed
        model = create_model(backbone, head, classes, **paper_head(backbone, head, classes))
    body = model.body
    assert (
        count_parameters(model),
        count_macs(model, (body.in_chans, body.image_size, body.image_size)),
        count_parameters(model.head),
        count_macs(model.head, (model.num_features,)),
    ) == PAPER_COUNTS[backbone, head, classes]


def test_the_papers_other_heads_have_the_papers_counts():
    """The 2-conv CNN for EMNIST digits, the regression networks, and one of the customizable heads."""
    with torch.device("meta"):
        model = create_model("two_conv", "spinal", 10, layer_width=10, num_layers=6)
    assert (count_parameters(model), count_macs(model, (1, 28, 28))) == (16_050, 474_700)
    assert (count_parameters(model.head), count_macs(model.head, (320,))) == (10_770, 10_700)
    assert head_cost("mlp", 8, 1, hidden_sizes=(200, 100)).parameters == 22_001
    spine = {"layer_width": 50, "num_layers": 6}
    assert head_cost("spinal", 8, 1, **spine).parameters == 14_301
    # As shipped, layers 5 and 6 run layers 3 and 4 again: two layers of 54 inputs and a bias are never used.
    assert 14_301 - 2 * (4 + 50 + 1) * 50 == 8_801
    # No published count: 200 features in four splits, 15 layers of 30: the first reads 50, the others 50 + 30.
    custom = head_cost("spinal", 200, 7, layer_width=30, num_layers=15, num_splits=4)
    assert custom.weights == 50 * 30 + 14 * (50 + 30) * 30 + 15 * 30 * 7 == 38_250


def test_arch2_has_the_counts_of_its_formula():
    width, arguments = 30, paper_head("arch2", "spinal_columns")
    with torch.device("meta"):
        model = create_model("arch2", "spinal_columns", 10, **arguments)
    # halves of pixels, first map, second map: 392, 720, 160; 26 layers in all, then 50 units and 10 classes
    macs = spine(392, width, 10) + spine(720, width, 8) + spine(160, width, 8) + 26 * width * 50 + 50 * 10
    assert count_macs(model.head, (2544,)) == macs
    assert count_parameters(model.head) == macs + 26 * width + 50 + 10
    # the convolutions: 24×24 places of 5·5 on 1 channel to 10, 8×8 places of 5·5·10 to 20
    assert count_macs(model, (1, 28, 28)) == macs + 24**2 * 25 * 10 + 8**2 * 250 * 20
    assert count_parameters(model) == macs + 26 * width + 50 + 10 + (25 + 1) * 10 + (250 + 1) * 20


def test_every_head_of_the_paper_is_counted():
    assert {(backbone, head) for backbone, head, _ in PAPER_COUNTS} | {("arch2", "spinal_columns")} == set(
        list_paper_heads()
    )


# The published scripts: what they drop before each Linear of the head, the classifier last; norm; activation.
PAPER_LAYERS = {
    ("two_conv", "mlp"): ([0, 0.5], "Identity"),
    ("two_conv", "spinal"): ([0] * 7, "Identity"),
    ("vgg5", "mlp"): ([0.5, 0.5], "BatchNorm1d"),
    ("vgg5", "spinal"): ([0.5] * 5, "BatchNorm1d"),
    ("cifar_cnn", "mlp"): ([0.1, 0, 0.1], "Identity"),
    ("cifar_cnn", "spinal"): ([0.1] * 5, "Identity"),
    ("resnet18_cells", "spinal_spatial"): ([0] * 5, "Identity"),
    ("vgg19_bn", "mlp"): ([0, 0.5, 0.5], "Identity"),
    ("vgg19_bn", "spinal"): ([0.5] * 5, "Identity"),
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


def test_parts_that_do_not_fit_or_are_none_are_refused():
    with pytest.raises(ValueError, match="gives 320 features, the head reads 300"):
        Classifier(create_backbone("two_conv"), LinearHead(300, 10))
    with pytest.raises(TypeError, match="Classifier takes a Backbone and a Head, got NoneType and LinearHead"):
        Classifier(None, LinearHead(3, 2))


def test_layers_from_elsewhere_are_recorded_with_their_module():
    class OwnNorm(nn.LayerNorm):
        pass

    arguments = create_model("pixels", "mlp", 3, image_size=2, hidden_sizes=4, norm_layer=OwnNorm).arguments
    assert arguments["head_arguments"]["norm_layer"].startswith(f"{__name__}.") and "OwnNorm" in str(arguments)


def test_the_paper_has_no_such_head():
    with pytest.raises(ValueError, match=r"known: two_conv \+ mlp, two_conv \+ spinal$"):
        paper_head("two_conv", "linear")


def test_the_papers_heads_are_wider_for_100_classes_on_three_bodies():
    wider = {key for key in list_paper_heads() if paper_head(*key) != paper_head(*key, num_classes=100)}
    assert wider == {
        ("cifar_cnn", "spinal"),
        ("resnet18_cells", "spinal_spatial"),
        ("resnet34_cells", "spinal_spatial"),
    }
    paper_head("cifar_cnn", "spinal", 100)["layer_width"] = 1
    assert paper_head("cifar_cnn", "spinal")["layer_width"] == 128


def test_arguments_record_the_size_and_channels_that_the_body_has():
    assert create_model("two_conv", "linear", 10, image_size=28).arguments["image_size"] == 28
    with pytest.raises(ValueError, match="'two_conv' reads images of 28 × 28, got image_size=32"):
        create_model("two_conv", "linear", 10, image_size=32)
    assert create_model("two_conv", "linear", 10).arguments["in_chans"] == 1
    colour = create_model("resnet18", "linear", 10).arguments
    assert (colour["in_chans"], colour["image_size"]) == (3, 32)
    assert create_model("resnet18", "linear", 10, in_chans=1).arguments["in_chans"] == 1
