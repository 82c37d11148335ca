"""Guesses in a real browser: by mouse and by keyboard, kept by the browser, met again where the truth is, and no JavaScript."""

import pytest

from tests.book.book_site import CHAPTERS

pytestmark = pytest.mark.browser
CHOICE, SLIDER = "book/introduction.html", "book/idea/the_spinal_layer.html"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_asks_and_answers(chapter, address, open_page):
    page = open_page(f"{address}/{chapter}.html")
    boxes = page.locator(".spinal-guess").all()
    assert boxes and len(boxes) == page.locator(".spinal-truth").count()
    for box in boxes:
        assert box.is_visible()
        truth = page.locator(f'.spinal-truth[data-guess="{box.get_attribute("data-guess")}"]')
        assert truth.locator("a").inner_text() == "no guess yet"
        truth.locator("a").click()
        assert page.evaluate("location.hash") == f"#{box.get_attribute('id')}"
        box.locator("input").last.focus()
        page.keyboard.press("ArrowLeft" if box.locator("input[type=range]").count() else "Space")
        assert "You say" in box.locator("[role=status]").inner_text()
        assert truth.locator(".spinal-truth-you a").count() == 0
        rows = truth.locator("dd").all_inner_texts()
        assert len(rows) == 3 and all(rows)


def test_a_choice_is_kept_and_can_be_taken_back(address, open_page):
    page = open_page(f"{address}/{CHOICE}")
    you = page.locator(".spinal-truth-you dd")
    page.get_by_label("a half").click()
    assert you.inner_text() == "a half, but it is not so"
    page.get_by_label("nearly as many").click()
    page.reload()
    assert page.get_by_label("nearly as many").is_checked()
    assert you.inner_text() == "nearly as many, as it is"
    page.get_by_role("button", name="Take it back").click()
    assert you.inner_text() == "no guess yet" and not page.get_by_label("nearly as many").is_checked()
    page.reload()
    assert you.inner_text() == "no guess yet"


def test_a_slider_says_how_far_off_it_is(address, open_page):
    page = open_page(f"{address}/{SLIDER}")
    truth = page.locator(".spinal-truth")
    number = int(truth.get_attribute("data-number"))
    page.locator(".spinal-guess input").fill(str(number - 1))
    assert truth.locator("dd").first.inner_text() == f"{number - 1}\u00a0%, 1 point off"
    page.locator(".spinal-guess input").press("ArrowRight")
    assert truth.locator("dd").first.inner_text() == f"{number}\u00a0%, exactly"


def test_a_guess_at_what_nobody_knows_yet_is_kept_and_not_judged(address, open_page):
    page = open_page(f"{address}/{SLIDER}")
    page.locator(".spinal-truth").evaluate("truth => truth.dataset.open = ''")
    page.locator(".spinal-guess input").fill("3")
    assert page.locator(".spinal-truth dd").first.inner_text() == "3\u00a0%, and nobody knows yet"


def test_a_guess_lives_from_the_disk_and_where_nothing_can_be_kept(site, address, open_page):
    page = open_page(offline=True)
    page.goto((site / CHOICE).as_uri())
    page.get_by_label("a tenth").check()
    assert page.locator(".spinal-truth-you dd").inner_text() == "a tenth, but it is not so"
    page = open_page()
    page.add_init_script(
        """for (const name of ["getItem", "setItem", "removeItem"]) {
             const was = Storage.prototype[name];
             Storage.prototype[name] = function (key, ...rest) {
               if (key.startsWith("spinal-guess")) throw new Error("refused");
               return was.call(this, key, ...rest);
             };
           }"""
    )
    page.goto(f"{address}/{CHOICE}")
    page.get_by_label("a tenth").check()
    assert page.locator(".spinal-truth-you dd").inner_text() == "a tenth, but it is not so"


def test_without_javascript_the_text_asks_and_answers(address, open_page):
    page = open_page(f"{address}/{CHOICE}", java_script_enabled=False)
    assert page.locator("p", has_text="commit to a guess").is_visible()
    assert not page.locator(".spinal-guess").is_visible() and not page.locator(".spinal-truth-you").is_visible()
    assert "nearly as many" in page.locator(".spinal-truth").inner_text()
