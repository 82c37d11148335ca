"""The weight counter by mouse, keyboard and typing, and its picture drawn to its numbers."""

import pytest

from spinalnet_lib import WeightCounter, lab_sizes
from spinalnet_lib.widgets.weight_counter import weight_counter_state
from tests.book.live_widgets import PAGES, open_more, state_of_page

pytestmark = pytest.mark.browser
OWN_MODEL = "book/lab/own_model.html"


def test_the_counter_shows_the_python_numbers_for_what_was_typed(address, open_page):
    page = open_page(f"{address}/{PAGES['weight-counter']}")
    widget = page.locator(".spinal-widget").first
    counter = WeightCounter(in_features=17, num_splits=3, num_layers=5, layer_width=9, num_classes=4, hidden_size=33)
    open_more(widget)
    for control in counter.controls():
        widget.get_by_label(control["label"], exact=True).fill(str(counter.values()[control["name"]]))
    expected = counter.state()
    rows = widget.locator(".spinal-app tr").all()
    assert [[cell.inner_text() for cell in row.locator("th, td").all()] for row in rows] == expected["rows"]
    assert widget.locator("[data-count=spinal]").text_content() == f"{expected['weights']['spinal']:,}"
    assert widget.locator(".spinal-summary").inner_text() == expected["summary"]
    assert widget.locator("svg").first.get_attribute("aria-label") == expected["summary"]


@pytest.mark.parametrize("name", ["mnist", "stl10", "monkeys10", "hymenoptera"])
def test_a_page_of_the_lab_counts_its_own_heads_in_python_and_in_the_browser(name, address, open_page):
    """Of a norm in each layer, of a rival that is one Linear, of one with two hidden layers, of shared layers."""
    spine, more = lab_sizes(name)
    counter = WeightCounter(**spine, **more)
    page = open_page(f"{address}/book/lab/{name}.html")
    widget = page.locator(".spinal-widget[data-kind=weight-counter]").first
    for width in (counter.layer_width, 7):
        counter.layer_width = width
        widget.get_by_label("layer width", exact=True).fill(str(width))
        rows = widget.locator(".spinal-app tr").all()
        assert [[cell.inner_text() for cell in row.locator("th, td").all()] for row in rows] == counter.state()["rows"]
        assert widget.locator(".spinal-summary").inner_text() == counter.state()["summary"]


def test_a_slider_moves_by_mouse_and_by_keyboard(address, open_page):
    page = open_page(f"{address}/{PAGES['weight-counter']}")
    widget = page.locator(".spinal-widget").first
    track, field = widget.get_by_label("layer width, slider"), widget.get_by_label("layer width", exact=True)
    track.focus()
    page.keyboard.press("ArrowRight")
    assert field.input_value() == "129"
    page.keyboard.press("Home")
    assert field.input_value() == "1"
    box = track.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert 480 < int(field.input_value()) < 545
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "number"


def test_sizes_that_make_no_head_say_so_and_recover(address, open_page):
    page = open_page(f"{address}/{PAGES['weight-counter']}")
    widget = page.locator(".spinal-widget").first
    drawn = widget.locator(".spinal-picture").inner_html()
    open_more(widget)
    widget.get_by_label("layers", exact=True).fill("1")
    assert "1 layer cannot read 2 input splits; raise layers to 2" in widget.locator(".spinal-summary").inner_text()
    assert widget.locator(".spinal-greyed").inner_html() == drawn
    widget.get_by_label("layers", exact=True).fill("2")
    assert "weights" in widget.locator(".spinal-app table").inner_text()


def test_what_is_no_size_is_brought_into_range(address, open_page):
    page = open_page(f"{address}/{PAGES['weight-counter']}")
    field = page.locator(".spinal-widget").first.get_by_label("features", exact=True)
    for typed in ("", "-3", "99999", "1e3", "2.5"):
        field.fill(typed)
        field.blur()
        assert 1 <= int(field.input_value()) <= 4096
        values = {**WeightCounter().values(), "in_features": int(field.input_value())}
        assert state_of_page(page, "weight-counter")[0] == weight_counter_state(values)["summary"], typed


def test_two_widgets_of_a_kind_have_names_and_the_second_the_values_that_were_linked_to_it(address, open_page):
    page = open_page(f"{address}/{OWN_MODEL}")
    names = [app.get_attribute("aria-label") for app in page.locator(".spinal-app").all()]
    assert names == [WeightCounter.title, "A head for transfer learning"]
    linked = page.locator(".spinal-widget").nth(1)
    assert linked.get_by_label("features", exact=True).input_value() == "2048"
    assert linked.get_by_label("layer width", exact=True).input_value() == "48"


def test_the_counters_picture_is_drawn_to_its_numbers(address, open_page):
    page = open_page(f"{address}/{PAGES['weight-counter']}#weight-counter:layer_width=96")
    weights = WeightCounter(layer_width=96).state()["weights"]
    drawn = page.evaluate(
        """() => { const svgs = document.querySelectorAll('.spinal-picture svg');
          const of = (e, ...names) => names.map((name) => Number(e.getAttribute(name)));
          return [[...svgs[0].querySelectorAll('rect')].map((r) => of(r, 'width')[0]),
                  [...svgs[1].querySelectorAll('circle')].map((c) => of(c, 'cx', 'cy')),
                  svgs[1].querySelector('polyline').getAttribute('points').split(' ').map((p) => p.split(',').map(Number))]; }"""
    )
    bars, (dense, linear, own), curve = drawn
    assert [bar / bars[1] for bar in bars] == pytest.approx([n / weights["dense"] for n in weights.values()], rel=1e-6)
    # Height above the axis is proportional to the weights, for the dots and along the curve: a quadratic through zero.
    (x0, zero), (x1, _) = curve[0], curve[-1]
    assert (zero - own[1]) / (zero - dense[1]) == pytest.approx(weights["spinal"] / weights["dense"], rel=0.01)
    assert (zero - linear[1]) / (zero - dense[1]) == pytest.approx(weights["linear"] / weights["dense"], rel=0.05)
    last = 96 * (x1 - x0) / (own[0] - x0)
    for x, y in (curve[20], curve[40], curve[60]):
        width = last * (x - x0) / (x1 - x0)
        expected = 3 * width**2 + (2 * 256 + 40) * width
        assert (zero - y) / (zero - own[1]) == pytest.approx(expected / weights["spinal"], rel=0.02)
    assert last * (dense[0] - x0) / (x1 - x0) == pytest.approx(140.5, abs=0.6)
