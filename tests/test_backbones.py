import pytest
import torch

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
