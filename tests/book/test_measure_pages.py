"""What `make bench` measures of pages is measured: each image once, a page until its widgets answer. No time is judged here."""

import pytest

from spinalnet_lib import load_spine
from tests.book.live_widgets import PAGES
from tests.book.measure_pages import predictions, row_of, until_alive


@pytest.mark.browser
def test_each_stored_image_is_predicted_once_and_a_page_is_waited_for(address, browser, open_page):
    url = f"{address}/{PAGES['climb-and-cut']}"
    seconds = predictions(open_page(url), "kuzushiji")
    assert len(seconds) == len(load_spine("kuzushiji").labels) and sum(seconds) > 0
    assert until_alive(browser, url) > 0


def test_a_row_holds_the_median_and_the_middle_of_all_as_ratios_to_what_is_promised():
    row = row_of("a prediction", [0.002] + [0.01] * 38 + [5.0], 0.02)
    assert (row["low"], row["ratio"], row["high"]) == (0.5, 0.5, 0.5) and row["seconds"] == 0.01
    assert row["measured"] == 40 and row["peer"] == "0.02 s, as promised"
    few = row_of("widgets live", [0.1, 0.3, 0.2], 0.5)
    assert (few["low"], few["ratio"], few["high"]) == (0.2, 0.4, 0.6)
