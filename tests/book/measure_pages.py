"""How long a reader waits in the browser: a prediction of *Climb and cut*, and the widgets of a page. Called by `make bench`.

Method: Chromium reads the built site from a server on the same machine, with nothing else running. A prediction is the whole
state of the widget for one stored image, after a first one that unpacks the spine; each image once. A page is opened in a new
profile, from the start of its loading until its last widget answers. The median and the middle 95 % of what was measured,
as they are and as ratios to what is promised.
"""

import statistics
import sys

from playwright.sync_api import sync_playwright

from spinalnet_lib import ClimbAndCut
from spinalnet_lib.bench.reports import print_row, write_group
from spinalnet_lib.models.small_spine import ALPHABETS
from tests.book.book_site import CHROMIUM_ARGS, SITE, find_chromium, serve
from tests.book.live_widgets import PAGES

PREDICTION, LIVE = 0.020, 0.5  # seconds, as promised
LOADS = 9  # of each page
WATCH = """new MutationObserver(() => {
  const all = [...document.querySelectorAll(".spinal-widget")];
  const alive = document.readyState !== "loading" && all.length && all.every((host) => host.matches(".spinal-is-live"));
  if (alive) globalThis.allAlive ??= performance.now();
}).observe(document, { subtree: true, childList: true, attributeFilter: ["class"] });"""
PREDICT = """([values, data]) => {
  const predict = (sample) => SpinalWidgets.state("climb-and-cut", { ...values, sample }, data);
  predict(1);
  return data[values.alphabet].labels.map((_, i) => {
    const start = performance.now();
    predict(i + 1);
    return (performance.now() - start) / 1000;
  });
}"""


def predictions(page, alphabet: str) -> list[float]:
    """Seconds of each stored image of an alphabet, in a page that has the widget."""
    widget = ClimbAndCut(alphabet=alphabet, bet="show")
    return page.evaluate(PREDICT, [widget.values(), widget.data()])


def until_alive(browser, url: str) -> float:
    """Seconds from the start of a page's loading until its last widget answers."""
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(url, wait_until="load")
    page.wait_for_function("globalThis.allAlive")
    seconds = page.evaluate("allAlive / 1000")
    page.wait_for_load_state("networkidle")  # or what is still on its way would burden the next page
    context.close()
    return seconds


def row_of(name: str, seconds: list[float], promised: float) -> dict:
    """Ratios to what is promised, and the seconds themselves."""
    ordered = sorted(seconds)
    aside = len(ordered) // 40
    low, median, high = ordered[aside], statistics.median(ordered), ordered[-1 - aside]
    ratios = {key: round(value / promised, 4) for key, value in (("ratio", median), ("low", low), ("high", high))}
    peer = f"{promised:g} s, as promised"
    return {"name": name, "peer": peer, **ratios, "seconds": round(median, 5), "measured": len(seconds), "promised": 1}


def main(out: str) -> None:
    server = serve(SITE)
    address = f"http://127.0.0.1:{server.server_port}"
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGS)
        page = browser.new_page()
        page.goto(f"{address}/{PAGES['climb-and-cut']}", wait_until="load")
        for alphabet in ALPHABETS:
            rows.append(row_of(f"a prediction, {alphabet}", predictions(page, alphabet), PREDICTION))
        for chapter in dict.fromkeys(PAGES.values()):
            seconds = [until_alive(browser, f"{address}/{chapter}") for _ in range(LOADS)]
            rows.append(row_of(f"widgets live, {chapter.removesuffix('.html')}", seconds, LIVE))
        browser.close()
    server.shutdown()
    for row in rows:
        print_row(row)
    write_group(out, "pages", rows, method=__doc__.split("Method: ")[1].strip())
    late = [row["name"] for row in rows if row["ratio"] > 1]
    if late:
        sys.exit(f"slower than promised: {', '.join(late)}")


if __name__ == "__main__":
    main(sys.argv[1])
