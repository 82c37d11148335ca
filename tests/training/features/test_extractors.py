"""Frozen bodies: what they give, how they see images, and what stands in for them when something is missing."""

import hashlib

import pytest
import torch

from spinalnet_lib import create_model, load_dataset
from spinalnet_lib.data.splits import Split
from spinalnet_lib.training.features.extractors import Extractor, body_extractor, create_extractor


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits").val


@pytest.fixture(scope="module")
def lite():
    return create_extractor("efficientnet_lite0")


def colours(count=4, size=40):
    images = torch.randint(256, (count, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Split(images, torch.zeros(count, dtype=torch.long))


def test_efficientnet_sees_images_as_its_authors_fed_them(lite):
    from torchvision.transforms import functional

    split = colours()
    images = functional.resize(split.images.float(), [224, 224], antialias=True)
    with torch.no_grad():
        maps = lite.body.extract_features((images - 127) / 128)
    assert torch.allclose(lite(split, slice(None)), maps.mean((2, 3)), atol=1e-4)


def test_grey_images_are_three_equal_channels(lite, digits):
    found = lite(digits, slice(0, 2))
    assert found.shape == (2, 1280) and found.dtype == torch.float32
    as_colour = Split(digits.images[:2].expand(-1, 3, -1, -1).contiguous(), digits.labels[:2])
    assert torch.allclose(found, lite(as_colour, slice(None)), atol=1e-5)


def test_its_weights_are_the_published_ones(lite, monkeypatch):
    assert not lite.body.training and not any(p.requires_grad for p in lite.body.parameters())
    again = create_extractor("efficientnet_lite0")
    assert again.sha256 == lite.sha256 != create_extractor("efficientnet_lite0", pretrained=False).sha256
    monkeypatch.setattr(hashlib, "sha256", lambda data=b"": hashlib.md5(data))
    with pytest.raises(ValueError, match="differs from the published weights; install"):
        create_extractor("efficientnet_lite0")


def test_the_hash_is_of_weights_and_of_the_view():
    torch.manual_seed(0)
    model = create_model("two_conv", "linear", 10)
    first = body_extractor(model).sha256
    assert first == body_extractor(model).sha256
    other = Extractor("body", model.body, 28, (0.5,) * 3, (0.5,) * 3)
    assert other.sha256 != first
    with torch.no_grad():
        next(model.body.parameters()).flatten()[0] += 1
    assert body_extractor(model).sha256 != first


@pytest.mark.parametrize(
    ("name", "features"),
    [("torchvision:resnet18", 512), ("torchvision:mobilenet_v3_small", 576), ("timm:resnet18", 512)],
)
def test_torchvisions_and_timms_models_give_what_their_classifier_reads(name, features):
    torch.manual_seed(0)
    found = create_extractor(name, pretrained=False)
    assert found(colours(2), slice(None)).shape == (2, features)
    assert (found.size, found.mean) == (224, (0.485, 0.456, 0.406))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("efficientnet_lit0", "unknown extractor 'efficientnet_lit0'; did you mean 'efficientnet_lite0'"),
        ("torchvision", "is no name"),
        ("efficientnet_lite0:b", "is no name"),
        ("torchvision:resnet19", "unknown torchvision model 'resnet19'; did you mean"),
        ("timm:resnet19", "unknown timm model 'resnet19'; did you mean"),
    ],
)
def test_unknown_names_are_refused_with_near_ones(name, says):
    with pytest.raises(ValueError, match=says):
        create_extractor(name, pretrained=False)


def test_weights_that_cannot_be_downloaded_are_one_clear_error(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(OSError, match=r"weights of torchvision:resnet18 cannot be had.*efficientnet_lite0"):
        create_extractor("torchvision:resnet18")


def test_the_model_that_gave_its_body_stays_as_it_is():
    model = create_model("two_conv", "spinal", 10, layer_width=8).train()
    body_extractor(model)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(module.training for module in model.modules())
