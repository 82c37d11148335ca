"""Bodies trained on the data set they read: once, the same again, and gone on with."""

from dataclasses import replace

import pytest
import torch

from spinalnet_lib import DataSet, load_dataset
from spinalnet_lib.machine import OutOfTime
from spinalnet_lib.training import recipes
from spinalnet_lib.training.features import store, trained_bodies
from spinalnet_lib.training.features.trained_bodies import trained_body

NAME = "trained:two_conv-spinal-3"


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """A folder of the test's own, few digits, and six steps instead of two thousand."""
    monkeypatch.setenv("SPINALNET_CACHE", str(tmp_path))
    few = recipes.replace(recipes.tuned_recipe(0.003), steps=6, warmup=2)
    monkeypatch.setattr(trained_bodies, "tuned_recipe", lambda rate: few)
    data = load_dataset("mnist_5k")
    parts = (replace(part, images=part.images[:300], labels=part.labels[:300]) for part in (data.train, data.val))
    data = DataSet(*parts, data.test, data.card, data.source)
    monkeypatch.setattr(store, "load_images", lambda *arguments: data)
    return data


def test_a_body_is_trained_once_and_the_same_however_many_threads(quick, tmp_path, monkeypatch):
    threads = torch.get_num_threads()
    first = trained_body(NAME, quick, device="cpu", progress=False)
    (path,) = tmp_path.rglob("*.npz")
    path.unlink()
    torch.set_num_threads(2 if threads == 1 else 1)
    try:
        assert trained_body(NAME, quick, device="cpu", progress=False).sha256 == first.sha256
        assert torch.get_num_threads() != threads
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setattr(trained_bodies, "train", None)  # would be called
    assert trained_body(NAME, quick, device="cpu").sha256 == first.sha256


def test_bodies_of_other_heads_and_seeds_are_others(quick):
    names = NAME, "trained:two_conv-linear-3", "trained:two_conv-spinal-4"
    bodies = [trained_body(name, quick, device="cpu", progress=False) for name in names]
    assert len({body.sha256 for body in bodies}) == 3
    assert bodies[0](quick.val, slice(0, 2)).shape == (2, 320)


def test_a_training_that_was_cut_off_is_gone_on_with_and_a_damaged_body_is_trained_again(quick, tmp_path):
    with pytest.raises(OutOfTime):
        trained_body(NAME, quick, device="cpu", progress=False, time_limit=0)
    assert list(tmp_path.rglob("*.checkpoint")) and not list(tmp_path.rglob("*.npz"))
    cut_off = trained_body(NAME, quick, device="cpu", progress=False)
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.warns(UserWarning, match=path.name):
        assert trained_body(NAME, quick, device="cpu", progress=False).sha256 == cut_off.sha256
    assert path.with_name(f"{path.name}.damaged").exists() and not list(tmp_path.rglob("*.checkpoint"))


def test_features_of_a_trained_body_go_by_name(quick):
    data = load_dataset(f"mnist_5k+{NAME}")
    assert data.train.images.shape[1:] == (320, 1, 1) and data.card["extractor"] == NAME


@pytest.mark.parametrize("name", ["trained:two_conv", "trained:two_conv-linear", "trained:two_conv-linear-x"])
def test_what_is_no_name_of_a_body_is_refused(name, quick):
    with pytest.raises(ValueError, match="is no trained body; write trained:two_conv-linear-0"):
        trained_body(name, quick)
