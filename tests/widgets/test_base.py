import re
from html import escape

import pytest
import traitlets

import spinalnet_lib
from spinalnet_lib import WeightCounter
from spinalnet_lib.widgets.base import FOLDER, percent
from tests.widgets.cases import CASES


@pytest.mark.parametrize(
    "widget",
    [*(case.make() for case in CASES.values()), WeightCounter(num_layers=1)],
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
    with pytest.raises(TypeError, match=r"WeightCounter .*width.*in_features"):
        WeightCounter(width=3)


@pytest.mark.parametrize(("part", "whole"), [(0, 1), (1, 3), (7, 8), (999, 1000), (123456, 3)])
def test_percent_is_exact_to_a_tenth(part, whole):
    tenths = percent(part, whole)[:-2].replace(",", "")
    assert abs(float(tenths) - 100 * part / whole) <= 0.05 + 1e-9


@pytest.mark.parametrize("kind", ["one-matrix", "split-explorer", "weight-counter"])
def test_what_is_refused_is_said_in_words_of_the_controls(kind):
    case, widget = CASES[kind], CASES[kind].make()
    errors = {case.state(values, widget.data())["error"] for values in case.grid[::3]} - {None}
    named = {control["label"].partition(" (")[0] for control in widget.controls()} | {"switch on"}
    assert errors
    for error in errors:
        assert "_" not in error and "SpinalHead" not in error and any(words in error for words in named)


@pytest.mark.parametrize("kind", CASES)
def test_at_most_three_controls_are_seen_at_first(kind):
    """Those behind "More" come last, as they stand on the page. A board to draw on is a picture."""
    behind = [bool(control.get("more")) for control in CASES[kind].make().controls() if control["type"] != "ink"]
    assert behind.count(False) <= 3 and behind == sorted(behind)


def test_every_widget_has_its_script_and_its_case():
    public = [name for module in spinalnet_lib._PUBLIC if module.startswith("widgets.") for name in [module[8:]]]
    assert {name.replace("_", "-") for name in public} == CASES.keys()
    for kind, case in CASES.items():
        assert case.make().kind == kind and (FOLDER / f"{kind.replace('-', '_')}.js").is_file()


def test_scripts_keep_to_the_contract():
    forbidden = re.compile(
        r"\bfetch\(|\beval\(|new Function|innerHTML|setAttribute\(\"style|https?://(?!www\.w3\.org)|^import |\bimport\(",
        re.MULTILINE,
    )
    for path in FOLDER.glob("*.js"):
        assert not forbidden.search(path.read_text()), path.name
