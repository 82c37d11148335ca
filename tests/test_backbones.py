import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spinalnet_lib import create_backbone, list_backbones, register_backbone
from spinalnet_lib.backbones import Pixels


@pytest.mark.parametrize("name", list_backbones())
@pytest.mark.parametrize("in_chans", [1, 3])
def test_features_have_the_promised_shape(name, in_chans):
    body = create_backbone(name, in_chans).eval()
    images = torch.randn(2, in_chans, body.image_size, body.image_size)
    assert body(images).shape == (2, body.num_features)
    assert torch.equal(body(images), body.forward_features(images))


@pytest.mark.parametrize("name", list_backbones())
@pytest.mark.parametrize("shape", [(2, 1, 27, 28), (2, 2, 28, 28), (1, 28, 28), (2, 784)])
def test_wrong_images_name_both_shapes(name, shape):
    with pytest.raises(ValueError, match=r"\(N, 1, 28, 28\)") as caught:
        create_backbone(name)(torch.zeros(shape))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("x", [None, [[0.0]], 3])
def test_what_is_no_tensor_is_refused(x):
    with pytest.raises(TypeError, match=f"backbone 'two_conv' reads a tensor .*got {type(x).__name__}"):
        create_backbone("two_conv")(x)


def test_only_a_backbone_can_be_registered():
    with pytest.raises(TypeError, match="register_backbone takes a subclass of Backbone"):
        register_backbone(torch.nn.Linear)


def test_bytes_are_refused():
    with pytest.raises(TypeError, match=r"torch\.uint8"):
        create_backbone("two_conv")(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))


def test_another_dtype_is_refused():
    with pytest.raises(TypeError, match=r"backbone 'vgg5' has torch\.float32 weights, got torch\.float64; .*x\.to"):
        create_backbone("vgg5")(torch.zeros(1, 1, 28, 28, dtype=torch.float64))


def two_conv_by_hand(body, x):
    """`Net.forward` of MNIST/SpinalNet_MNIST.py up to the features, in evaluation mode."""
    first, second = (m for m in body.modules() if isinstance(m, nn.Conv2d))
    x = F.relu(F.max_pool2d(F.conv2d(x, first.weight, first.bias), 2))
    return F.relu(F.max_pool2d(F.conv2d(x, second.weight, second.bias), 2)).flatten(1)


def vgg5_by_hand(body, x):
    """`VGG.forward` of MNIST_VGG up to the features: convolution, norm, ReLU; a pooling after each block."""
    convolutions = iter([m for m in body.modules() if isinstance(m, nn.Conv2d)])
    norms = iter([m for m in body.modules() if isinstance(m, nn.BatchNorm2d)])
    for block in (2, 2, 3, 3):
        for _ in range(block):
            conv, norm = next(convolutions), next(norms)
            x = F.conv2d(x, conv.weight, conv.bias, padding=1)
            x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
            x = F.relu(x)
        x = F.max_pool2d(x, 2)
    return x.flatten(1)


@pytest.mark.parametrize(("name", "by_hand"), [("two_conv", two_conv_by_hand), ("vgg5", vgg5_by_hand)])
def test_a_body_computes_what_the_published_script_computes(name, by_hand):
    body = create_backbone(name).double()
    for module in body.modules():
        if isinstance(module, nn.BatchNorm2d):  # away from 0 and 1, where its place would not show
            for tensor in (module.running_mean, module.running_var, module.weight, module.bias):
                nn.init.uniform_(tensor, 0.5, 1.5)
    x = torch.randn(2, 1, 28, 28, dtype=torch.float64)
    torch.testing.assert_close(body.eval()(x), by_hand(body, x))


def test_two_conv_drops_whole_channels_before_its_second_pooling():
    kinds = [type(m).__name__ for m in create_backbone("two_conv").layers]
    assert kinds == ["Conv2d", "MaxPool2d", "ReLU", "Conv2d", "Dropout2d", "MaxPool2d", "ReLU"]
    assert create_backbone("two_conv").layers[4].p == 0.5
    assert not [m for m in create_backbone("vgg5").modules() if "Dropout" in type(m).__name__]


def test_vgg5_has_ten_convolutions():
    assert sum(isinstance(m, torch.nn.Conv2d) for m in create_backbone("vgg5").modules()) == 10


@pytest.mark.parametrize("in_chans", [0, -1, 1.0])
def test_wrong_channels(in_chans):
    with pytest.raises((ValueError, TypeError), match="in_chans"):
        create_backbone("vgg5", in_chans)


def test_wrong_image_size():
    with pytest.raises(ValueError, match="image_size must be at least 1, got 0"):
        create_backbone("pixels", image_size=0)


def test_unknown_backbone_says_the_near_one():
    with pytest.raises(ValueError, match="did you mean 'vgg5'"):
        create_backbone("vgg-5")


def test_a_second_backbone_of_a_name_is_refused():
    with pytest.raises(ValueError, match="'pixels' is registered already"):
        register_backbone(Pixels)
