"""Features computed once and kept: the same as at first, checked when read, gone on with after a kill."""

import subprocess
import sys
import warnings

import pytest
import torch

from spinalnet_lib import TrainConfig, create_model, list_datasets, load_dataset, train
from spinalnet_lib.data.splits import DataSet, Split
from spinalnet_lib.machine import OutOfTime
from spinalnet_lib.models.saved import save_model
from spinalnet_lib.training.features.extractors import Extractor, create_extractor
from spinalnet_lib.training.features.store import extract_features, load_features


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A body of ours in a file, by the name of its extractor; features are kept in a folder of the test's own."""
    monkeypatch.setenv("SPINALNET_CACHE", str(tmp_path / "kept"))
    torch.manual_seed(0)
    model = create_model("pixels", "linear", 10, image_size=8)
    save_model(model, tmp_path / "body.npz")
    return f"saved:{tmp_path / 'body.npz'}"


def files(tmp_path, pattern="*.npz"):
    return sorted(path for path in (tmp_path / "kept").rglob(pattern) if path.is_file())


def test_heads_train_on_features_as_on_any_data(saved):
    data = load_dataset(f"digits+{saved}")
    assert data.train.images.shape == (1199, 64, 1, 1) and data.train.images.dtype == torch.float32
    assert data.name.startswith("digits+saved:") and data.card["num_classes"] == 10
    model = create_model("pixels", "spinal", 10, in_chans=64, image_size=1, layer_width=16)
    record = train(model, data, TrainConfig(optimizer="adam", epochs=5), 0, "cpu", progress=False)
    assert record.curve[-1]["val_error"] < 0.2 and record.dataset_sha256 == data.sha256


def test_features_of_a_trained_body_are_what_its_head_read():
    data = load_dataset("digits")
    model = create_model("pixels", "linear", 10, image_size=8)
    found = extract_features(model, data, "cpu", batch_size=7, progress=False)
    for part in ("train", "val", "test"):
        images, labels = getattr(data, part).batch(slice(None))
        assert torch.equal(getattr(found, part).images.flatten(1), images.flatten(1))
        assert torch.equal(getattr(found, part).labels, labels)
    assert found.sha256 != data.sha256 == found.card["images_sha256"]


def count_calls(monkeypatch):
    """Which first images a body was asked for."""
    calls, call = [], Extractor.__call__

    def counted(extractor, split, index):
        calls.append(index.start)
        return call(extractor, split, index)

    monkeypatch.setattr(Extractor, "__call__", counted)
    return calls


def test_they_are_computed_once(saved, tmp_path, monkeypatch, capsys):
    calls = count_calls(monkeypatch)
    first = load_features("digits", saved)
    assert "features of digits, train" in capsys.readouterr().err
    assert [path.stem for path in files(tmp_path)] == ["test", "train", "val"]
    assert len(calls) == 120 + 24 + 36
    again = load_features("digits", saved, progress=False)
    assert again.sha256 == first.sha256 and again.card == first.card and len(calls) == 180
    assert torch.equal(again.train.images, first.train.images)


def test_a_damaged_file_is_named_set_aside_and_computed_again(saved, tmp_path):
    first = load_features("digits", saved, progress=False)
    path = files(tmp_path)[1]
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=path.name):
        again = load_features("digits", saved, progress=False)
    assert torch.equal(again.train.images, first.train.images)
    assert [old.name for old in files(tmp_path, "*.damaged")] == [f"{path.name}.damaged"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_features("digits", saved, progress=False)  # it is whole again


def test_a_time_limit_keeps_what_was_done_and_the_next_call_goes_on(saved, tmp_path, monkeypatch):
    calls = count_calls(monkeypatch)
    for batch in (1, 2, 3):
        with pytest.raises(OutOfTime, match=f"step {batch} of 120"):
            load_features("digits", saved, progress=False, time_limit=0)
    load_features("digits", saved, progress=False, time_limit=600)
    assert len(calls) == len(set(calls[:120])) + 24 + 36  # each batch once
    with pytest.raises(ValueError, match=r"time_limit.*nan"):
        load_features("digits", saved, time_limit=float("nan"))


def test_features_of_another_machines_rounding_are_the_same_data(saved, tmp_path):
    first = load_features("digits", saved, progress=False)
    changed = DataSet(*(Split(s.images + 1e-6, s.labels) for s in (first.train, first.val, first.test)), first.card)
    assert changed.sha256 == first.sha256 != load_dataset("digits").sha256


TWICE = """
import sys
from spinalnet_lib.training.features import extractors, store
call = extractors.Extractor.__call__
extractors.Extractor.__call__ = lambda *arguments: (print("computed", flush=True), call(*arguments))[1]
store.load_features("digits", sys.argv[1], device="cpu", progress=False)
"""


@pytest.mark.processes
def test_of_two_processes_one_computes_and_the_other_waits(saved):
    both = [subprocess.Popen([sys.executable, "-c", TWICE, saved], stdout=subprocess.PIPE, text=True) for _ in "ab"]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert "".join(said).count("computed") == 180


def test_pretrained_features_tell_photographs_apart_with_a_linear_head(tmp_path, monkeypatch):
    """Photographs of ten monkeys; a net that had seen none would be wrong on nine in ten."""
    if "monkeys10" not in list_datasets(present=True):
        pytest.skip("needs monkeys10, which is not embedded")
    whole = load_dataset("monkeys10")

    def some(split, step):
        return Split(split.images[torch.arange(0, len(split), step)], split.labels[::step])

    few = DataSet(some(whole.train, 30), some(whole.val, 20), some(whole.test, 200), whole.card, whole.source)
    data = extract_features(create_extractor("efficientnet_lite0"), few, "cpu", progress=False)
    model = create_model("pixels", "linear", 10, in_chans=1280, image_size=1)
    record = train(model, data, TrainConfig(optimizer="adam", learning_rate=0.001, epochs=20), 0, "cpu", progress=False)
    assert record.curve[-1]["val_error"] < 0.4
