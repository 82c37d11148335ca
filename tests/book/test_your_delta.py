"""The reader's own smallest difference, dragged, linked and drawn."""

import math

import pytest
from playwright.sync_api import expect

from spinalnet_lib import YourDelta

pytestmark = pytest.mark.browser
PAGE = "book/evidence/how_small.html"
KIND = '.spinal-widget[data-kind="your-delta"]'


def test_dragging_delta_changes_the_words_and_the_bands(address, open_page):
    page = open_page(f"{address}/{PAGE}", viewport={"width": 360, "height": 740})
    widget = page.locator(KIND)
    width = "e => Number(e.getAttribute('width'))"
    before = widget.locator("rect.spinal-band").first.evaluate(width)
    field = widget.get_by_label("δ, the smallest difference that matters, in percent", exact=True)
    field.fill("60")
    said = [cell["verdict"] for cell in YourDelta(delta=60).state()["cells"]]
    shown = widget.locator("svg text.spinal-strong").all_text_contents()
    assert shown == said
    after = widget.locator("rect.spinal-band").first.evaluate(width)
    assert after / before == pytest.approx(math.log(1.6) / math.log(1.1), rel=0.01)


def test_links_set_the_reader_and_what_is_rare_stands_behind_more(address, open_page):
    page = open_page(f"{address}/{PAGE}")
    widget = page.locator(KIND)
    assert not widget.get_by_label("set against").is_visible()
    page.get_by_role("link", name="Against one linear layer").click()
    expect(widget.locator(".spinal-summary")).to_have_text(YourDelta(reference="linear").state()["summary"])
    expect(widget.get_by_label("set against")).to_be_visible()  # what a link sets is seen
    expect(widget.get_by_label("set against")).to_have_value("linear")
    page.get_by_role("link", name="Eight seeds").click()
    expect(widget.locator(".spinal-summary")).to_have_text(YourDelta(seeds=8).state()["summary"])
