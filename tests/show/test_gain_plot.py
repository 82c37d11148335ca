"""Bars stand where the table has them, in units of δ, and words count what is there."""

import pandas as pd
import pytest

from spinalnet_lib import comparisons_table, describe_gains, plot_gains
from spinalnet_lib.show.palette import LIGHT


def row(**given):
    """A comparison that found something, unless said otherwise."""
    known = {"tier": "C", "data": "Fashion", "width": None, "reference": "mlp", "recipe": "tuned", "changes": ""}
    found = {"verdict": "better, matters", "units": 30, "planned": 30, "delta": 0.01, "gain": 0.02, "expected": 0.5}
    row = known | found | {"low": 0.015, "high": 0.025, "narrow_low": 0.016, "narrow_high": 0.024} | given
    return {"words": row["verdict"]} | row


def waiting(**given):
    nothing = dict.fromkeys(("gain", "low", "high", "narrow_low", "narrow_high"))
    return row(verdict="untested", units=12, **nothing, **given)


def lines(axes):
    """Of each line but the one at zero its style, colour, ends in δ and row."""
    return [
        (line.get_linestyle(), line.get_color(), [round(x, 6) for x in line.get_xdata()], line.get_ydata()[0])
        for line in axes.lines[1:]
    ]


def test_a_row_has_its_intervals_in_delta_and_the_colour_of_its_verdict():
    names = ("better, matters", "equivalent", "worse, size open")
    (axes,) = plot_gains(pd.DataFrame([row(verdict=name) for name in names])).drawn(LIGHT).axes
    drawn = lines(axes)
    assert [ends for *_, ends, _ in drawn] == [[1.5, 2.5], [1.6, 2.4], [2.0]] * 3
    assert [place for *_, place in drawn] == [place for place in range(3) for _ in range(3)]
    assert [colour for _, colour, *_ in drawn[::3]] == [LIGHT.spinal, LIGHT.text, LIGHT.dense]
    assert axes.get_xlim()[0] < -2.5 < 2.5 < axes.get_xlim()[1]
    assert [label.get_text().splitlines()[1] for label in axes.get_yticklabels()] == list(names)


def test_a_row_that_waits_has_the_expected_width_about_zero_or_nothing():
    table = pd.DataFrame([waiting(), waiting(expected=None)])
    picture = plot_gains(table)
    (axes,) = picture.drawn(LIGHT).axes
    assert lines(axes) == [("--", LIGHT.quiet, [-0.5, 0.5], 0)]
    assert picture.alt.startswith("Gains of the spinal head in 2 comparisons: 2 untested.")
    assert "12 of 30 pairs, ± 0.50 δ expected" in picture.alt
    assert "dashed" in picture.alt and "dashed" not in plot_gains(pd.DataFrame([row(), waiting(expected=None)])).alt
    read_later = plot_gains(pd.DataFrame([{**waiting(), "units": 30}])).drawn(LIGHT).axes[0]
    assert read_later.get_yticklabels()[0].get_text() == "Fashion\nnot read yet"


def test_each_rival_and_recipe_has_axes_of_its_own_and_a_width_its_name():
    rows = [row(reference=reference) for reference in ("mlp_matched", "mlp")]
    rows += [row(recipe="published"), row(data="mnist", width=2.0)]
    every = plot_gains(pd.DataFrame(rows)).drawn(LIGHT).axes
    titles = [axes.get_title(loc="left") for axes in every]
    assert titles == [
        "against a dense head of its own size, both tuned",
        "against the dense head it replaces, both tuned",
        "against the dense head it replaces, as published",
    ]
    assert every[1].get_yticklabels()[1].get_text().startswith("mnist, width 2\n")


def test_every_tier_of_the_plan_can_be_drawn_wide_and_narrow():
    table = comparisons_table()
    for _, rows in table.groupby("tier"):
        picture = plot_gains(rows)
        for size in (picture.size, picture.narrow):
            for axes in picture.drawn(LIGHT, size=size).axes:
                assert len(axes.get_yticklabels()) == round(axes.get_ylim()[0] + 0.45)


def test_a_table_without_rows_is_refused():
    with pytest.raises(ValueError, match="no rows"):
        plot_gains(comparisons_table().head(0))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([waiting()], "**Not known yet.** 1 comparison waits for runs: 12 of 30 pairs are there"),
        ([row()], "**1 × *better, matters*** in 1 comparison. Another δ"),
        ([row()], "reading would change none of these verdicts."),
        (
            [{**waiting(), "units": 30}, waiting()],
            "30 pairs are there, and their result is not shown before the last one.",
        ),
        ([{**waiting(), "units": 30}, waiting()], " 1 comparison with all pairs will be read after another one."),
        ([row(), row(changes="unpaired"), waiting()], "change 1 of these verdicts. 1 comparison waits for runs: 12 of"),
    ],
)
def test_what_is_said_counts_verdicts_and_what_waits(rows, said):
    assert said in describe_gains(pd.DataFrame(rows))
