"""Every built page in a real browser: served, from the disk with the network cut, light, dark, narrow, in print."""

import re

import pytest

from tests.book.book_site import PAGES, Guard

pytestmark = pytest.mark.browser
WIDGET = re.compile(r'class="spinal-widget" data-kind="([a-z-]+)"')


def kinds_on(site, chapter):
    """Of each widget of a built page its kind."""
    return WIDGET.findall((site / f"{chapter}.html").read_text())


class Visit:
    """A page opened once for several tests: what it loaded, and whether it did anything that a reader would not want."""

    def __init__(self, browser, address, chapter, width):
        self.chapter, self.width, self.loaded = chapter, width, set()
        self.context = browser.new_context(viewport={"width": width, "height": 740})
        self.page = self.context.new_page()
        self.page.set_default_timeout(120_000)  # only ends a hang
        self.guard = Guard(self.page)
        self.page.on("request", lambda request: self.loaded.add(request.url))
        self.page.goto(f"{address}/{chapter}.html", wait_until="networkidle")
        self.page.evaluate("document.fonts.ready")

    def turn(self, theme):
        """Light or dark, as the reader's system asks for it."""
        self.page.emulate_media(color_scheme=theme)
        self.page.wait_for_selector(f"html[data-theme={theme}]", state="attached")


@pytest.fixture(scope="module", params=[(chapter, width) for chapter in PAGES for width in (1280, 360)], ids=str)
def visit(request, browser, address):
    visit = Visit(browser, address, *request.param)
    yield visit
    visit.context.close()


class TestEveryPage:
    def test_of_each_figure_one_picture_is_loaded(self, visit):
        visit.turn("light")
        figures = visit.page.locator(".spinal-figure").all()
        for figure in figures:
            figure.scroll_into_view_if_needed()
            shown = "figure => [...figure.querySelectorAll('img')].some(image => image.naturalWidth > 0)"
            visit.page.wait_for_function(shown, arg=figure.element_handle())
        for figure in figures:
            sources = figure.locator("img, source").evaluate_all(
                "all => all.map(each => each.src || new URL(each.srcset, document.baseURI).href)"
            )
            assert len({*sources} & visit.loaded) == 1

    def test_whole_without_errors_and_without_other_hosts(self, visit, site):
        page, chapter = visit.page, visit.chapter
        assert page.locator(".spinal-app").count() == len(kinds_on(site, chapter))
        assert page.locator("article h1").count() == 1
        for image in page.locator("article img").all():
            alt = image.get_attribute("alt")
            assert alt and len(alt.split()) >= 3, image.get_attribute("src")
            assert image.evaluate("i => fetch(i.src).then(r => r.ok)")
        costs = page.locator(".chapter-costs").inner_text()
        assert all(word in costs for word in ("Reading:", "min", "CPU:", " s when", "GPU:", "Download:"))
        link = page.locator(".chapter-header a").first.get_attribute("href")
        assert link.endswith(f"/blob/main/{chapter}.ipynb")
        notebook = page.locator(".chapter-header a[download]").get_attribute("href")
        assert page.evaluate("href => fetch(href).then(r => r.json()).then(n => n.nbformat)", notebook) == 4
        visit.guard.check()

    def test_fits_on_a_screen_and_no_formula_figure_or_table_scrolls_sideways(self, visit):
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= visit.width
        scrolling = visit.page.evaluate(
            """[...document.querySelectorAll(".spinal-formulas, .spinal-figure, .spinal-picture, .output.text_html")]
                 .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.outerHTML.slice(0, 300))"""
        )
        assert not scrolling

    @pytest.mark.parametrize(("theme", "other"), [("light", "dark"), ("dark", "light")])
    def test_accessible_by_axe_with_figures_of_the_theme(self, visit, theme, other):
        from axe_playwright_python.sync_playwright import Axe

        visit.turn(theme)
        # preload: axe would fetch the style sheets again, and resolves their imports wrongly
        results = Axe().run(visit.page, context="article", options={"preload": False, "resultTypes": ["violations"]})
        serious = [v for v in results.response["violations"] if v["impact"] in ("serious", "critical")]
        assert not serious, [(v["id"], [n["html"][:160] for n in v["nodes"]][:3]) for v in serious]
        shown, hidden = (visit.page.locator(f"img.spinal-on-{which}").all() for which in (theme, other))
        assert len(shown) == len(hidden)
        assert all(image.is_visible() for image in shown) and not any(image.is_visible() for image in hidden)
        visit.guard.check()


@pytest.mark.parametrize("chapter", PAGES)
class TestEveryFile:
    def test_loads_the_scripts_of_its_own_widgets_only_and_they_are_small(self, chapter, site):
        page = (site / f"{chapter}.html").read_text()
        loaded = re.findall(
            r'<script[^>]* src="[./]*_static/spinal/([a-z_]+\.js)', page
        )  # code; data-NAME.js has a hyphen
        own = [f"{kind.replace('-', '_')}.js" for kind in dict.fromkeys(kinds_on(site, chapter))]
        shared = re.findall(r'class="spinal-widget"[^>]* data-scripts="([a-z ]+)"', page)
        own += [f"{name}.js" for name in dict.fromkeys(" ".join(shared).split())]
        made = {"guess.js": "spinal-guess", "folds.js": "dataframe spinal-ledger|spinal-cards"}
        others = [name for name, what in made.items() if re.search(f'class="({what})"', page)]
        assert sorted(loaded) == sorted([*(["base.js", *own, "start.js"] if own else []), *others])
        assert sum((site / "_static" / "spinal" / name).stat().st_size for name in loaded) < 45_000

    def test_alive_from_the_disk_with_the_network_cut(self, chapter, site, open_page):
        page = open_page(offline=True)
        page.goto((site / f"{chapter}.html").as_uri())
        assert page.locator(".spinal-app").count() == len(kinds_on(site, chapter))
        for app in page.locator(".spinal-app").all()[:1]:
            before = app.locator("table").inner_text()
            field = app.locator("input[type=number]:visible").first
            field.press("ArrowUp" if field.input_value() == field.get_attribute("min") else "ArrowDown")
            assert app.locator("table").inner_text() != before
        if page.locator("math").count():
            page.evaluate("document.fonts.ready")
            assert page.evaluate("[...document.fonts].some(f => f.family.includes('STIX') && f.status === 'loaded')")


def test_the_front_page_is_the_introduction_with_its_answer_and_living_links(address, open_page):
    page = open_page(f"{address}/index.html")
    assert page.url.endswith("/index.html") and "The answer so far" in page.locator("main").inner_text()
    assert page.locator('meta[name="description"]').get_attribute("content").startswith("A spinal head replaces")
    assert page.locator(".spinal-widget.spinal-is-live").count() >= 1
    chip = page.locator(".spinal-chips a").first
    chip.click()
    row = page.locator(f"tr{chip.get_attribute('href')}")
    assert row.is_visible() and row.locator("details p").first.is_visible()  # the chip opened its row
    page.locator("main").get_by_role("link", name="Below the noise").first.click()
    page.wait_for_url("**/book/evidence/below_the_noise.html")


def test_search_finds_a_word(address, open_page):
    page = open_page(f"{address}/search.html?q=dermatome")
    page.wait_for_selector("#search-results li")
    assert "spinal cord" in page.locator("#search-results").inner_text().lower()


def test_print_is_black_on_white_and_has_pictures_and_tables_for_controls(address, open_page):
    page = open_page(f"{address}/book/idea/counting_weights.html", color_scheme="dark")
    page.wait_for_selector(".spinal-app")
    page.emulate_media(media="print", color_scheme="dark")
    read = "(element, property) => getComputedStyle(element)[property].match(/\\d+/g).slice(0, 3).map(Number)"
    assert min(page.locator("body").evaluate(read, "backgroundColor")) > 240
    for ink in ("h2", "p", "td", "th", "pre", "code.literal"):
        assert max(page.locator(f"article {ink}").first.evaluate(read, "color")) < 150, ink
    assert page.locator("img.spinal-on-light").first.is_visible()
    assert not page.locator("img.spinal-on-dark").first.is_visible()
    still = page.locator(".spinal-still").first
    assert still.locator("img").is_visible() and still.locator("table").is_visible()
    assert not page.locator(".spinal-app").first.is_visible()


def test_without_javascript_pictures_and_tables_remain_and_a_dark_screen_has_readable_code(address, open_page):
    url = f"{address}/book/idea/counting_weights.html"
    page = open_page(url, java_script_enabled=False, color_scheme="dark")
    light = open_page(url, java_script_enabled=False, color_scheme="light")
    read = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    code = "div.cell_input pre"
    assert page.locator(code).first.evaluate(read) == light.locator(code).first.evaluate(read)
    assert "Without JavaScript" in page.locator(".chapter-header").inner_text()
    assert page.locator(".spinal-app").count() == 0
    still = page.locator(".spinal-still").first
    assert still.locator("img").is_visible() and "119,808" in still.locator("table").inner_text()


def test_the_guard_sees_a_script_error_and_a_foreign_request(address, browser):
    """The other tests rely on it: a planted error and a planted request must be noticed."""
    page = browser.new_page()
    guard = Guard(page)
    page.goto(f"{address}/book/introduction.html")
    with page.expect_event("pageerror"):
        page.evaluate("setTimeout(() => { throw new Error('planted'); })")
    with page.expect_request("http://192.0.2.1/"):
        page.evaluate("fetch('http://192.0.2.1/').catch(() => {}); 0")
    page.close()
    assert any("planted" in problem for problem in guard.problems)
    assert any("request to another host: http://192.0.2.1/" in problem for problem in guard.problems)
