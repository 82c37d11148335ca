"""The split explorer: links that set it, the address that holds it, and its blocks."""

import pytest
from playwright.sync_api import expect

from spinalnet_lib import SplitExplorer
from tests.book.live_widgets import PAGES

pytestmark = pytest.mark.browser


def test_a_zero_in_the_address_is_a_value(address, open_page):
    page = open_page(f"{address}/{PAGES['split-explorer']}#split-explorer:feature=0")
    assert page.get_by_label("follow feature (from 0)", exact=True).input_value() == "0"


def test_going_back_and_reset_bring_the_defaults(address, open_page):
    page = open_page(f"{address}/{PAGES['split-explorer']}")
    features = page.get_by_label("features", exact=True)
    page.get_by_role("link", name="an odd number of features").click()
    assert features.input_value() == "17"
    page.go_back()
    expect(features).to_have_value("16")
    page.goto(f"{address}/{PAGES['split-explorer']}#split-explorer:in_features=17&num_layers=6")
    page.reload()
    assert features.input_value() == "17"
    page.get_by_role("button", name="Reset").click()
    assert features.input_value() == "16"
    # What a partial address leaves out is the default, however the page came to it.
    page.evaluate("location.hash = '#split-explorer:num_layers=6'")
    expect(page.get_by_label("layers", exact=True)).to_have_value("6")
    assert features.input_value() == "16"


def test_a_link_from_another_page_leads_to_the_widget(address, open_page):
    page = open_page(f"{address}/{PAGES['split-explorer']}#split-explorer:num_splits=4")
    page.wait_for_function("document.querySelector('.spinal-app').getBoundingClientRect().top < innerHeight / 2")
    assert page.evaluate("document.querySelector('.spinal-app').getBoundingClientRect().top") > -50


def test_what_a_link_sets_is_seen(address, open_page):
    """A control behind "More" that departs from its default opens it, on arrival and by a link of the page; others do not."""
    chapter = f"{address}/{PAGES['split-explorer']}"
    assert open_page(f"{chapter}#split-explorer:in_features=20").get_by_label("features", exact=True).is_visible()
    page = open_page(f"{chapter}#split-explorer:num_layers=6")
    features = page.get_by_label("features", exact=True)
    assert not features.is_visible() and page.get_by_label("layers", exact=True).is_visible()
    page.get_by_role("link", name="an odd number of features").click()
    expect(features).to_be_visible()


def test_chapter_links_set_the_widget(address, open_page):
    page = open_page(f"{address}/{PAGES['split-explorer']}")
    page.get_by_role("link", name="as many splits as layers").click()
    expect(page.get_by_label("input splits", exact=True)).to_have_value("4")
    page.get_by_role("link", name="fewer layers than splits").click()
    expect(page.locator(".spinal-summary")).to_contain_text("3 layers cannot read 4 input splits")
    page = open_page(f"{address}/book/idea/what_the_paper_borrowed.html")
    page.get_by_role("link", name="the same picture to explore further").click()
    expect(page.get_by_label("features", exact=True)).to_have_value("12")


def test_the_explorers_picture_is_its_blocks(address, open_page):
    page = open_page(f"{address}/{PAGES['split-explorer']}#split-explorer:in_features=17&feature=16")
    blocks = SplitExplorer(in_features=17, feature=16).state()["blocks"]
    frame, cursor, drawn = page.evaluate(
        """() => { const of = (e) => ['y', 'height', 'x', 'width'].map((name) => Number(e.getAttribute(name)));
          const svg = document.querySelector('.spinal-picture svg');
          return [of(svg.querySelector('.spinal-frame')), of(svg.querySelector('.spinal-cursor')),
                  [...svg.querySelectorAll('.spinal-block')].map((r) => [r.getAttribute('class').split('-').pop(), ...of(r)])]; }"""
    )
    top, _, left, wide = frame
    cell = wide / (17 + 4 * 3)
    assert len(drawn) == len(blocks)
    for (kind, y, height, x, width), (expected, row, rows, column, columns) in zip(drawn, blocks, strict=True):
        assert kind == expected
        cells = [(y - top) / cell, height / cell, (x - left) / cell, width / cell]
        assert cells == pytest.approx([row, rows, column, columns], abs=1e-6)
    assert (cursor[2] - left) / cell == pytest.approx(16)
