"""Panels, marks and lines of rivals that share a colour."""

import pandas as pd
from matplotlib.figure import Figure

from spinalnet_lib.show.gain_lines import GainLines
from spinalnet_lib.show.palette import LIGHT

COLUMNS = ["reference", "size", "gain", "low", "high", "filled"]


def lines(count, **how):
    rows = pd.DataFrame(
        [(reference, size, 1.0, 0.5, 1.5, size > 2) for reference in ("mlp", "mlp_matched") for size in (2, 4)],
        columns=COLUMNS,
    )
    sets = {f"set_{number}": rows for number in range(count)}
    return GainLines(sets, {"mlp": "one", "mlp_matched": "another"}, ("width", "gain"), **how)


def test_a_set_has_a_panel_and_a_rival_one_entry_of_the_legend():
    figure = Figure(layout="constrained", figsize=(7, 5))
    lines(3).draw(figure, LIGHT)
    assert [axes.get_title(loc="left") for axes in figure.axes if axes.axison] == ["set 0", "set 1", "set 2"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["against another", "against one"] or [
        text.get_text() for text in figure.legends[0].get_texts()
    ] == ["against one", "against another"]


def test_on_a_phone_panels_stand_below_each_other():
    figure = Figure(layout="constrained", figsize=lines(2).narrow)
    lines(2).draw(figure, LIGHT)
    first, second = figure.axes
    assert first.get_subplotspec().colspan == second.get_subplotspec().colspan


def test_marks_are_full_where_asked_and_a_band_is_drawn_where_one_is_given():
    figure = Figure(layout="constrained")
    lines(1, band=(-0.1, 0.1)).draw(figure, LIGHT)
    axes = figure.axes[0]
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() in "oD"]
    assert faces == [LIGHT.back, LIGHT.dense] * 2 and len(axes.patches) == 1
    lines(1).draw(plain := Figure(layout="constrained"), LIGHT)
    assert not plain.axes[0].patches
