"""The answer so far is computed: other runs and other verdicts give another one."""

from dataclasses import replace

import pytest

from spinalnet_lib import answer_so_far, comparisons_table, load_records, published_figures, verdicts
from spinalnet_lib.data.regression import NOISE_FLOOR
from spinalnet_lib.show.answer import study_in_words
from spinalnet_lib.study.documents import SETS


@pytest.fixture(scope="module")
def today():
    return verdicts()


@pytest.fixture(scope="module")
def table():
    return comparisons_table()


def test_it_begins_with_what_the_study_found(today, table):
    text = answer_so_far(load_records("first_training"), today, table)
    assert study_in_words(table) in text and "against a dense head of its own size 3 × *equivalent*" in text
    of_tier = table["tier"] == "C"
    other = table.assign(verdict=table["verdict"].mask(of_tier & (table["reference"] == "mlp"), "better, matters"))
    assert "against the larger dense head that it replaces 3 × *better, matters*" in study_in_words(other)
    lacking = table.assign(verdict=table["verdict"].mask(of_tier & (table["data"] == "Fashion"), "untested"))
    assert study_in_words(lacking) == ""
    assert "Fewer errors?" in text and "Fewer errors?" not in answer_so_far(
        load_records("first_training"), today, lacking
    )


def test_what_a_chapter_says_in_its_claim_is_what_the_table_says(table, root):
    """Its sentences cannot be written by code: a claim stands in prose."""
    judged = table[(table["tier"] == "C") & (table["recipe"] == "tuned")].groupby("reference")["verdict"]
    assert set(judged.get_group("mlp_matched")) == {"equivalent"}
    assert not any(name.startswith("better") for name in judged.get_group("mlp"))
    published = table[(table["tier"] == "C") & (table["recipe"] == "published")]["verdict"]
    assert len(published) == 3 and published.str.startswith("better").all()
    prose = (root / "book" / "evidence" / "does_a_spine_help.ipynb").read_text()
    assert "about as well as a dense head of its own size" in prose and "no better than the larger one" in prose
    assert "the published spinal head beats the published dense one" in prose


def test_it_says_what_was_counted_and_published(today, table):
    text = answer_so_far(load_records("first_training"), today, table)
    figures = published_figures("regression")
    figures = figures[figures["measure"].str.endswith("200 epochs")]["value"]
    assert f"regression errors after the longer training {(figures < NOISE_FLOOR).sum()} are smaller" in text
    assert "12% fewer weights" in text and "0.01% fewer multiply-adds" in text  # 16,384 of 136,192 and of 161 million
    assert f"Of the paper's {len(today)} claims" in text


def test_what_documents_alone_say_is_not_judged(today, table):
    records = [found for found in today if found.id in SETS]
    text = answer_so_far(load_records("first_training"), records, table)
    told = sum({"standing", "superseded"} & {*found.states.values()} != set() for found in records)
    assert told and f"0 can be judged today, {told} are records that only documents speak of" in text


def test_the_sign_of_each_lead_is_that_of_the_runs(today, table):
    def with_error(run):
        error = {"spinal, no dropout": 0.03, "mlp, dropout 0.5": 0.02}.get(run.arm, 0.04) + 0.001 * (run.seed % 2)
        return replace(run, curve=[{**run.curve[-1], "val_error": error}])

    runs = [with_error(run) for run in load_records("first_training")]
    text = answer_so_far(runs, today, table)
    assert "1.00 points higher" in text and "1.00 points lower" in text and "with the dropout of the dense head" in text
    same = [replace(run, curve=[{**run.curve[-1], "val_error": 0.05 if run.head == "mlp" else 0.04}]) for run in runs]
    assert "with the dropout of the dense head" not in answer_so_far(same, today, table)
