"""The command `train`: a record a seed, each run made once, cut off and gone on with; recipes and what is given instead."""

import json
import re
import subprocess

import pytest
import torch

from spinalnet_lib import (
    TrainConfig,
    create_model,
    evaluate,
    load_dataset,
    load_model,
    load_records,
    published_transfer,
    train,
    transfer_recipe,
)
from spinalnet_lib.cli.main import main
from spinalnet_lib.data.own_sets import write_card
from spinalnet_lib.records.record import differing_results
from spinalnet_lib.training.config import describe_recipe
from tests.data.cases import unwritable, write_classes
from tests.study.cases import LONG_ENOUGH, python

DIGITS = ["train", "--data", "digits", "--backbone", "pixels", "--head", "spinal", "--head-argument", "layer_width=16"]
RUN = [*DIGITS, "--steps", "3", "--threads", "1", "--device", "cpu"]


def test_train_writes_records_and_skips_finished_runs(tmp_path, capsys):
    out = str(tmp_path / "runs.jsonl")
    assert main([*RUN, "--seeds", "0-1", "--out", out]) == 0
    assert [r.seed for r in load_records(out)] == [0, 1]
    assert main([*RUN, "--seeds", "0-2", "--out", out]) == 0
    assert [r.seed for r in load_records(out)] == [0, 1, 2]
    assert capsys.readouterr().out.count("already in") == 2
    assert main([*RUN, "--head-argument", "num_layers=4", "--classifier-drop-rate", "0.5", "--out", out]) == 0
    assert load_records(out)[-1].arm == "spinal, dropout 0.5"
    assert [path.name for path in tmp_path.iterdir()] == ["runs.jsonl"]


def test_a_run_is_the_run_that_train_makes(tmp_path):
    assert main([*RUN, "--seeds", "7", "--out", str(tmp_path / "runs.jsonl")]) == 0
    (record,) = load_records(tmp_path / "runs.jsonl")
    model = create_model("pixels", "spinal", 10, image_size=8, layer_width=16)
    alone = train(model, load_dataset("digits"), TrainConfig(steps=3), 7, "cpu", progress=False)
    assert record.key == alone.key and not differing_results(record, alone)


TOGETHER = """
import sys, time
from pathlib import Path
from spinalnet_lib import load_dataset
from spinalnet_lib.cli.main import main
load_dataset("digits")
here, number = Path(sys.argv[1]), sys.argv[2]
(here / number).touch()
while not all((here / name).exists() for name in "01"):
    time.sleep(0.001)
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.processes
def test_a_command_that_is_sent_twice_at_once_makes_each_run_once(tmp_path):
    command = [*RUN, "--seeds", "0-9", "--out", str(tmp_path / "runs" / "runs.jsonl")]
    both = [python(TOGETHER, tmp_path, i, *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for i in (0, 1)]
    said = [process.communicate(timeout=LONG_ENOUGH) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(record.seed for record in load_records(tmp_path / "runs" / "runs.jsonl")) == list(range(10))


def test_a_run_that_fails_is_said_and_the_others_are_made(tmp_path, capsys, monkeypatch):
    real = train

    def short_of_memory(model, data, config, seed, **options):
        if seed == 1:
            raise RuntimeError("out of memory")
        return real(model, data, config, seed, **options)

    monkeypatch.setattr("spinalnet_lib.study.setup.train", short_of_memory)
    out = tmp_path / "runs.jsonl"
    assert main([*RUN, "--seeds", "0-2", "--out", str(out)]) == 2
    assert [record.seed for record in load_records(out)] == [0, 2]
    errors = capsys.readouterr().err
    assert "seed 1: failed, RuntimeError: out of memory" in errors and "1 runs failed" in errors
    monkeypatch.undo()
    assert main([*RUN, "--seeds", "0-2", "--out", str(out)]) == 0 and len(load_records(out)) == 3


def test_photographs_are_trained_at_the_size_that_the_body_reads(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    write_classes(tmp_path / "leaves", ["ash", "elm"], 12)
    assert main(["data", "new", str(tmp_path / "leaves")]) == 0
    command = ["train", "--data", "leaves", "--backbone", "cifar_cnn", "--epochs", "1"]
    command += ["--out", str(tmp_path / "x.jsonl")]
    assert main([*command, "--size", "16"]) == 2
    assert "--size 32" in capsys.readouterr().err
    assert main(command) == 0
    (record,) = load_records(tmp_path / "x.jsonl")
    assert (record.dataset, record.dataset_source, record.model["num_classes"]) == ("leaves", "packed", 2)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--seeds", value) for value in ("a", "3-1", "0-99999999999", "4294967296")),
        *(("--head-argument", value) for value in ("layer_width", "=3", "layer width=3")),
        ("--drop-rate", "0.1,x"),
    ],
)
def test_a_value_that_says_nothing_is_named_with_a_remedy(option, value, capsys):
    with pytest.raises(SystemExit):
        main(["train", option, value])
    error = capsys.readouterr().err
    assert option in error and repr(value) in error and ("write " in error or "at most" in error)


def test_recipes_and_what_is_given_instead(tmp_path):
    out = str(tmp_path / "runs.jsonl")
    short = [*RUN, "--out", out]
    assert main(short) == 0
    assert main([*short, "--recipe", "tuned", "--no-fast", "--learning-rate", "0.01"]) == 0
    argv = ["train", "--data", "digits", "--backbone", "pixels", "--head", "mlp", "--steps", "3", "--out", out]
    assert main([*argv, "--head-argument", "hidden_sizes=8,4", "--head-argument", "act_layer=LeakyReLU"]) == 0
    argv = ["train", "--backbone", "arch2", "--head", "linear", "--recipe", "published", "--steps", "1", "--out", out]
    assert main([*argv, "--fast"]) == 0
    first, tuned, mlp, published = load_records(out)
    assert (first.recipe["optimizer"], first.n_steps, first.model["head_arguments"]) == ("sgd", 3, {"layer_width": 16})
    assert (tuned.recipe["optimizer"], tuned.recipe["learning_rate"]) == ("adamw", 0.01) and "fast" not in tuned.recipe
    assert mlp.model["head_arguments"] == {"hidden_sizes": [8, 4], "act_layer": "LeakyReLU"}
    assert (published.recipe["schedule"], published.recipe["fast"]) == ("cosine", True)


def test_a_row_of_the_papers_fine_tuning_is_one_command(tmp_path, monkeypatch):
    """At few pixels and from random weights, so that it takes a second: all else is the row's."""
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    write_card(write_classes(tmp_path / "hymenoptera_small", ["ants", "bees"], 12))
    out = tmp_path / "runs.jsonl"
    data = ["train", "--data", "hymenoptera_small", "--backbone", "torchvision:resnet18", "--recipe", "published"]
    quick = ["--start", "seed", "--size", "32", "--steps", "1", "--device", "cpu", "--out", str(out)]
    row = published_transfer("hymenoptera")
    for head in (row.head, row.rival):
        assert main([*data, "--head", head, *quick]) == 0
    spine, rival = load_records(out)
    assert spine.model["head_arguments"] == row.head_arguments and rival.model["head_arguments"] == {}
    changes = {"start", "steps", "epochs"}
    assert {
        name for name, value in describe_recipe(row.recipe).items() if spine.recipe.get(name) != as_json(value)
    } <= changes
    assert main([*data, "--head", "linear", *quick, "--recipe", "transfer"]) == 0
    assert load_records(out)[-1].recipe["body_learning_rate"] == transfer_recipe().body_learning_rate


def test_small_grey_images_are_enlarged_and_repeated_for_a_body_of_photographs(tmp_path, capsys):
    out = tmp_path / "runs.jsonl"
    command = ["train", "--data", "digits", "--backbone", "torchvision:resnet18", "--head", "linear", "--size", "32"]
    assert main([*command, "--steps", "1", "--batch-size", "8", "--device", "cpu", "--out", str(out)]) == 0
    assert load_records(out)[0].model["image_size"] == 32
    assert capsys.readouterr().err.count("digits has grey images: each is repeated") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--backbone", "torchvision:vit_b_32", "--size", "64"], "vit_b_32.*64 × 64.* 224"),
        (["--backbone", "torchvision:alexnet", "--size", "16"], "alexnet.*16 × 16.* 224"),
        (["--backbone", "torchvision:resnet18", "--size", "4"], "size.* 4"),
        (["--backbone", "torchvision:resnet18", "--recipe", "published"], "resnet18.*'digits'.*hymenoptera"),
        (["--backbone", "torchvision:nope", "--size", "64"], "nope"),
    ],
)
def test_a_body_that_does_not_fit_is_named_and_nothing_is_written(arguments, says, tmp_path, capsys):
    out = tmp_path / "runs.jsonl"
    assert main(["train", "--data", "digits", "--head", "linear", *arguments, "--steps", "1", "--out", str(out)]) == 2
    assert re.search(says, capsys.readouterr().err) and not out.exists()


def as_json(value):
    return json.loads(json.dumps(value))


def test_a_model_is_saved_for_each_seed_and_made_again_where_it_is_lost(tmp_path, capsys):
    save = [
        *RUN,
        "--seeds",
        "0-1",
        "--out",
        str(tmp_path / "runs.jsonl"),
        "--save",
        str(tmp_path / "made" / "model.npz"),
    ]
    assert main(save) == 0
    files = [tmp_path / "made" / f"model-{seed}.npz" for seed in (0, 1)]
    weights = [load_model(path).state_dict() for path in files]
    record = load_records(tmp_path / "runs.jsonl")[1]
    assert evaluate(load_model(files[1]), load_dataset("digits").val)[0] == pytest.approx(
        1 - record.last["val_error"], abs=1e-6
    )
    files[1].unlink()
    assert main(save) == 0 and "trained again" in capsys.readouterr().out
    again = load_model(files[1]).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in weights[1].items())
    assert len(load_records(tmp_path / "runs.jsonl")) == 2
    assert main([*RUN, "--out", str(tmp_path / "runs.jsonl"), "--save", str(unwritable(tmp_path) / "model.npz")]) == 2


def test_pictures_become_a_model_and_predictions(tmp_path, capsys, monkeypatch):
    """The four commands of a user with folders of pictures."""
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    pets = write_classes(tmp_path / "pets", ["cat", "dog", "owl"], 6)
    model, out = str(tmp_path / "model.npz"), ["--out", str(tmp_path / "runs.jsonl")]
    body = [
        "--backbone",
        "torchvision:resnet18",
        "--size",
        "32",
        "--head",
        "spinal",
        "--head-argument",
        "layer_width=8",
    ]
    assert main(["data", "new", str(pets)]) == 0
    train_it = [
        "train",
        "--data",
        "pets",
        *body,
        "--steps",
        "2",
        "--batch-size",
        "6",
        "--threads",
        "1",
        "--device",
        "cpu",
    ]
    assert main([*train_it, "--trainable", "head", "--save", model, *out]) == 0
    assert main(["predict", model, str(pets / "cat"), "--csv", str(tmp_path / "seen.csv")]) == 0
    assert capsys.readouterr().out.count("image_000") == 6 and (tmp_path / "seen.csv").exists()
    assert load_records(tmp_path / "runs.jsonl")[0].recipe["trainable"] == "head"
    assert main(["train", "--data", "pets", "--pretrained", "--size", "28", *out]) == 2
    assert "two_conv" in capsys.readouterr().err
