"""The picture in README.md: the weight counter as a reader meets it. Called by `make picture`."""

import sys

from playwright.sync_api import sync_playwright

from tests.book.book_site import CHROMIUM_ARGS, SITE, find_chromium


def main(out: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": 1240, "height": 1010})
        page.goto((SITE / "book/idea/counting_weights.html").as_uri() + "#weight-counter:layer_width=96")
        page.wait_for_selector(".spinal-app")
        page.locator("h2", has_text="Count for yourself").evaluate("h => h.scrollIntoView()")
        page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
