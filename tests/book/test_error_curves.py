"""The error curves: kept in the address, every seed drawn."""

import math
import re

import pytest

from spinalnet_lib import load_records
from tests.book.live_widgets import PAGES, open_more

pytestmark = pytest.mark.browser
CURVES = '.spinal-widget[data-kind="error-curves"]'


def test_the_address_holds_the_state_and_brings_it_back(address, open_page):
    url = f"{address}/{PAGES['error-curves']}"
    page = open_page(url)
    second = page.locator(CURVES).nth(1)
    second.locator(".spinal-check input").nth(1).click()
    second.get_by_label("interval").select_option("range")
    second.get_by_label("seeds", exact=True).fill("4")
    shown = second.locator(".spinal-app table").inner_text()
    page.wait_for_url(re.compile("#error-curves-2:.*seeds=4"))
    again = open_page(page.url)
    widget = again.locator(CURVES).nth(1)
    assert widget.locator(".spinal-app table").inner_text() == shown
    assert widget.get_by_label("interval").input_value() == "range"
    assert not widget.locator(".spinal-check input").nth(1).is_checked()


def test_the_curves_picture_draws_every_seed_and_its_axis_can_be_logarithmic(address, open_page):
    page = open_page(f"{address}/{PAGES['error-curves']}")
    widget = page.locator(CURVES).nth(1)
    assert widget.locator("polyline.spinal-seed").count() == 40 and widget.locator("polyline.spinal-mean").count() == 4
    heights = "e => e.getAttribute('points').split(' ').map((p) => Number(p.split(',')[1]))"
    runs = [r for r in load_records("first_training") if r.dataset == "mnist"]
    curve = [point["val_error"] for point in runs[0].curve]

    def fits(scale):
        drawn = widget.locator("polyline.spinal-seed").first.evaluate(heights)
        ratio = (drawn[0] - drawn[3]) / (drawn[0] - drawn[-1])
        values = [scale(error) for error in curve]
        return ratio == pytest.approx((values[0] - values[3]) / (values[0] - values[-1]), abs=0.01)

    assert fits(math.log) and not fits(float)
    open_more(widget)
    widget.get_by_label("logarithmic error axis").click()
    assert fits(float) and not fits(math.log)
    widget.get_by_label("seeds", exact=True).fill("3")
    assert widget.locator("polyline.spinal-seed").count() == 12


def test_an_arm_named_twice_in_the_address_is_shown_once(address, open_page):
    page = open_page(f"{address}/{PAGES['error-curves']}#error-curves:arms=1.0.1")
    assert page.locator(CURVES).first.locator(".spinal-app tr").count() == 2


def test_a_touched_dot_tells_its_seed_and_a_second_touch_takes_it_back(address, open_page):
    page = open_page(f"{address}/{PAGES['error-curves']}")
    widget = page.locator(CURVES).nth(1)
    assert widget.locator("circle.spinal-dot").count() == 40
    widget.locator("circle.spinal-dot").nth(12).dispatch_event("click")  # the third of the second arm
    assert widget.get_by_label("look at a seed").input_value() == "2"
    assert widget.locator(".spinal-app td", has_text="; seed 2: ").count() == 4
    assert widget.locator("polyline.spinal-looked").count() == 4
    widget.locator("circle.spinal-dot").nth(12).dispatch_event("click")
    assert widget.get_by_label("look at a seed").input_value() == "none"
    assert widget.locator("polyline.spinal-looked").count() == 0
