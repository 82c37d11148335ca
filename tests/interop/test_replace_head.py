"""`replace_head` on torchvision's and timm's classifiers, one model a family, and on models it must refuse."""

import contextlib
from itertools import groupby

import pytest
import timm
import torch
import torchvision
from torch import nn

from spinalnet_lib import SpinalHead, create_head, create_model, replace_head
from tests.interop.cases import TIMM


def family(name):
    """The file that defines a model of torchvision."""
    return torchvision.models.get_model_builder(name).__module__


# Of torchvision the one with the shortest name; the others are for `make test-full`.
TORCHVISION = sorted(
    torchvision.models.list_models(module=torchvision.models), key=lambda name: (family(name), len(name), name)
)
# The smallest model of these comes without a classifier: there is no number of classes to keep.
WITHOUT_CLASSIFIER = {"deepseek_vit", "eva", "gemma4_vit", "hieradet_sam2", "qwen3_vit"}
# torch computes an LSTM without memory step by step, so this one reads a small image.
SIZES = {"sequencer": (3, 64, 64)}
# Several classifiers, averaged or distilled: each becomes a head.
HEADS = {
    "crossvit": 2,
    "efficientformer": 2,
    "efficientformer_v2": 2,
    "efficientvim": 4,
    "levit": 2,
    "swiftformer": 2,
}


@contextlib.contextmanager
def without_memory():
    """Parameters on the meta device, all else real: torchvision's regnets compute their widths with tensors."""
    register = nn.Module.register_parameter

    def register_without_memory(self, name, parameter):
        if parameter is not None:
            parameter = nn.Parameter(parameter.to("meta"), parameter.requires_grad)
        register(self, name, parameter)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Module, "register_parameter", register_without_memory)
        yield


def spinal_heads(model):
    return [module for module in model.modules() if isinstance(module, SpinalHead)]


def check_on_meta(model, heads, size):
    """Buffers made on the CPU follow: the model has no numbers, so the shapes and the gradients are all there is."""
    found = spinal_heads(model.to("meta").eval().requires_grad_(False))  # gradients of a body would take long
    assert len(found) == heads
    for head in found:
        head.requires_grad_(True)
    output = model(torch.zeros(3, *size, device="meta"))
    assert output.shape == (3, 7)
    output.sum().backward()
    assert all(parameter.grad is not None for head in found for parameter in head.parameters())


@pytest.mark.filterwarnings("ignore:The default weight initialization")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.full] if i else [])
        for _, names in groupby(TORCHVISION, family)
        for i, name in enumerate(names)
    ],
)
def test_torchvision(name):
    with without_memory():
        model = torchvision.models.get_model(name)
    assert replace_head(model, "spinal", 7, layer_width=8) is model
    check_on_meta(model, 1, (3, 224, 224))
    assert vars(model).get("num_classes", 7) == 7


@pytest.mark.parametrize("family", TIMM)
def test_timm(family):
    with torch.device("meta"):
        model = timm.create_model(TIMM[family])
    assert (model.num_classes == 0) == (family in WITHOUT_CLASSIFIER)
    if family in WITHOUT_CLASSIFIER:
        with pytest.raises(ValueError, match="gives no classes that could be kept; pass num_classes"):
            replace_head(model, "spinal", layer_width=8)
    replace_head(model, "spinal", 7, input_size=SIZES.get(family), layer_width=8)
    assert model.num_classes == 7
    check_on_meta(model, HEADS.get(family, 1), SIZES.get(family, model.pretrained_cfg["input_size"]))


def test_the_families_are_those_we_know():
    assert sorted(TIMM) == sorted(timm.list_modules())
    assert len(TORCHVISION) == 80 and len(set(map(family, TORCHVISION))) == 17


REAL = {
    "resnet18": (lambda: torchvision.models.resnet18(), 32),
    "squeezenet1_1": (lambda: torchvision.models.squeezenet1_1(), 64),
    "mobilenet_v3_small": (lambda: torchvision.models.mobilenet_v3_small(), 32),
    "resnet10t": (lambda: timm.create_model("resnet10t"), 64),
    "grayscale": (lambda: timm.create_model("test_resnet", in_chans=1), 64),
    "focus stem": (lambda: timm.create_model("cs3darknet_focus_s"), 64),
    "deit distilled": (lambda: timm.create_model("deit_tiny_distilled_patch16_224"), 224),
    "levit": (lambda: timm.create_model("levit_128s"), 224),
    "dla": (lambda: timm.create_model("dla46x_c"), 64),
    "ours": (lambda: create_model("vgg5", "mlp", 10, hidden_sizes=8), 28),
}


@pytest.mark.parametrize("name", REAL)
def test_a_step_changes_the_head_and_the_call_changes_nothing_else(name):
    build, size = REAL[name]
    model = build().requires_grad_(False)
    before = {key: (id(value), value.clone()) for key, value in model.state_dict(keep_vars=True).items()}
    generator = torch.get_rng_state()
    replace_head(model, "spinal", 7, layer_width=4)
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(module.training for module in model.modules())
    for key, value in model.state_dict(keep_vars=True).items():
        if not key.startswith(("fc.", "classifier.", "head.", "head_dist.")):
            assert id(value) == before[key][0]
            assert not value.requires_grad
            assert torch.equal(value, before[key][1])

    channels = {"grayscale": 1, "ours": 1}.get(name, 3)
    heads = spinal_heads(model.eval())
    old = [head.classifier.weight.clone() for head in heads]
    nn.functional.cross_entropy(model(torch.randn(4, channels, size, size)), torch.arange(4)).backward()
    torch.optim.Adam([p for head in heads for p in head.parameters()]).step()
    assert not any(torch.equal(head.classifier.weight, weight) for head, weight in zip(heads, old, strict=True))


def test_auxiliary_classifiers_follow():
    model = torchvision.models.googlenet(num_classes=10, init_weights=False)
    replace_head(model, "spinal", 7, layer_width=4)
    output = model.train()(torch.randn(2, 3, 64, 64))
    assert [logits.shape for logits in output] == [(2, 7)] * 3
    inception = replace_head(torchvision.models.inception_v3(init_weights=False), "spinal", 7, layer_width=4)
    assert [logits.shape for logits in inception.train()(torch.randn(2, 3, 299, 299))] == [(2, 7)] * 2
    kept = model.aux1.fc2
    replace_head(model, "spinal", layer_width=4)
    assert model.aux1.fc2 is kept


def test_structure_of_what_is_kept():
    convnext = replace_head(torchvision.models.convnext_tiny(), "linear", 7)
    assert [type(layer).__name__ for layer in convnext.classifier] == ["LayerNorm2d", "Flatten", "LinearHead"]
    squeezenet = replace_head(torchvision.models.squeezenet1_1(), "linear", 7)
    assert [type(layer).__name__ for layer in squeezenet.classifier] == ["AdaptiveAvgPool2d", "Flatten", "LinearHead"]
    assert squeezenet.num_classes == 7
    efficientnet = replace_head(torchvision.models.efficientnet_b0(), "linear", 7)
    assert [type(layer).__name__ for layer in efficientnet.classifier] == ["LinearHead"]


@pytest.mark.parametrize(
    "build",
    [
        lambda: torchvision.models.resnet18(),
        lambda: torchvision.models.squeezenet1_1(),
        lambda: timm.create_model("test_resnet"),
        lambda: timm.create_model("dla46x_c"),
        lambda: create_model("two_conv", "linear", 5),
    ],
)
def test_a_second_call_replaces_the_first_head(build):
    model = replace_head(build(), "spinal", 7, layer_width=4)
    once = str(model)
    assert str(replace_head(model, "spinal", layer_width=4)) == once
    replace_head(model, "mlp", 3, hidden_sizes=4)
    assert not spinal_heads(model)


def test_the_head_is_drawn_from_the_callers_generator():
    torch.manual_seed(5)
    expected = create_head("spinal", 512, 7, layer_width=4).state_dict()
    for model in (torchvision.models.resnet18(), timm.create_model("resnet10t")):
        torch.manual_seed(5)
        replace_head(model, "spinal", 7, layer_width=4)
        for key, value in model.fc.state_dict().items():
            assert torch.equal(value, expected[key])


def test_dtype_and_mode_are_the_models():
    for model in (torchvision.models.resnet18(), timm.create_model("levit_128s")):
        replace_head(model.double().eval(), "spinal", 7, layer_width=4, norm_layer="BatchNorm1d")
        assert {value.dtype for value in model.state_dict().values()} <= {torch.float64, torch.int64}
        assert not any(module.training for module in model.modules())


def test_a_classifier_that_was_removed_comes_back():
    model = timm.create_model("test_resnet", num_classes=0)
    assert replace_head(model, "spinal", 7, layer_width=4)(torch.zeros(2, 3, 64, 64)).shape == (2, 7)


def test_what_the_published_transfer_scripts_do_leaves_vgg_as_it_was():
    """They set `vgg.fc`, which VGG's forward never reads: it trains its 1000 ImageNet outputs."""
    with torch.device("meta"):
        vgg = torchvision.models.vgg11()
        vgg.fc = SpinalHead(512, 7, layer_width=4)
        logits = vgg(torch.zeros(2, 3, 224, 224))
    logits.sum().backward()
    assert logits.shape == (2, 1000)
    assert all(parameter.grad is None for parameter in vgg.fc.parameters())
    spare = vgg.fc
    replace_head(vgg, "spinal", 7, layer_width=4)
    assert vgg.fc is spare
    assert isinstance(vgg.classifier[-1], SpinalHead)
    assert vgg(torch.zeros(2, 3, 224, 224, device="meta")).shape == (2, 7)


def test_timm_models_that_no_head_fits():
    """An attention pool whose Linear reads every token, and an encoder without a place for a classifier."""
    with torch.device("meta"):
        tokens, encoder = timm.create_model("resnet50x4_clip"), timm.create_model("qwen3_vit_88m_enc")
    modules = [id(module) for module in tokens.modules()]
    with pytest.raises(ValueError, match=r"get_classifier\(\): the classifier reads \(2, 82, 2560\)"):
        replace_head(tokens, "spinal", 7, layer_width=4)
    assert [id(module) for module in tokens.modules()] == modules
    assert tokens.num_classes == 640
    with pytest.raises(ValueError, match=r"merger\.fc2: the classifier reads"):
        replace_head(encoder, "spinal", 7, layer_width=4)
