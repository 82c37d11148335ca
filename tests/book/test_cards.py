"""The cards in a real browser: one open at a time, found by a word, opened by a link, by keyboard, and without a script."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
PAGE = "book/appendix/the_data.html"


def test_one_card_is_open_at_a_time_by_mouse_and_keyboard(address, open_page):
    page = open_page(f"{address}/{PAGE}")
    folds = page.locator("details.spinal-fold")
    folds.nth(3).locator("summary").click()
    folds.nth(5).locator("summary").focus()
    page.keyboard.press("Enter")
    assert [i for i in range(folds.count()) if folds.nth(i).get_attribute("open") is not None] == [5]
    assert folds.nth(5).locator("table").is_visible() and not folds.nth(3).locator("table").is_visible()


def test_cards_are_found_by_a_word_and_the_only_one_opens(address, open_page):
    page = open_page(f"{address}/{PAGE}", viewport={"width": 360, "height": 740}, has_touch=True)
    field, folds = page.get_by_label("Find a card"), page.locator("details.spinal-fold")
    every = folds.count()
    field.fill("hiragana part")
    expect(page.locator(".spinal-find [role=status]")).to_contain_text(f"of {every} cards")
    assert 0 < page.locator("details.spinal-fold:visible").count() < every
    field.fill("kmnist_10k own nothing-has-this")
    expect(page.locator(".spinal-find [role=status]")).to_contain_text("0 of")
    field.fill("turntable varieties")
    field.fill("")
    assert page.locator("details.spinal-fold:visible").count() == every
    field.fill("Fei-Fei reduced")
    only = page.locator("details.spinal-fold:visible")
    if only.count() == 1:
        assert only.locator("table").is_visible()


def test_a_link_opens_its_card_with_its_thumbnails(address, open_page):
    page = open_page(f"{address}/{PAGE}#fashion-mnist")
    fold = page.locator("details#fashion-mnist")
    expect(fold).to_have_attribute("open", "")
    picture = fold.locator("figure img")
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#fashion-mnist img').naturalWidth > 0")
    assert "Ankle boot" in picture.get_attribute("alt") or "boot" in picture.get_attribute("alt").lower()


def test_without_a_script_every_card_can_be_opened_and_no_field_stands_there_in_vain(address, open_page):
    page = open_page(f"{address}/{PAGE}", java_script_enabled=False)
    page.locator("details#mnist summary").click()
    assert page.locator("details#mnist table").is_visible() and not page.get_by_label("Find a card").is_visible()
