import dataclasses
import hashlib

import pytest
import torch

from spinalnet_lib import load_dataset
from spinalnet_lib.data.own_sets import write_card
from spinalnet_lib.data.splits import DataSet
from tests.data.cases import write_classes


@pytest.fixture(scope="module")
def data():
    return load_dataset("digits")


def test_splits_share_no_image_that_the_set_holds_once(data):
    def digests(split):
        return [hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in split.images]

    train, val, test = digests(data.train), digests(data.val), digests(data.test)
    everything = train + val + test
    repeated = len(everything) - len(set(everything))  # the publisher's own duplicates
    assert len(set(train) & set(val)) + len(set(train) & set(test)) + len(set(val) & set(test)) <= repeated
    assert repeated < 5


def test_validation_is_a_stratified_sixth_of_the_training_set(data):
    whole = torch.bincount(data.full_train.labels)
    assert torch.equal(torch.bincount(data.val.labels), (whole / 6).round().long())
    assert len(data.full_train) == len(data.train) + len(data.val)


def test_images_are_those_of_the_package_pixel_by_pixel(data):
    from sklearn.datasets import load_digits

    ours = torch.cat([data.train.images, data.val.images, data.test.images])[:, 0].flatten(1)
    theirs = torch.from_numpy((load_digits().images * (255 / 16)).round().astype("uint8")).flatten(1)
    assert sorted(map(bytes, ours.numpy())) == sorted(map(bytes, theirs.numpy()))


def test_photographs_train_like_any_images(tmp_path):
    """Statistics, batches and the hash of lazily decoded images are those of the decoded ones."""
    write_card(write_classes(tmp_path / "leaves", ["ash", "elm"], 12))
    lazy = load_dataset("leaves", tmp_path, size=16)
    decoded = [dataclasses.replace(s, images=s.images[:], statistics=None) for s in (lazy.train, lazy.val, lazy.test)]
    whole = DataSet(*decoded, lazy.card)
    assert whole.sha256 == lazy.sha256
    assert torch.equal(whole.train.mean, lazy.test.mean) and torch.equal(whole.train.std, lazy.val.std)
    index = torch.tensor([3, 0])
    assert all(map(torch.equal, whole.train.batch(index), lazy.train.batch(index)))
    moved = lazy.test.to("cpu")
    assert torch.equal(moved.images[:], whole.test.images) and torch.equal(moved.mean, lazy.train.mean)


def test_other_images_are_resized_when_they_are_asked_for():
    small, large = load_dataset("digits"), load_dataset("digits", size=20)
    assert large.train.images.shape == (len(small.train), 1, 20, 20) and large.card["image_shape"] == [1, 20, 20]
    assert torch.equal(large.train.images.images, small.train.images) and large.sha256 != small.sha256
    assert torch.equal(large.full_train.images[:], torch.cat([large.train.images[:], large.val.images[:]]))
    assert load_dataset("digits", size=8).sha256 == small.sha256
    cut = load_dataset("digits", size=20, cut_seed=3)
    assert cut.train.images.shape[1:] == (1, 20, 20) and len(cut.train) == len(small.train)


def test_a_size_is_checked():
    with pytest.raises(ValueError, match="size must be at least 8, got 4"):
        load_dataset("digits", size=4)
