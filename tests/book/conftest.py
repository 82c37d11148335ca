import os

import pytest

from spinalnet_lib.files import locked
from tests.book.book_site import CHROMIUM_ARGS, ROOT, SITE, Guard, find_chromium, serve


@pytest.fixture
def one_kernel():
    """Two kernels that start at once may choose one port: tests that start one wait for each other."""
    with locked(ROOT / "_build" / "kernels"):
        yield


@pytest.fixture(scope="session")
def site():
    if not (SITE / "index.html").is_file():
        pytest.fail("the book is not built; run `make book` first")
    return SITE


@pytest.fixture(scope="session")
def address(site):
    server = serve(site)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def browser():
    chromium = find_chromium()
    if chromium is None:
        reason = "no Chromium found; install it (Debian: apt-get install chromium) or set CHROMIUM to its path"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """`open_page(url, **context options)` -> page; its guard is checked at the end of the test."""
    contexts, guards = [], []

    def open_(url=None, guard=True, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)  # only ends a hang
        if guard:
            guards.append(Guard(page))
        if url:
            page.goto(url, wait_until="load")
        return page

    yield open_
    for guard in guards:
        guard.check()
    for context in contexts:
        context.close()
