import dataclasses

import pytest
import torch

from spinalnet_lib import Augmentation, load_dataset
from spinalnet_lib.data.splits import DataSet, Split, Statistics


@pytest.fixture(scope="module")
def data():
    return load_dataset("digits")


def images(count, channels=1):
    return torch.arange(count * channels * 16).remainder(251).to(torch.uint8).view(count, channels, 4, 4)


@pytest.mark.parametrize(
    ("images", "labels", "says"),
    [
        (images(3), torch.zeros(4, dtype=torch.int64), "3 images .* got 4"),
        (images(3), torch.tensor([0, -2, 1]), "-2"),
        (images(3), torch.zeros(3, 1, dtype=torch.int64), r"labels .*\(3, 1\)"),
        (images(3), torch.zeros(3, 1), r"labels .*\(3, 1\)"),
        (images(3), torch.zeros(3, dtype=torch.bool), "labels .*bool"),
        (images(3), torch.zeros(3, dtype=torch.int32), "labels .*int32"),
        (images(3), [0, 1, 2], "labels .*list"),
        (images(3)[:, 0], torch.arange(3), r"images .*\(3, 4, 4\)"),
        (images(3).long(), torch.arange(3), "images .*int64"),
        (images(3).numpy(), torch.arange(3), "images .*ndarray"),
    ],
)
def test_images_and_labels_that_are_none_are_refused(images, labels, says):
    with pytest.raises((TypeError, ValueError), match=says):
        Split(images, labels)


def test_float_labels_are_targets_of_a_regression_and_no_classes():
    split = Split(images(3), torch.tensor([0.0, -2.0, 1.0]))
    assert len(DataSet(split, split, split, {"name": "targets", "num_classes": 1}).val) == 3
    with pytest.raises(TypeError, match=r"letters has 3 classes .*float32"):
        DataSet(split, split, split, {"name": "letters", "num_classes": 3})


@pytest.mark.parametrize("part", ["images", "labels"])
def test_the_hash_sees_every_image_and_every_label(data, part):
    changed = getattr(data.test, part).clone()
    changed.view(-1)[-1] = (int(changed.view(-1)[-1]) + 1) % 10
    test = dataclasses.replace(data.test, **{part: changed})
    assert dataclasses.replace(data, test=test).sha256 != data.sha256


def test_a_batch_is_normalised_by_the_training_split(data):
    images, labels = data.train.batch(slice(None))
    assert images.dtype == torch.float32 and images.shape[0] == len(labels)
    assert images.mean().abs() < 1e-4 and (images.std() - 1).abs() < 1e-3
    assert torch.equal(data.val.mean, data.train.mean) and torch.equal(data.test.std, data.train.std)


def test_statistics_of_a_constant_channel_do_not_divide_by_zero():
    white = Statistics.of(torch.full((4, 2, 3, 3), 255, dtype=torch.uint8))
    assert white.mean.tolist() == [1.0, 1.0] and (white.std > 0).all()


def test_statistics_are_computed_or_known():
    computed = Statistics.of(images(600, channels=3))
    floats = images(600, channels=3).double() / 255
    assert torch.allclose(computed.mean.double(), floats.mean((0, 2, 3)))
    assert torch.allclose(computed.std.double(), floats.std((0, 2, 3), correction=0))
    known = Statistics.known(computed.mean, computed.std).to("cpu")
    assert torch.equal(known.mean, computed.mean) and torch.equal(known.std, computed.std)


def test_a_split_holds_features_too():
    """Floats are standardised by the training split, feature by feature; nothing is divided by 255 or warped."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(50, 6, 1, 1, generator=generator) * 7 + 3
    features[:, 2] = 4.5  # one that never changes
    train = Split(features, torch.arange(50) % 5)
    other = Split(features[:10] + 1, train.labels[:10], train.statistics)
    kept = features.clone()
    images, _ = train.batch(slice(None))
    varying = [0, 1, 3, 4, 5]
    assert torch.allclose(images.mean(0).flatten(), torch.zeros(6), atol=1e-5)
    assert torch.allclose(images[:, varying].std(0, correction=0).flatten(), torch.ones(5), atol=1e-5)
    assert (images[:, 2] == 0).all() and torch.equal(train.images, kept)
    shifted = other.batch(slice(None))[0] - images[:10]
    assert torch.allclose(shifted[:, varying].flatten(1), (1 / train.std)[varying].expand(10, 5), atol=1e-5)
    with pytest.raises(ValueError, match="these are features; train with augmentation=None"):
        train.batch(slice(None), Augmentation(flip=True), generator)
    data = DataSet(train, other, other, {"name": "features"})
    changed = DataSet(train, Split(features[:10], other.labels), other, {"name": "features"})
    assert data.sha256 != changed.sha256
