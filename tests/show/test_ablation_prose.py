"""What two chapters say of the ablations, in words, is what the pairs and the lines of the records say."""

import numpy as np
import pytest

from spinalnet_lib import load_records, mean_interval, paired_gains
from tests.study.raw_runs import chosen

SETS = LETTERS, FASHION, DIGITS = "emnist_letters", "fashion_mnist", "mnist"
LARGER = ("progressive", "spinal_big", "spinal_direct", "spinal_full", "spinal_overlap")
SPINE, BIG, DIRECT, LINE = ("spinal", 8), ("spinal_big", None), ("spinal_direct", 8), ("linear", None)


@pytest.fixture(scope="module")
def told():
    pairs = paired_gains()
    pairs = pairs[(pairs["tier"] == "C") & (pairs["part"] == "ablations")]
    return pairs.set_index(["arm", "reference", "data"]).sort_index()


@pytest.fixture(scope="module")
def runs():
    """By head, width and set the tuned runs of the first ten seeds without dropout."""
    found = {}
    for run in load_records("study"):
        sizes, is_whole = run.model["head_arguments"], not run.split_sizes.get("train_per_class")
        is_chain = sizes.get("num_layers", 6) != 6
        if run.dataset in SETS and run.seed < 10 and is_whole and not is_chain and not np.max(sizes["drop_rate"]):
            found.setdefault((run.head, sizes.get("layer_width"), run.dataset), {})[run.seed] = run
    return found


@pytest.fixture(scope="module")
def chapter(root):
    return (root / "book" / "evidence" / "does_a_spine_help.ipynb").read_text()


@pytest.fixture(scope="module")
def borrowed(root):
    return (root / "book" / "idea" / "what_the_paper_borrowed.ipynb").read_text()


def gain(runs, first, second, name):
    """Points that the first head saves, from low to high."""
    error = {
        head: {seed: 100 * (1 - run.test["last"]) for seed, run in runs[*head, name].items()}
        for head in (first, second)
    }
    return mean_interval([error[second][seed] - error[first][seed] for seed in range(10)])


def mean_error(runs, head, name):
    return 100 * np.mean([1 - run.test["last"] for run in runs[*head, name].values()])


def size(runs, head, name):
    return runs[*head, name][0].head_cost["parameters"]


def sets_where(rows):
    """By head the sets."""
    return {head: {*of.index.get_level_values("data")} for head, of in rows.groupby("reference")}


def test_the_ways_out_matter(told, runs, chapter):
    better = sets_where(told.loc["spinal"].query("low > 0"))
    assert better["spinal_last"] == better["mlp_deep"] == better["spinal_shared"] == {*SETS}
    for name in SETS:
        for head in (("spinal_last", 8), ("mlp_deep", 8)):
            assert gain(runs, LINE, head, name)[1] > 0
    on_validation = paired_gains(validation=True).set_index(["arm", "reference", "data"])["low"]
    assert on_validation["spinal", "mlp_deep_skip", DIGITS] < 0
    assert better["mlp_deep_skip"] == {DIGITS, LETTERS} and told.loc[("spinal", "mlp_deep_skip", DIGITS), "low"] < 0.01
    assert (
        "the errors rise on all three sets. Such a head does worse than one linear layer, and so does the dense chain without ways out"
        in chapter
    )
    assert (
        "on MNIST, too, but there the interval barely leaves out zero, and on validation images it does not" in chapter
    )
    for name in SETS:
        shared = runs["spinal_shared", 8, name]  # those of six layers; ten with two came before, by mistake
        assert shared[0].model["head_arguments"]["num_layers"] == 6
        assert 1 / 3 < size(runs, ("spinal_shared", 8), name) / size(runs, SPINE, name) < 0.45
    assert "makes more errors on all three sets, too, with little more than a third of the weights" in chapter


def test_of_the_chain_no_effect_is_seen(told, chapter, borrowed):
    without = told.loc["spinal"].loc[["spinal_no_chain", "spinal_random_mask"]]
    assert ((without["low"] < 0) & (without["high"] > 0)).all()
    reach = without[["low", "high"]].div(without["error"], axis=0).abs().max(axis=1)
    assert {*reach[reach > 0.1].index.get_level_values("data")} == {DIGITS}
    on_validation = paired_gains(validation=True).set_index(["arm", "reference", "data"])["high"]
    assert all(on_validation["spinal", head, DIGITS] < 0 for head in ("spinal_no_chain", *LARGER))
    assert "On Fashion-MNIST and letters they rule out one error in ten, on MNIST they do not" in chapter
    assert "even does better on validation images, as the larger heads do" in chapter
    assert "on two sets these intervals rule out one error in ten, on MNIST they do not" in borrowed


def test_heads_that_do_better_are_larger(told, runs, chapter):
    spine = told.loc["spinal"]
    worse, better = sets_where(spine.query("high < 0")), sets_where(spine.query("low > 0"))
    assert sorted(worse) == sorted(LARGER) and all(LETTERS in of for of in worse.values())
    assert {head for head, of in worse.items() if FASHION in of} == {"spinal_direct", "progressive"}
    assert not any(DIGITS in of for of in worse.values())
    assert spine["gain"].groupby("data").idxmin().str[0].eq("progressive").all()
    for name in SETS:
        sizes = {head: size(runs, BIG if head == "spinal_big" else (head, 8), name) for head in LARGER}
        assert min(sizes.values()) > size(runs, SPINE, name) and max(sizes, key=sizes.get) == "progressive"
    assert better["spinal_full, as large as spinal"] == {LETTERS}
    assert "spinal_overlap, as large as spinal" not in {*better, *worse}
    assert size(runs, ("spinal_full", 4), LETTERS) / size(runs, SPINE, LETTERS) == pytest.approx(0.9, abs=0.02)
    assert "do so on letters, two of them on Fashion-MNIST, none on MNIST, and all have more weights." in chapter
    assert "Most gains the one with all connections, the largest." in chapter
    assert (
        "then makes more errors on letters, with a tenth fewer weights, and for overlap no difference is left"
        in chapter
    )


def test_the_searches_found_one_setting(chapter):
    searched = ("linear", "mlp", "mlp_matched", "mlp_deep_skip", "spinal")
    assert {chosen(name, head) for name in SETS for head in searched} == {(0.01, 0.0)}
    assert "Every head that was searched found the same rate, and no dropout, on these sets" in chapter


def test_the_direct_line_is_right_in_direction_and_too_small(runs, borrowed):
    saved = {name: [gain(runs, DIRECT, rival, name) for rival in (SPINE, BIG)] for name in SETS}
    assert {name for name, of in saved.items() if all(low > 0 for _, low, _ in of)} == {FASHION, LETTERS}
    for name, (_, over_big) in saved.items():
        assert over_big[0] < 0.1 * mean_error(runs, BIG, name)
    assert size(runs, BIG, LETTERS) / size(runs, DIRECT, LETTERS) < 1.03
    _, low, high = gain(runs, DIRECT, ("spinal", 16), LETTERS)
    assert low < 0 < high
    assert saved[LETTERS][0][1] > 0 and saved[LETTERS][0][0] > 0.1 * mean_error(runs, SPINE, LETTERS)
    assert saved[FASHION][0][0] < 0.1 * mean_error(runs, SPINE, FASHION)
    assert (
        "On letters it saves more than one error in ten of the spine's, but far fewer of the larger head's." in borrowed
    )
    assert "On Fashion-MNIST it saves fewer than one in ten of either's. On MNIST no saving is seen." in borrowed
    assert "On letters `spinal_big` is hardly larger, and a spine twice as wide does as well" in borrowed


def test_no_harm_of_overlap_and_no_cost_of_splits_is_seen(told, runs, borrowed):
    overlap = told.loc["spinal"].loc["spinal_overlap"]
    assert (overlap["high"] < 0.1 * overlap["error"]).all()
    for name in SETS:
        assert size(runs, ("spinal_overlap", 8), name) / size(runs, SPINE, name) == pytest.approx(1.2, abs=0.05)
        assert size(runs, ("spinal_full", 8), name) / size(runs, SPINE, name) == pytest.approx(1.9, abs=0.1)
    assert "one error in ten is ruled out on all three; that head has a fifth more weights" in borrowed
    assert "makes fewer errors there, with almost twice the weights. Near the spine's size it makes more" in borrowed
