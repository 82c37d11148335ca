"""A run made again from its record: told by its key, compared bit for bit or at its first evaluation."""

import dataclasses
import hashlib
import json
import math

import pytest
import torch

from spinalnet_lib import load_dataset, load_records, train
from spinalnet_lib.data.augment import Augmentation
from spinalnet_lib.machine import cpu_model
from spinalnet_lib.models.classifier import create_model
from spinalnet_lib.study import rerun as module
from spinalnet_lib.study.cell import Cell
from spinalnet_lib.study.rerun import ALL_RESULTS, FIRST_EVALUATION, cell_of, config_of, find_record, rerun
from spinalnet_lib.study.setup import Setup
from spinalnet_lib.training.config import TrainConfig, describe_recipe
from spinalnet_lib.training.recipes import published_recipe, tuned_recipe
from tests.study.cases import QUICK

SHORT = dataclasses.replace(QUICK, read_test=True)


@pytest.fixture(scope="module")
def committed():
    """A run with its own cut of the images held out, as it is read from a file."""
    data = load_dataset("digits", cut_seed=3, train_per_class=20)
    model = create_model("pixels", "spinal", 10, 1, 8, layer_width=4)
    with_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    record = train(model, data, SHORT, 3, "cpu", progress=False)
    torch.set_num_threads(with_threads)
    return dataclasses.replace(record, **json.loads(record.to_json()))


def test_on_its_cpu_and_torch_a_run_is_the_same_to_the_last_bit(committed):
    threads = torch.get_num_threads()
    done = rerun(committed)
    assert done.check == ALL_RESULTS and not done.because and not done.differences
    assert done.again.key == committed.key and torch.get_num_threads() == threads


def test_a_run_of_the_lab_with_few_validation_images_is_found_again():
    (record,) = Setup("cpu", 1).run([Cell("digits", "pixels", "linear", 0, SHORT, cut_seed=0, val_per_class=7)])
    record = dataclasses.replace(record, **json.loads(record.to_json()))
    assert record.split_sizes["val"] == 70 and cell_of(record).val_per_class == 7
    assert rerun(record).again.key == record.key


def test_a_result_that_was_changed_is_named(committed):
    point = {**committed.last, "train_loss": committed.last["train_loss"] + 1e-6}
    changed = dataclasses.replace(committed, curve=[*committed.curve[:-1], point])
    assert rerun(changed).differences == ("curve",)
    better = dataclasses.replace(committed, test={**committed.test, "last": committed.test["last"] + 1e-6})
    assert rerun(better).differences == ("test",)


@pytest.mark.parametrize("tolerance", [-1.0, math.nan, math.inf])
def test_a_tolerance_that_would_tell_nothing_is_refused(committed, tolerance):
    with pytest.raises(ValueError, match="tolerance"):
        rerun(committed, tolerance=tolerance)


@pytest.mark.parametrize("circumstance", [{"device_name": "x86_64"}, {"torch": "2.4.0"}])
def test_elsewhere_the_first_evaluation_is_compared_within_a_tolerance(committed, circumstance):
    first = committed.curve[0]
    other = dataclasses.replace(committed, **circumstance)
    done = rerun(other)
    assert done.check == FIRST_EVALUATION and not done.differences
    assert next(iter(circumstance.values())) in done.because
    for name, far in (("train_loss", 2e-3 * first["train_loss"]), ("val_error", 2e-3)):
        changed = dataclasses.replace(other, curve=[{**first, name: first[name] + far}, *committed.curve[1:]])
        assert [name in difference for difference in rerun(changed).differences] == [True]
        assert not rerun(changed, tolerance=1e-2).differences


def test_a_run_of_other_data_or_of_another_version_is_refused(committed):
    other = dataclasses.replace(committed, key="0" * 64, dataset_sha256="1" * 64)
    with pytest.raises(ValueError, match=rf"{'0' * 10}.*{committed.key[:10]}.*{'1' * 10}"):
        rerun(other)
    with pytest.raises(ValueError, match="version 9, such a run has version 1"):
        rerun(dataclasses.replace(committed, numerics_version=9))


def test_data_or_a_device_that_are_not_here_are_named(committed, tmp_path):
    with pytest.raises(ValueError, match="spinalnet data"):
        rerun(dataclasses.replace(committed, dataset="mnist"), root=tmp_path)
    with pytest.raises(ValueError, match="unknown data set 'mars'"):
        rerun(dataclasses.replace(committed, dataset="mars"))
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match=r"GPU \(A100\)"):
            rerun(dataclasses.replace(committed, device="cuda", device_name="A100"))


def test_computed_data_may_round_otherwise_on_another_cpu_only(monkeypatch):
    (record,) = [r for r in load_records("regression/regression_sum") if r.seed == 1 and r.head == "mlp"]
    short = dataclasses.replace(config_of(record), epochs=10)
    model = create_model("pixels", "mlp", 1, 8, 1, **record.model["head_arguments"])
    data = module.Setup(threads=1).data(cell_of(record))
    made = train(model, data, short, 1, "cpu", progress=False)
    other = dataclasses.replace(made, threads=1, key="0" * 64, device_name="another")
    assert rerun(other).check == FIRST_EVALUATION and not rerun(other).differences
    with pytest.raises(ValueError, match="0" * 10):
        rerun(dataclasses.replace(other, device_name=cpu_model()))


def test_a_stacked_run_is_not_asked_for_the_bits_of_its_stack(committed):
    recipe = {**committed.recipe, "stacked": True}
    assert "stack" in module._why_not_all(dataclasses.replace(committed, recipe=recipe))


def test_a_key_is_told_by_how_it_begins(committed):
    another = dataclasses.replace(committed, key=committed.key[:5] + hashlib.sha256(b"").hexdigest()[5:])
    assert find_record(committed.key[:8], [committed, another]) is committed
    for key in (committed.key[:5], "zz", ""):
        with pytest.raises(ValueError, match=f"'{key}'"):
            find_record(key, [committed, another])


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        tuned_recipe(0.003, 64, Augmentation(crop_scale=(0.5, 1.0), flip=True)),
        published_recipe("vgg5", "fashion_mnist"),
        dataclasses.replace(tuned_recipe(0.01), evaluations=5, fast=False, stacked=True),
    ],
)
def test_a_recipe_comes_back_from_its_record(committed, config):
    recipe = json.loads(json.dumps(describe_recipe(config)))
    assert config_of(dataclasses.replace(committed, recipe=recipe)) == config


def test_a_recipe_of_a_later_library_is_refused(committed):
    with pytest.raises(ValueError, match="sharpness"):
        config_of(dataclasses.replace(committed, recipe={**committed.recipe, "sharpness": 1}))
