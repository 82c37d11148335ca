import itertools
import re
import subprocess
import sys

import pytest
import torch

from spinalnet_lib import create_backbone, list_backbones, register_backbone
from spinalnet_lib.models.bodies import Pixels

RESNETS = ("resnet18", "resnet18_cells", "resnet34", "resnet34_cells")
PRETRAINED = "efficientnet_lite0"  # has tests of its own in test_lite0
COLOUR = ("cifar_cnn", "densenet121", *RESNETS, "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn")


def test_each_body_is_known_and_has_its_own_channels_and_size():
    assert list_backbones() == sorted(["pixels", "two_conv", "vgg5", "arch2", *COLOUR, PRETRAINED])
    for name in list_backbones():
        with torch.device("meta"):
            body = create_backbone(name)
        expected = (3, 224) if name == PRETRAINED else (3, 32) if name in COLOUR else (1, 28)
        assert (body.in_chans, body.image_size) == expected
        assert body.name == name


@pytest.mark.processes
@pytest.mark.parametrize("first", ["models.bodies", "models.cifar_bodies", "models"])
def test_all_bodies_are_found_whichever_module_comes_first(first):
    code = f"import spinalnet_lib.{first}; from spinalnet_lib import list_backbones; print(*list_backbones())"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.split() == list_backbones()


@pytest.mark.parametrize(
    "in_chans, name", [(3, PRETRAINED), *itertools.product([1, 3], sorted(set(list_backbones()) - {PRETRAINED}))]
)
def test_features_have_the_promised_shape(name, in_chans):
    body = create_backbone(name, in_chans).eval()
    images = torch.randn(2, in_chans, body.image_size, body.image_size)
    with torch.no_grad():
        features = body(images)
        assert features.shape == (2, body.num_features)
        assert torch.equal(features, body.forward_features(images))


@pytest.mark.parametrize("name", list_backbones())
def test_wrong_images_name_both_shapes(name):
    with torch.device("meta"):
        body = create_backbone(name)
        reads = rf"\(N, {body.in_chans}, {body.image_size}, {body.image_size}\)"
        for shape in [(2, 1, 27, 28), (2, 2, 28, 28), (1, 28, 28), (2, 784), (2, 3, 32, 31)]:
            with pytest.raises(ValueError, match=rf"{reads}.*{re.escape(str(shape))}"):
                body(torch.zeros(shape))


@pytest.mark.parametrize("x", [None, [[0.0]], torch.zeros(1, 1, 28, 28).byte(), torch.zeros(1, 1, 28, 28).double()])
def test_what_is_no_tensor_of_the_bodys_numbers_is_refused(x):
    with pytest.raises(TypeError, match=f"'two_conv' .*{getattr(x, 'dtype', type(x).__name__)}"):
        create_backbone("two_conv")(x)


@pytest.mark.parametrize("name", list_backbones())
def test_wrong_channels_and_sizes(name):
    for in_chans in (0, 1.0):
        with pytest.raises((ValueError, TypeError), match=f"in_chans .*{in_chans}"):
            create_backbone(name, in_chans)
    with pytest.raises(ValueError, match="image_size must be at least 1, got 0"):
        create_backbone("pixels", image_size=0)


def test_unknown_backbone_says_the_near_one():
    with pytest.raises(ValueError, match="did you mean 'vgg5'"):
        create_backbone("vgg-5")


def test_a_second_backbone_of_a_name_is_refused():
    with pytest.raises(ValueError, match="'pixels' is registered already"):
        register_backbone(Pixels)


@pytest.mark.parametrize("name", list_backbones())
def test_channels_are_bounded_before_memory_is_taken(name):
    with pytest.raises(ValueError, match=r"in_chans.*10000000"):
        create_backbone(name, 10**7)
