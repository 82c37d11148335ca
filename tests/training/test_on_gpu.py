"""What only a GPU can show: graphs that fail to record, runs that go on in the middle of prepared batches, memory that ends."""

from dataclasses import replace

import pytest
import torch

from spinalnet_lib import TrainConfig, create_model, list_datasets, load_dataset, load_records, train
from spinalnet_lib.data.splits import DataSet, Split
from spinalnet_lib.machine import OutOfTime
from spinalnet_lib.models.sizes import paper_head
from spinalnet_lib.study.cell import Cell
from spinalnet_lib.study.sweep import sweep
from spinalnet_lib.training.recipes import published_recipe
from spinalnet_lib.training.stacked.loop import Member, train_stacked
from spinalnet_lib.training.steps import make_optimizer, make_step

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

DATA = "mnist" if "mnist" in list_datasets(present=True) else "mnist_5k"  # a rented machine has torch and numpy only
RECIPE = replace(published_recipe("vgg5"), epochs=2, fast=True)


def vgg5(head="spinal"):
    return create_model("vgg5", head, 10, **paper_head("vgg5", head))


def test_a_graph_that_fails_to_record_leaves_the_generator_usable():
    model = vgg5().cuda()
    step = make_step(model, make_optimizer(model, RECIPE, torch.device("cuda")), RECIPE)
    good, calls = step.step, []

    def fails_in_the_recording(images, labels):
        calls.append(1)
        if len(calls) > 3:  # after the warm-up
            raise RuntimeError("planted")
        return good(images, labels)

    step.step = fails_in_the_recording
    images, labels = torch.randn(8, 1, 28, 28, device="cuda"), torch.randint(10, (8,), device="cuda")
    with pytest.raises(RuntimeError, match="planted"):
        step(images, labels)
    torch.rand(3, device="cuda")  # refused by a generator that still waits for the recording's end


def test_a_run_goes_on_in_the_middle_of_prepared_batches(tmp_path):
    data, path = load_dataset(DATA), tmp_path / "run.npz"
    whole = train(vgg5(), data, RECIPE, 0, "cuda", progress=False)
    for _ in range(5):
        with pytest.raises(OutOfTime):
            train(vgg5(), data, RECIPE, 0, "cuda", False, path, time_limit=0)
    again = train(vgg5(), data, RECIPE, 0, "cuda", False, path)
    # A GPU may add in another order each time; other warps would differ by far more.
    for a, b in zip(again.curve, whole.curve, strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=0.02)


def test_a_cell_that_does_not_fit_in_memory_fails_and_the_sweep_goes_on(tmp_path):
    total = torch.cuda.get_device_properties(0).total_memory
    huge = replace(RECIPE, steps=3, epochs=None, batch_size=3000)
    small = replace(RECIPE, steps=3, epochs=None)
    arguments = paper_head("vgg5", "spinal")
    cells = [Cell(DATA, "vgg5", "spinal", seed, config, arguments) for seed, config in ((0, huge), (1, small))]
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(2 * 2**30 / total)
    try:
        left = sweep(cells, tmp_path, device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert left == cells[:1]
    assert "out of memory" in (tmp_path / "failed.jsonl").read_text()
    assert [record.seed for record in load_records(tmp_path)] == [1]


def test_a_stack_trains_on_a_gpu_as_its_members_do_alone():
    images = torch.randn(600, 20, 1, 1, generator=torch.Generator().manual_seed(0))
    labels = images[:, :5, 0, 0].argmax(1)
    parts = [Split(images[i], labels[i]) for i in (slice(0, 400), slice(400, 500), slice(500, 600))]
    data = DataSet(*parts, {"name": "clouds", "num_classes": 5}, "generated")

    def model():
        return create_model("pixels", "spinal", 5, in_chans=20, image_size=1, layer_width=8)

    recipe = TrainConfig(optimizer="adamw", learning_rate=0.01, batch_size=50, epochs=10)
    members = [Member(model(), replace(recipe, stacked=True), seed) for seed in range(3)]
    for seed, record in enumerate(train_stacked(data, members, "cuda", progress=False)):
        alone = train(model(), data, recipe, seed, "cuda", progress=False)
        assert record.device == "cuda" and record.curve[-1]["val_error"] < 0.3
        assert record.curve[-1]["train_loss"] == pytest.approx(alone.curve[-1]["train_loss"], rel=0.02)
    dropping = create_model("pixels", "spinal", 5, in_chans=20, image_size=1, layer_width=8, drop_rate=0.5)
    (record,) = train_stacked(data, [Member(dropping, replace(recipe, stacked=True), 0)], "cuda", progress=False)
    assert record.curve[-1]["val_error"] < 0.5
