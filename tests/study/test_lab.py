"""The lab: what is planned for each set, and one call that trains both heads, says its time first and can be cut off."""

from dataclasses import replace

import pytest
import torch

from spinalnet_lib import ErrorCurves, head_cost, load_model, load_records, predict, published_recipe
from spinalnet_lib.data.cards import load_card
from spinalnet_lib.study import lab
from spinalnet_lib.study.lab import in_words, lab_sizes, plan_lab, train_rivals
from spinalnet_lib.training.published_transfer import published_transfer
from tests.data.cases import write_folders, write_idx


def quickly(*args, **kwargs):
    """On small images without a body."""
    return train_rivals("digits", "pixels", 2, range(2), *args, progress=False, **kwargs)


def test_the_papers_body_heads_and_recipe_are_planned_for_a_gpu():
    row, plan = published_transfer("stl10"), plan_lab("stl10", pretrained=True)
    assert plan.backbone == row.backbone and plan.size == row.size
    assert plan.heads == {row.head: row.head_arguments, row.rival: row.rival_arguments}
    assert plan.config == replace(row.recipe, fast=True)
    plan = plan_lab("kmnist")
    assert (plan.backbone, plan.size, [*plan.heads]) == ("vgg5", None, ["spinal", "mlp"])
    assert plan.config == replace(published_recipe("vgg5", "kmnist"), fast=True)


@pytest.mark.parametrize(
    ("name", "body", "size"),
    [
        ("kmnist", "two_conv", None),
        ("cifar10", "torchvision:resnet18", None),  # its images are small ones
        ("stl10", "torchvision:resnet18", 64),
        ("monkeys10", "torchvision:resnet18", 64),
    ],
)
def test_a_small_body_with_the_papers_heads_and_counted_steps_for_a_cpu(name, body, size):
    small, paper = plan_lab(name, small=True), plan_lab(name)
    assert (small.backbone, small.size, small.config.start) == (body, size, "seed")
    assert small.config.steps and small.val_per_class and [*small.heads] == [*paper.heads]
    if ":" in body:
        assert small.heads == paper.heads


def test_arguments_are_kept_to():
    plan = plan_lab("birds225", "torchvision:vgg19_bn", steps=5, small=True, pretrained=True, layer_width=7)
    row = published_transfer("birds225", "torchvision:vgg19_bn")
    assert plan.heads == {"spinal": {**row.head_arguments, "layer_width": 7}, "mlp": row.rival_arguments}
    assert (plan.backbone, plan.size, plan.config.steps, plan.config.start) == (row.backbone, 224, 5, "given")
    assert plan_lab("stl10", "torchvision:resnet34").size == 224  # no row of the paper's: what the body reads


@pytest.mark.parametrize(("steps", "says"), [(0, "steps"), (2.5, "steps")])
def test_a_number_of_steps_that_is_none_is_refused(steps, says):
    with pytest.raises((ValueError, TypeError), match=f"{says}.*{steps}"):
        train_rivals("digits", "pixels", steps)


def test_sizes_are_those_of_the_papers_model():
    sizes, more = lab_sizes("fashion_mnist")
    arguments = plan_lab("fashion_mnist").heads
    assert head_cost("spinal", **sizes).weights == head_cost("spinal", 256, 10, **arguments["spinal"]).weights
    assert (more["hidden_layers"], more["hidden_size"]) == (1, arguments["mlp"]["hidden_sizes"])
    assert lab_sizes("hymenoptera")[0]["in_features"] == 512
    assert lab._body("torchvision:resnet18", 3, 224).network.conv1.weight.is_meta


def test_both_heads_are_trained_and_what_is_there_is_not_trained_again(tmp_path, capsys, monkeypatch):
    records = quickly(out=tmp_path / "lab", save=tmp_path / "model.npz")
    assert [(r.head, r.seed) for r in records] == [(h, s) for s in range(2) for h in ("spinal", "linear")]
    assert all(r.n_steps == 2 and len(r.curve) == 2 and r.test is None for r in records)
    said = capsys.readouterr().out
    first, second = said.splitlines()
    assert first == "spinal and linear on pixels, digits: timing two steps of each head …"
    assert second.startswith("4 runs (2 seeds) of 2 steps take about")
    ErrorCurves(records)  # they fit into one picture
    assert {r.key for r in load_records(tmp_path / "lab")} == {r.key for r in records}
    classes, _ = predict(load_model(tmp_path / "model.npz"), torch.zeros(1, 1, 8, 8, dtype=torch.uint8))
    assert classes[0] in load_card("digits")["classes"]
    monkeypatch.setattr("spinalnet_lib.study.setup.train", lambda *args, **kwargs: pytest.fail("trained again"))
    assert quickly(out=tmp_path / "lab", save=tmp_path / "model.npz") == records
    assert capsys.readouterr().out == ""


def test_the_time_is_that_of_both_heads_steps_and_of_all_that_is_looked_at(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(lab, "_rehearse", lambda setup, cell, few: (1000.0 if cell.head == "spinal" else 3000.0, 10.0))
    records = quickly(out=tmp_path / "lab")
    images = records[0].split_sizes["val"]
    seconds = sum(2 * step + 2 * 10 * images for step in (1000, 3000) for _ in range(2))
    assert f"take about {in_words(seconds)} here" in capsys.readouterr().out and images > lab._LOOKED_AT


def test_the_rehearsal_looks_at_few_images_and_does_not_read_the_others_again(tmp_path, monkeypatch):
    seen = []

    def rehearse(setup, cell, data):
        seen.append((cell.head, len(data.val), cell.config.steps))
        with monkeypatch.context() as patched:
            patched.setattr("spinalnet_lib.data.splits.as_kept", lambda images: pytest.fail("hashed again"))
            return own(setup, cell, data)

    own = lab.Setup.rehearse
    monkeypatch.setattr(lab.Setup, "rehearse", rehearse)
    quickly(out=tmp_path / "lab")
    assert seen == [(head, lab._LOOKED_AT, lab._REHEARSED) for head in ("spinal", "linear")]


def test_grey_images_for_a_body_of_colour_are_one_plain_sentence(tmp_path, capsys, recwarn):
    train_rivals("digits", "torchvision:mobilenet_v3_small", 1, [0], out=tmp_path, progress=False)
    said = "digits has grey images: each is repeated to the three channels that torchvision:mobilenet_v3_small reads."
    assert capsys.readouterr().out.splitlines().count(said) == 1
    assert not [warning for warning in recwarn if "grey" in str(warning.message)]


def test_a_model_that_is_missing_is_trained_again(tmp_path):
    quickly(out=tmp_path / "lab")
    quickly(out=tmp_path / "lab", save=tmp_path / "model.npz")
    assert load_model(tmp_path / "model.npz").arguments["head"] == "spinal" and len(load_records(tmp_path / "lab")) == 4


def test_data_that_are_not_here_and_runs_that_fail_are_said(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="spinalnet data fetch kmnist"):
        train_rivals("kmnist", root=tmp_path)

    def out_of_memory(*args, **kwargs):
        raise RuntimeError("the memory is full")

    monkeypatch.setattr("spinalnet_lib.study.setup.train", out_of_memory)
    with pytest.raises(ValueError, match=r"train_rivals.*full"):
        quickly(out=tmp_path / "lab")


def test_a_last_batch_of_one_image_is_avoided(tmp_path, monkeypatch):
    """16 images a step would leave one of 33 alone, and no norm reads it."""
    write_folders(tmp_path, "monkeys10", monkeypatch, per_class=13)
    records = train_rivals("monkeys10", steps=1, seeds=[0], root=tmp_path, out=tmp_path / "lab", progress=False)
    assert records[0].split_sizes["train"] % records[0].recipe["batch_size"] != 1


def test_a_cpus_validation_is_a_few_images_of_each_class(tmp_path, monkeypatch):
    write_idx(tmp_path, "kmnist", monkeypatch, per_class=12)
    monkeypatch.setitem(lab._SMALL, "two_conv", (2, 10))
    records = train_rivals("kmnist", seeds=[0], root=tmp_path, out=tmp_path / "lab", progress=False)
    assert records[0].split_sizes["val"] == 10 and records[0].n_steps == 2


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s"), (99, "99 s"), (150, "2 minutes"), (20_000, "5.6 hours")])
def test_time_in_words(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.full
def test_two_steps_of_the_papers_own_body_for_photographs(tmp_path, monkeypatch):
    """The wide ResNet-101 itself at its published size, from random weights, as on a GPU but for two images a step."""
    write_folders(tmp_path, "birds225", monkeypatch, per_class=2)
    monkeypatch.setattr(lab, "load_card", lambda name, root=None: load_card(name, root) | {"num_classes": 3})
    row = published_transfer("birds225")
    few = row._replace(recipe=replace(row.recipe, batch_size=2))  # a step of 24 takes minutes on a thread
    monkeypatch.setattr(lab, "published_transfer", lambda *asked: few)
    found = train_rivals("birds225", row.backbone, 2, [0], root=tmp_path, out=tmp_path / "lab", progress=False)
    assert [r.model["backbone"] for r in found] == [row.backbone] * 2 and all(r.n_steps == 2 for r in found)
    assert {r.model["image_size"] for r in found} == {row.size}
