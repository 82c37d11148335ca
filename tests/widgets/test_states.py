"""Every widget state over a grid of its controls, against the library's own counts; no browser needed."""

import dataclasses
import itertools
from html import escape

import pytest
import torch
import traitlets
from matplotlib.figure import Figure

from spinalnet_lib import (
    ErrorCurves,
    SpeedRatios,
    SplitExplorer,
    WeightCounter,
    create_head,
    load_records,
    mean_interval,
)
from spinalnet_lib.heads.counting import count_parameters, count_weights
from spinalnet_lib.widgets.base import percent
from spinalnet_lib.widgets.error_curves import error_curves_state
from spinalnet_lib.widgets.split_explorer import split_explorer_state
from spinalnet_lib.widgets.weight_counter import weight_counter_state
from tests.widgets.cases import BENCH, GRIDS, RECORDS


def test_counter_counts_what_is_built():
    for values in GRIDS["weight-counter"][::37]:
        state = weight_counter_state(values)
        d, c = values["in_features"], values["num_classes"]
        sizes = {k: values[k] for k in ("layer_width", "num_layers", "num_splits")}
        if state["error"]:
            with pytest.raises(ValueError) as caught:
                create_head("spinal", d, c, **sizes)
            assert str(caught.value) == state["error"] == state["summary"]
            continue
        if d * sizes["layer_width"] > 300_000:
            continue
        for name, head in (
            ("spinal", create_head("spinal", d, c, **sizes)),
            ("dense", create_head("mlp", d, c, hidden_sizes=values["hidden_size"])),
            ("linear", create_head("linear", d, c)),
        ):
            built = count_weights(head), count_parameters(head)
            assert (state["weights"][name], state["parameters"][name]) == built
        assert sum(state["split_sizes"]) == d


def test_explorer_blocks_are_the_built_weights():
    for values in GRIDS["split-explorer"][::8]:
        state = split_explorer_state(values)
        if state["error"]:
            continue
        d, c = values["in_features"], values["num_classes"]
        sizes = {k: values[k] for k in ("layer_width", "num_layers", "num_splits")}
        head = create_head("spinal", d, c, **sizes)
        assert state["weights"] == count_weights(head)
        parts = torch.arange(d).tensor_split(values["num_splits"])
        assert [stop - start for start, stop in state["splits"]] == [len(part) for part in parts]
        start, stop = state["splits"][state["feature_split"]]
        assert start <= values["feature"] < stop
        assert state["feature_layers"] == [
            i for i in range(values["num_layers"]) if i % values["num_splits"] == state["feature_split"]
        ]


def test_curves_state_equals_the_statistics():
    widget = ErrorCurves(RECORDS)
    for values in GRIDS["error-curves"]:
        state = error_curves_state(values, widget.data())
        for chosen in state["chosen"]:
            name = widget.arm_names[chosen["arm"]]
            runs = sorted((r for r in RECORDS if r.arm == name), key=lambda r: r.seed)[: values["seeds"]]
            last = [r.curve[-1]["val_error"] for r in runs]
            mean, low, high = mean_interval(last)
            assert chosen["mean"][-1] == pytest.approx(mean)
            if values["interval"] == "t" and len(runs) > 1:
                assert (chosen["low"][-1], chosen["high"][-1]) == pytest.approx((low, high), rel=1e-4)
            if values["interval"] == "range":
                assert (chosen["low"][-1], chosen["high"][-1]) == (min(last), max(last))


@pytest.mark.parametrize(
    "widget",
    [WeightCounter(), SplitExplorer(), ErrorCurves(RECORDS), SpeedRatios(BENCH), WeightCounter(num_layers=1)],
    ids=lambda w: type(w).__name__,
)
def test_one_object_has_a_live_a_still_and_a_text_form(widget):
    bundle, _ = widget._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "image/png", "text/plain"} <= bundle.keys()
    html = bundle["text/html"]
    assert "style=" not in html and "<script>" not in html and 'type="application/json"' in html
    assert 'alt="' in html and "<table>" in html
    for label, value in widget.state()["rows"]:
        assert label in bundle["text/plain"] and value in bundle["text/plain"]


def still(widget):
    figure = Figure(layout="constrained")
    widget.draw(figure, widget.state())
    return figure.axes


def test_the_counters_still_shows_its_state():
    counter = WeightCounter(in_features=17, num_splits=3, num_layers=5, layer_width=9, num_classes=4, hidden_size=33)
    bars, curve = still(counter)
    assert [p.get_width() for p in bars.patches] == list(counter.state()["weights"].values())
    for width, weights in zip(*curve.lines[0].get_data(), strict=True):
        assert weights == weight_counter_state({**counter.values(), "layer_width": int(width)})["weights"]["spinal"]


def test_the_explorers_still_shows_its_blocks():
    explorer = SplitExplorer(in_features=17, num_splits=3, num_layers=4, feature=5)
    (axes,) = still(explorer)
    drawn = {(p.get_y(), p.get_height(), p.get_x(), p.get_width()) for p in axes.patches}
    assert {tuple(block[1:]) for block in explorer.state()["blocks"]} < drawn


def test_the_curves_still_shows_every_run_and_the_mean():
    curves = ErrorCurves(RECORDS, seeds=3, arms=[1])
    (axes,) = still(curves)
    lines = [pytest.approx([y / 100 for y in line.get_ydata()]) for line in axes.lines]
    assert lines == [*curves.data()["errors"][1][:3], curves.state()["chosen"][0]["mean"]]


def test_the_pages_table_holds_every_row():
    for widget in (WeightCounter(), SplitExplorer(), ErrorCurves(RECORDS), SpeedRatios(BENCH)):
        html = widget.to_html()
        for label, value in widget.state()["rows"]:
            assert f"<th scope='row'>{escape(label)}</th><td>{escape(value)}</td>" in html


def test_traits_are_readable_writable_and_checked():
    counter = WeightCounter(layer_width=16)
    seen = []
    counter.observe(lambda change: seen.append(counter.state()["weights"]["spinal"]), "layer_width")
    counter.layer_width = 17
    assert counter.values()["layer_width"] == 17 and len(seen) == 1
    for wrong in (0, -1, 4097, 1.5, "x"):
        with pytest.raises(traitlets.TraitError, match="layer_width"):
            counter.layer_width = wrong
    with pytest.raises(TypeError, match="WeightCounter has no control width; it has in_features"):
        WeightCounter(width=3)


def test_core_ipywidgets_can_be_linked():
    import ipywidgets

    slider, explorer = ipywidgets.IntSlider(2, min=1, max=8), SplitExplorer()
    ipywidgets.link((slider, "value"), (explorer, "num_splits"))
    slider.value = 4
    assert explorer.num_splits == 4 and len(explorer.state()["splits"]) == 4
    explorer.num_splits = 3
    assert slider.value == 3


def test_a_raising_callback_is_not_swallowed():
    counter = WeightCounter()
    counter.observe(lambda change: 1 / 0, "layer_width")
    with pytest.raises(ZeroDivisionError):
        counter.layer_width = 5


def test_curves_refuse_what_does_not_fit_one_picture():
    with pytest.raises(ValueError, match="no records"):
        ErrorCurves([])
    with pytest.raises(ValueError, match="two records of"):
        ErrorCurves([RECORDS[0], RECORDS[0]])
    with pytest.raises(ValueError, match="two records of"):  # two data sets at once
        ErrorCurves(load_records("first_training"))
    short = dataclasses.replace(RECORDS[0], seed=99, curve=RECORDS[0].curve[:2])
    with pytest.raises(ValueError, match="seed 99 was evaluated at other epochs"):
        ErrorCurves([*RECORDS, short])
    curves = ErrorCurves(RECORDS)
    with pytest.raises(traitlets.TraitError, match=r"arms \[9\] do not exist"):
        curves.arms = [0, 9]
    curves.seeds = 500
    assert curves.seeds == 10


@pytest.mark.parametrize(("part", "whole"), list(itertools.product((0, 1, 7, 999, 1000, 123456), (1, 3, 8, 1000))))
def test_percent_is_exact_to_a_tenth(part, whole):
    tenths = percent(part, whole)[:-2].replace(",", "")
    assert abs(float(tenths) - 100 * part / whole) <= 0.05 + 1e-9


def test_a_ratio_is_read_as_clear_only_where_its_whole_range_is():
    rows = [("a", 0.5, 0.4, 0.9), ("b", 2.0, 1.1, 3.0), ("c", 0.8, 0.7, 1.0), ("d", 0.0204, 0.01, 0.03)]
    rows = [
        {"group": "g", "name": name, "peer": "p", "ratio": r, "low": low, "high": high} for name, r, low, high in rows
    ]
    ratios = SpeedRatios(rows, seconds=90)
    state = ratios.state()
    assert [state["readings"][state["order"].index(i)] for i in range(4)] == ["less", "more", "unclear", "less"]
    assert state["order"] == [3, 0, 2, 1]
    assert state["rows"][1] == [
        "a, against p",
        "50.0\u00a0% of the time (40.0\u00a0% to 90.0\u00a0%): 90\u00a0s become 45.0\u00a0s",
    ]
    assert state["rows"][0][1].startswith("2.0\u00a0% of the time") and state["rows"][0][1].endswith(
        "become 1.8\u00a0s"
    )
    counts = "Of 4 comparisons: 2 less time, 1 more time, 1 no clear difference."
    assert state["summary"] == f"{counts} First: {': '.join(state['rows'][0])}."
    ratios.fastest_first = False
    assert ratios.state()["order"] == [0, 1, 2, 3]
    with pytest.raises(traitlets.TraitError, match=r"group 'x' is not here; choose from \['g'\]"):
        ratios.group = "x"
    with pytest.raises(ValueError, match="SpeedRatios: no rows; measure some"):
        SpeedRatios([])


def test_the_ratios_still_shows_every_row():
    ratios = SpeedRatios(BENCH, group="gpu")
    (axes,) = still(ratios)
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    ratios = sorted(row["ratio"] for row in BENCH if row["group"] == "gpu")
    assert dots == pytest.approx([100 * ratio for ratio in ratios])
