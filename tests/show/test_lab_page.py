"""What a page of the lab says: counts of the paper's own network, figures with whose they are, and no winner of few seeds."""

import json
import statistics

import pytest

from spinalnet_lib import (
    WeightCounter,
    count_parameters,
    create_model,
    load_bench_report,
    load_records,
    published_table,
    signed,
)
from spinalnet_lib.data.cards import whole_set
from spinalnet_lib.records.files import own_records
from spinalnet_lib.show import lab_page
from spinalnet_lib.show.lab_page import describe_rivals, lab_html, lab_records
from spinalnet_lib.study import blindness
from spinalnet_lib.study.blindness import hidden
from spinalnet_lib.study.lab import lab_sizes, plan_lab, train_rivals
from tests.data.cases import write_classes

FIRST = [r for r in load_records("first_training") if r.dataset == "mnist_5k" and r.arm.endswith("no dropout")]


def test_the_table_counts_the_papers_network():
    html = lab_html("kmnist")
    for head, arguments in plan_lab("kmnist").heads.items():
        model = create_model("vgg5", head, 10, **arguments)
        assert f"{count_parameters(model.head):,} parameters" in html
    assert f"{count_parameters(model.body) / 1e6:.1f} million parameters" in html


@pytest.mark.parametrize("name", ["kmnist", "stl10", "cifar10", "birds225", "monkeys10", "hymenoptera"])
def test_a_page_has_one_count_of_each_head(name):
    """The widget's and the table's: of a rival that is one Linear, of one with two hidden layers, of norms, of shared layers."""
    spine, more = lab_sizes(name)
    counter = WeightCounter(**spine, **more)
    counts, rows = counter.state()["parameters"], lab_html(name)
    rival = [*plan_lab(name).heads][1]
    assert ("dense" in counts) == (rival == "mlp") == ("hidden_size" in counter.values())
    assert f"; {counts['spinal']:,} parameters" in rows
    assert f"; {counts['dense' if rival == 'mlp' else 'linear']:,} parameters" in rows


def test_published_figures_stand_with_whose_they_are():
    html = lab_html("emnist_balanced")
    rows = published_table("mnist_family", unsure=True)
    for row in rows[rows["dataset"] == "emnist_balanced"].itertuples():
        assert row.figure in html and row.whose.replace("'", "&#x27;") in html and row.measure in html
    assert "not verified" in lab_html("kmnist") and "no figure" in lab_html("hymenoptera")


def test_photographs_that_are_kept_smaller_than_the_recipes_are_said_to_be_enlarged(tmp_path, monkeypatch):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    assert "enlarged" not in lab_html("monkeys10")
    folder = write_classes(tmp_path / "monkeys10", ["n0", "n1"], 5)
    card = {"kind": "folder", "splits": {"train": 10}, "num_classes": 2, "shorter_side": 160}
    (folder / "card.json").write_text(json.dumps(card))
    said, side = lab_html("monkeys10"), plan_lab("monkeys10").size
    assert f"160 pixels here: enlarged to {side}" in said and "not the paper" in said


def test_our_runs_are_named_and_a_set_without_any_is_not_run_yet():
    gpu = load_bench_report("gpu")
    count = sum(whole_set(record.dataset) == "mnist" for record in own_records())
    assert f"{count} runs of two_conv on mnist " in lab_records("mnist", gpu)
    said = lab_records("stl10", gpu)
    assert (
        "Not run here yet" in said and 'train_rivals("stl10", pretrained=True)' in said and "minutes for 6 runs" in said
    )
    assert "minutes" not in lab_records("stl10", {"groups": {}})
    assert " runs on " not in lab_records("hymenoptera", gpu)  # below a minute, loading aside


def test_errors_stand_there_and_what_is_hidden_does_not(monkeypatch):
    """With the records that are there while no seed from ten on has been run: the primary cell is open, and so are others."""
    gpu, early = load_bench_report("gpu"), [r for r in own_records() if not (r.test and 10 <= r.seed < 30)]
    ours = [r for r in early if whole_set(r.dataset) == "mnist"]
    for module in (lab_page, blindness):
        monkeypatch.setattr(module, "own_records", lambda: early)
    said, secret = lab_records("mnist", gpu), hidden(ours)
    plain = [r for r in load_records("first_training") if (r.dataset, r.arm) == ("mnist", "spinal, no dropout")]
    mean = statistics.mean(record.last["val_error"] for record in plain)
    assert f"- `spinal, no dropout` on two_conv, mnist, sgd, rate 0.01, 8 epochs: {mean:.2%} (" in said
    of = [{r.arm for r in ours if (r.key in secret) == is_secret} for is_secret in (True, False)]
    assert of[0] - of[1] and not any(arm in said for arm in of[0] - of[1])
    assert secret and f"Results of {len(secret)} of them are not shown" in said


def test_a_rate_that_was_measured_twice_as_high_halves_the_time():
    gpu = load_bench_report("gpu")
    twice = gpu | {"figures": [f | {"value": 2 * f["value"]} for f in gpu["figures"] if f["unit"] == "TFLOP/s"]}
    hours = [float(lab_records("cars", g).split("at least ")[1].split()[0]) for g in (gpu, twice)]
    assert hours[0] == pytest.approx(2 * hours[1], abs=0.15)


def test_small_batches_take_no_less_than_their_steps():
    """The runs of small images are counted in steps: one that is ten times as long makes the time ten times as long."""
    gpu = load_bench_report("gpu")
    slow = gpu | {"figures": [f | {"value": 10 * f["value"]} if f["unit"] == "s" else f for f in gpu["figures"]]}
    minutes, longer = (lab_records("kmnist", g).split("at least ")[1].split() for g in (gpu, slow))
    assert (minutes[1], longer[1]) == ("minutes", "hours")
    assert float(longer[0]) == pytest.approx(10 * float(minutes[0]) / 60, rel=0.05)


def test_the_difference_is_said_with_its_sign_and_its_interval_and_settles_nothing():
    spine_first = sorted(FIRST, key=lambda record: record.head != "spinal")
    errors = {(record.head, record.seed): 100 * record.last["val_error"] for record in FIRST}
    gain = statistics.mean(errors["mlp", seed] - errors["spinal", seed] for seed in range(10))
    said = describe_rivals(spine_first)
    assert (
        f"less that of `spinal` is {signed(gain, '+.1f')} points" in said
        and "10 seeds" in said
        and "settle nothing" in said
    )


def test_nothing_and_one_seed_are_no_comparison(tmp_path):
    assert "claims nothing" in describe_rivals([])
    records = train_rivals("digits", "pixels", 1, [0], out=tmp_path, progress=False)
    assert "no interval" in describe_rivals(records)
