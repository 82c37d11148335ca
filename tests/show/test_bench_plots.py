import pytest
from matplotlib.figure import Figure

from spinalnet_lib import load_bench, load_bench_report
from spinalnet_lib.show import bench_plots
from spinalnet_lib.show.palette import LIGHT
from tests.show.cases import assert_drawn_with_words, drawn


def row(name, ratio, low, high, group="heads"):
    return {"group": group, "name": name, "peer": "a peer", "ratio": ratio, "low": low, "high": high}


ROWS = [
    row("clearly less", 0.5, 0.4, 0.9),
    row("clearly more", 2.0, 1.1, 3.0, "gpu"),
    row("one is inside", 0.8, 0.7, 1.0),
    row("much less", 0.02, 0.01, 0.03),
]


def test_every_ratio_is_a_dot_on_its_range_hollow_where_it_is_not_clear():
    picture = bench_plots.plot_speed_ratios(ROWS)
    assert_drawn_with_words(picture)
    assert picture.alt.startswith("Of 4 comparisons with a peer: 2 less time, 1 more time, 1 no clear difference.")
    assert "from 0.02 times (much less) to 0.8 times (one is inside)" in picture.alt
    axes = drawn(picture)
    dots = {line.get_xdata()[0]: line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"}
    assert dots == {0.02: LIGHT.text, 0.5: LIGHT.text, 0.8: LIGHT.back, 2.0: LIGHT.text}
    assert {tuple(line.get_xdata()) for line in axes.lines if line.get_marker() != "o"} > {(0.4, 0.9), (1.1, 3.0)}
    said = [text.get_text() for text in axes.texts]
    assert said[:3] == ["spinal against dense heads, on a CPU", "much less", "against a peer: 0.02 (0.01 to 0.03)"]


def test_no_label_is_cut():
    rows = [*load_bench(), *load_bench("gpu")]
    picture = bench_plots.plot_speed_ratios(rows)
    figure = Figure(figsize=picture.size, layout="constrained")
    picture.draw(figure, LIGHT)
    figure.draw_without_rendering()
    frame = figure.get_window_extent()
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1, text


@pytest.mark.parametrize("plot", [bench_plots.plot_speed_ratios, bench_plots.plot_step_profile])
def test_nothing_to_draw_is_said(plot):
    with pytest.raises(ValueError, match=plot.__name__):
        plot([])


def test_the_parts_of_a_step_fill_it():
    profile = load_bench_report("gpu")["profile"]
    picture = bench_plots.plot_step_profile(profile)
    assert_drawn_with_words(picture)
    bars = drawn(picture).patches
    for place in (0, 1):
        widths = [bar.get_width() for bar in bars if round(bar.get_y() + bar.get_height() / 2) == place]
        assert sum(widths) == pytest.approx(100, abs=0.5)
    assert f"batch norm {100 * next(p['share'] for p in profile if p['kind'] == 'batch norm'):.0f} %" in picture.alt
