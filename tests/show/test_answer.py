"""The answer so far is computed: other runs and other verdicts give another one."""

import numpy as np
import pandas as pd
import pytest

from spinalnet_lib import (
    answer_so_far,
    comparisons_table,
    gains_by_size,
    head_cost,
    load_facts,
    load_records,
    paired_gains,
    paper_head,
    published_figures,
    verdicts,
)
from spinalnet_lib.data.regression import NOISE_FLOOR
from spinalnet_lib.records.files import own_records
from spinalnet_lib.show.answer import study_in_words
from spinalnet_lib.study.cells import search_of
from spinalnet_lib.study.comparisons import COMPARISONS
from spinalnet_lib.study.documents import SETS
from spinalnet_lib.study.judged import gains
from spinalnet_lib.study.tiers import TIERS
from spinalnet_lib.study.verdict import UNDECIDED


@pytest.fixture(scope="module")
def today():
    return verdicts()


@pytest.fixture(scope="module")
def table():
    return comparisons_table()


@pytest.fixture(scope="module")
def pairs():
    return paired_gains()


def test_it_begins_with_what_the_study_found(today, table, pairs):
    text = answer_so_far(today, table, pairs)
    assert (
        study_in_words(table) in text
        and "against a dense head of its own size 1 × *equivalent, slightly better*, 2 × *equivalent*" in text
    )
    of_tier = table["tier"] == "C"
    other = table.assign(words=table["words"].mask(of_tier & (table["reference"] == "mlp"), "better, matters"))
    assert "against the larger dense head that it replaces 3 × *better, matters*" in study_in_words(other)
    lacking = table.assign(words=table["words"].mask(of_tier & (table["data"] == "Fashion"), "untested"))
    assert study_in_words(lacking) == ""
    assert "Fewer errors?" in text and "Fewer errors?" not in answer_so_far(today, lacking, pairs)


def test_what_a_chapter_says_in_its_claim_is_what_the_table_says(table, root):
    """Its sentences cannot be written by code: a claim stands in prose."""
    tuned = table[(table["tier"] == "C") & (table["recipe"] == "tuned")]
    judged = tuned.groupby("reference")["verdict"]
    assert set(judged.get_group("mlp_matched")) == {"equivalent"}
    assert (tuned.loc[tuned["reference"] == "mlp", "high"] < 0).all()
    published = table[(table["tier"] == "C") & (table["recipe"] == "published")]["verdict"]
    assert len(published) == 3 and published.str.startswith("better").all()
    prose = (root / "book" / "evidence" / "does_a_spine_help.ipynb").read_text()
    assert (
        "about as well as a dense head of its own size" in prose and "somewhat more errors than the larger one" in prose
    )
    assert "the published spinal head beats the published dense one" in prose
    kuzushiji = next(c for c in COMPARISONS if c.name.startswith("C Kuzushiji, published"))
    assert (gains(kuzushiji, own_records()) > 0).sum() == 9 and "nine of ten seeds have that sign" in prose


def test_what_a_chapter_says_of_narrow_layers_is_what_the_table_says(table, root):
    of_width = table[table["tier"] == "W"].set_index(["reference", "width", "data"])
    same, sized = (of_width.loc[of] for of in ("mlp", "mlp_matched"))
    assert (same.loc[2, "gain"] > np.log(3)).all() and set(same.loc[2, "verdict"]) == {"better, matters"}
    assert set(sized.loc[2, "verdict"]) == {"better, size open"}
    assert sized.drop(index=2)["verdict"].value_counts().to_dict() == {"equivalent": 9, "open": 1}
    parameters = [
        head_cost("spinal", 320, classes, **paper_head("two_conv", "spinal") | {"layer_width": 2}).parameters
        / head_cost("mlp", 320, classes, hidden_sizes=2).parameters
        for classes in (10, 26)
    ]
    assert all(2.5 < times < 3.5 for times in parameters)
    prose = (root / "book" / "evidence" / "does_a_spine_help.ipynb").read_text()
    assert (
        "catches up: at the narrowest width the spine makes fewer errors on both sets" in prose
        and "about three times its weights" in prose
    )
    assert "makes several times the errors of a spine of that width" in prose


def test_frozen_features_have_their_verdicts_by_rival(today, table, pairs):
    of_linear = (table["tier"] == "P") & (table["reference"] == "linear")
    other = table.assign(words=table["words"].mask(of_linear, "better, matters"))
    assert "against one linear layer 4 × *better, matters*" in answer_so_far(today, other, pairs)
    lacking = table.assign(words=table["words"].mask(table["tier"] == "P", "untested"))
    assert "On a trained body?" in answer_so_far(today, table, pairs)
    assert "On a trained body?" not in answer_so_far(today, lacking, pairs)


def test_what_the_chapter_on_trained_bodies_says_is_what_the_table_says(table, pairs, root):
    """Its claim and its summary stand in prose, too."""
    frozen = table[table["tier"] == "P"].set_index(["reference", "data"])["verdict"]
    linear, dense = frozen["linear"], frozen["mlp_matched"]
    assert not linear.str.startswith("better").any() and linear["caltech101_reduced"].startswith("worse")
    assert linear["cifar10"] == dense["cifar10"] == "equivalent" and dense["caltech101_reduced"].startswith("better")
    wide = pairs[(pairs["arm"] == "spinal, width 128") & (pairs["reference"] == "linear")].set_index("data")
    assert wide.loc["caltech101_reduced+efficientnet_lite0", "high"] > 0
    classes = len(load_facts()["caltech101_reduced"]["images_per_class"]["train"])
    weights = head_cost("spinal", 1280, classes, layer_width=128).weights / head_cost("linear", 1280, classes).weights
    assert 3 <= weights < 3.5
    prose = (root / "book" / "evidence" / "a_trained_body.ipynb").read_text()
    assert "A wide spine does not lose there, and has three times the layer's weights" in prose
    assert "on none of our four sets could the spine be shown to beat it by one error in ten" in prose
    assert "on Caltech-101, where the spine has half of the weights, it makes more errors, and two sets" in prose
    assert (linear.isin(UNDECIDED)).sum() == 2
    few = gains_by_size(table, pairs)
    few = few[few["per_class"] == 5].set_index(["reference", "data"])
    better, worse = ({*few[of].index} for of in (few["low"] > 0, few["high"] < 0))
    assert {name for of, name in better if of == "linear"} == {"cifar10", "monkeys10"}
    assert {name for of, name in better if of == "mlp_matched"} == {"caltech101_reduced", "fruits360_varieties"}
    assert worse == {("linear", "caltech101_reduced")} and "gained on the two sets of many classes instead" in prose


def test_what_the_chapter_on_trained_bodies_says_of_our_own_is_what_the_pairs_say(pairs, root):
    """Gains of a tenth of the linear layer's errors lie above every interval."""
    own = pairs[(pairs["tier"] == "F") & pairs["data"].str.endswith("-linear")].set_index(["reference", "data"])
    linear, dense, larger = (own.loc[of] for of in ("linear", "mlp_matched", "mlp"))
    better = linear[linear["low"] > 0]
    assert {name.split("+")[0] for name in better.index} == {"fashion_mnist", "emnist_letters"}
    runs = [run for run in load_records("study") if run.head == "linear" and "+trained:" in run.dataset]
    for name, high in better["high"].items():
        assert high < 10 * np.mean([1 - run.test["last"] for run in runs if run.dataset.startswith(name)])
    assert (larger["high"] < 0).all() and (dense["gain"].abs() < 0.3 * linear["gain"]).loc[better.index].all()
    prose = (root / "book" / "evidence" / "a_trained_body.ipynb").read_text()
    assert "what helps is a hidden layer, and the chain adds little to it" in prose
    assert "a spine makes fewer errors than one linear layer on two of three sets, by less than one in ten" in prose


def test_what_the_chapter_on_trained_bodies_says_of_its_search_is_what_the_search_says(root):
    searches = [search_of("P", own_records(), name, "pixels") for name in TIERS["P"].datasets if "+" in name]
    heads = [(search, head) for search in searches for head in search.arms]
    other = [1 for search, head in heads if search.chosen(head) != search.chosen_by_error(head)]
    assert len(other) == len(heads) / 2
    (caltech,) = (search for search in searches if "caltech101" in search.datasets[0])

    def errors(choose):
        return [
            caltech.loss(head, setting.learning_rate, setting.drop_rate, "val_error")
            for head in ("mlp_matched", "spinal")
            for setting in [choose(head)]
        ]

    (dense, spine), (dense_by_error, spine_by_error) = errors(caltech.chosen), errors(caltech.chosen_by_error)
    assert spine == spine_by_error and (dense_by_error - spine) / (dense - spine) == pytest.approx(1 / 3, abs=0.05)
    prose = (root / "book" / "evidence" / "a_trained_body.ipynb").read_text()
    assert "whose distance from the spine shrinks by two thirds on the search's own runs" in prose


def test_it_says_what_was_counted_and_published(today, table, pairs):
    text = answer_so_far(today, table, pairs)
    figures = published_figures("regression")
    figures = figures[figures["measure"].str.endswith("200 epochs")]["value"]
    assert f"regression errors after the longer training {(figures < NOISE_FLOOR).sum()} are smaller" in text
    assert "12% fewer weights" in text and "0.01% fewer multiply-adds" in text  # 16,384 of 136,192 and of 161 million
    assert f"Of the paper's {len(today)} claims" in text


def test_what_documents_alone_say_is_not_judged(today, table, pairs):
    records = [found for found in today if found.id in SETS]
    text = answer_so_far(records, table, pairs)
    told = sum({"standing", "superseded"} & {*found.states.values()} != set() for found in records)
    assert told and f"0 can be judged today, {told} are records that only documents speak of" in text


def test_the_lead_is_that_of_the_pairs(today, table, pairs):
    assert "with the dropout of the dense head" in answer_so_far(today, table, pairs)

    def with_gains(published, equal):
        gains = {("spinal, dropout 0", f"mlp, dropout {rate:g}"): gain for rate, gain in ((0.5, published), (0, equal))}
        rows = [(*arms, gain, gain - 0.6, gain + 0.6) for arms, all_ in gains.items() for gain in all_]
        return answer_so_far(today, table, pd.DataFrame(rows, columns=["arm", "reference", "gain", "low", "high"]))

    text = with_gains([0.25, 2.0], [-0.75, -0.5])
    assert "**0.25 to 2.00 points of test error less** (an interval leaves out zero on 1 of them)" in text
    assert "**0.50 to 0.75 points of test error more** (an interval leaves out zero on 1 of them)" in text
    assert "with the dropout of the dense head" in text
    assert "with the dropout of the dense head" not in with_gains([0.25, 2.0], [-0.75, 0.5])
    assert "Spine or dropout?" not in with_gains([0.25, 2.0], [])


def test_what_is_lost_without_a_part_is_told_once_all_its_runs_are_there(today, table, pairs):
    rows = [("spinal", "spinal_last", 0.25, 0.1, 0.4), ("spinal", "spinal_last", 2.0, 1.0, 3.0)]
    rows += [("spinal", "spinal_no_chain", -0.25, -0.5, 0.0), ("spinal", "spinal_no_chain", 0.125, -0.1, 0.4)]
    made = pd.DataFrame(rows, columns=["arm", "reference", "gain", "low", "high"])
    text = answer_so_far(today, table, made)
    assert (
        "feeds the classes, the test error changes by **+0.25 to +2.00 points** (every interval leaves out zero)"
        in text
    )
    assert "between the layers by **−0.25 to +0.12 points** (no interval leaves out zero)" in text
    other = answer_so_far(today, table, made.assign(low=made["low"].mask(made.index == 3, 0.1)))
    assert "(1 of 2 intervals leave out zero)" in other
    assert "Which parts" not in answer_so_far(today, table, made.assign(gain=made["gain"].mask(made.index == 3)))
    assert "taken away on 3 sets" in answer_so_far(today, table, pairs)


def test_an_equivalent_pair_is_said_to_lean(table):
    of_tier = (table["tier"] == "C") & (table["reference"] == "mlp")
    assert "2 × *equivalent, slightly worse*" in study_in_words(table)
    other = table.assign(words=table["words"].mask(of_tier, "equivalent, slightly better"))
    assert "that it replaces 3 × *equivalent, slightly better*" in study_in_words(other)
