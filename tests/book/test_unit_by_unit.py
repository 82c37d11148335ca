"""The spine that follows a curve, climbed by touch, by mouse and by keyboard."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
PAGE = "book/idea/what_a_spine_can_express.html"


@pytest.mark.parametrize("touch", [True, False])
def test_a_touched_pair_of_layers_is_the_last_that_is_finished(touch, address, open_page):
    page = open_page(f"{address}/{PAGE}", viewport={"width": 360, "height": 740}, has_touch=touch)
    widget = page.locator('.spinal-widget[data-kind="unit-by-unit"]')
    pair = widget.locator(".spinal-pair").nth(8)
    pair.scroll_into_view_if_needed()
    pair.tap() if touch else pair.click()
    expect(widget.get_by_label("finished units", exact=True)).to_have_value("9")
    expect(widget.locator(".spinal-summary")).to_contain_text("9 of 16 units are finished, by 18 layers")
    assert widget.locator("rect.spinal-fill-output").count() == widget.locator("rect.spinal-fill-chain").count() == 9


def test_the_keyboard_climbs_a_pair_at_a_time_and_links_set_the_whole(address, open_page):
    page = open_page(f"{address}/{PAGE}")
    widget = page.locator('.spinal-widget[data-kind="unit-by-unit"]')
    widget.get_by_label("finished units, slider").focus()
    page.keyboard.press("ArrowRight")
    expect(widget.locator(".spinal-summary")).to_contain_text("6 of 16 units")
    page.get_by_role("link", name="all of sixty-four").click()
    expect(widget.locator(".spinal-summary")).to_contain_text("64 of 64 units")
    assert widget.locator("circle.spinal-fill-spinal").count() == 64
