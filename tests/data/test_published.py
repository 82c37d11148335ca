import csv
from functools import cache

import pytest

from spinalnet_lib import claims_table, published_figures, published_table
from spinalnet_lib.data import published
from spinalnet_lib.data.cards import load_card, official_names
from spinalnet_lib.data.published import COLUMNS, PROVENANCE, UNSURE
from spinalnet_lib.data.regression import TARGETS
from spinalnet_lib.paths import data_path


def test_every_figure_has_a_known_tag_a_source_and_a_set_of_the_library():
    figures = published_figures()
    assert set(figures["provenance"]) == set(PROVENANCE) and figures["source"].str.len().min() > 0
    assert set(figures["dataset"]) <= {*official_names(), *TARGETS}
    assert not figures.duplicated(["dataset", "network", "head", "measure", "value", "source"]).any()


def test_what_nobody_has_seen_is_marked_and_never_shown_as_the_papers():
    figures = published_figures()
    unsure = figures[~figures["sure"]]
    assert set(unsure["provenance"]) >= UNSURE and not figures[figures["provenance"].isin(UNSURE)]["sure"].any()
    assert (unsure["verified"] == "").sum() == len(unsure) == (figures["verified"] == "").sum()
    assert len(published_table()) == figures["sure"].sum()
    shown = published_table(unsure=True)
    assert (shown["whose"].str.contains("not verified") == ~figures["sure"]).all()
    papers = figures[shown["whose"].str.startswith("the paper")]
    assert set(papers["provenance"]) == {"paper table"} and set(papers["file"]) == {"regression"}


def values(claim, **where):
    """Values of the figures that bear on a claim."""
    figures = published_figures()
    for column, value in {"claims": claim, **where}.items():
        figures = figures[figures[column].str.contains(value)]
    return sorted(figures["value"])


@cache
def evidences():
    return claims_table().set_index("id")["evidence"]


def evidence(claim):
    return evidences()[claim]


def test_the_ledger_agrees_with_the_figures():
    plain, spinal = values("C12", head="^plain$")[0], values("C12", provenance="repository")[0]
    images = (spinal - plain) / 100 * load_card("emnist_letters")["sizes"]["test"]
    assert round(spinal - plain, 2) == 0.02 and "two hundredths" in evidence("C12")
    assert round(images) == 4 and "four test images" in evidence("C12")
    (chart,), (validation,) = values("C18", provenance="chart"), values("C18", measure="validation accuracy of")
    tests = values("C18", measure="test accuracy")
    assert abs(chart - validation) < 0.05 < min(abs(chart - test) for test in tests)
    assert "agrees with the validation accuracy" in evidence("C18")
    assert "twenty readings" in evidence("C15") and values("C15", note="20 epochs", measure="highest test") == [98.6625]
    assert "lowest loss of a training mini-batch" in evidence("C9")
    assert len(values("C9")) == len(values("C9", measure="lowest loss of an epoch's last mini-batch")) == 16


def test_where_the_authors_give_both_heads_the_spinal_one_wins_two_sets_and_loses_two():
    figures = published_figures("transfer")
    figures = figures[figures["claims"].str.contains("C19")]
    best = figures.assign(spinal=figures["head"].str.startswith("spinal"))
    best = best.groupby(["source", "measure", "dataset", "spinal"])["value"].max().unstack()
    assert list((best[True] > best[False]).sort_index(level="dataset")) == [True, True, False, False]
    assert "wins two data sets and loses two" in evidence("C19")


def test_both_sides_of_emnist_balanced_are_there():
    assert values("C14", provenance="repository", network="VGG-5") == [91.05]
    assert 85.82 in values("C14", provenance="user report", network="2-conv CNN", source="issues/6")


def test_an_unknown_file_is_named():
    with pytest.raises(ValueError, match=r"regresion.*regression"):
        published_figures("regresion")


GOOD = dict(
    zip(COLUMNS, ["mnist", "VGG-5", "spinal", "accuracy", "99", "%", "memory", "a talk", "", "C10", ""], strict=True)
)


def write_talks(folder, *rows):
    (folder / "paper").mkdir()
    (folder / "paper" / "claims.csv").write_bytes(data_path("paper", "claims.csv").read_bytes())
    with (folder / "paper" / "talks.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(published, "data_path", lambda *parts: tmp_path.joinpath(*parts))
    return tmp_path


@pytest.mark.parametrize(
    "column, value, said",
    [
        ("provenance", "hearsay", "hearsay.*memory"),
        ("unit", "percent", "percent.*squared error"),
        ("claims", "C9 C99", "C99"),
        ("source", " ", "source"),
        ("value", "9O.5", "9O.5"),
        ("value", "nan", "nan"),
        ("value", "101", "101"),
    ],
)
def test_a_row_that_cannot_be_trusted_is_refused(column, value, said, elsewhere):
    write_talks(elsewhere, GOOD.values(), {**GOOD, column: value}.values())
    with pytest.raises(ValueError, match=f"talks.csv, line 3.*{said}"):
        published_figures("talks")


def test_a_chart_or_a_memory_stays_unsure_whatever_it_was_compared_with(elsewhere):
    tags = ("memory", "chart", "leaderboard")
    write_talks(elsewhere, *({**GOOD, "provenance": tag, "verified": "a page"}.values() for tag in tags))
    assert list(published_figures("talks")["sure"]) == [False, False, True]


@pytest.mark.parametrize("cells", [list(GOOD.values())[:-1], [*GOOD.values(), "more"]])
def test_a_row_with_a_cell_too_few_or_too_many_is_refused(cells, elsewhere):
    write_talks(elsewhere, cells)
    with pytest.raises(ValueError, match=r"line 2.*columns"):
        published_figures("talks")


def test_the_readme_explains_every_file_column_and_tag(root):
    text = (root / "data" / "paper" / "README.md").read_text()
    files = [path.name for path in (root / "data" / "paper").glob("*.csv")]
    assert all(f"`{word}`" in text for word in (*files, *COLUMNS, *PROVENANCE))
