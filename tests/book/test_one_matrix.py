"""One matrix in a real browser: blocks switched by mouse, finger and keyboard, heads named, links kept, refusals greyed."""

import re

import pytest
from playwright.sync_api import expect

from spinalnet_lib import OneMatrix
from tests.book.live_widgets import LIVE, parts, state_of_page
from tests.widgets.cases import CASES

pytestmark = pytest.mark.browser
CHAPTER = f"{CASES['one-matrix'].chapter}.html"
SAID = ".spinal-app .spinal-summary"


def says(page, **values):
    expect(page.locator(SAID)).to_have_text(OneMatrix(**values).state()["summary"])


def test_a_click_switches_a_block_names_the_head_and_stays_in_the_address(address, open_page):
    page = open_page(f"{address}/{CHAPTER}")
    says(page)
    page.locator('.spinal-block[data-way="3"]').first.click()
    says(page, preset="spinal_no_chain")
    head = page.get_by_label("head", exact=True)
    expect(head).to_have_value("spinal_no_chain")
    page.locator('.spinal-ghost[data-way="7"]').click()
    expect(page.locator(SAID)).to_contain_text("No registered head has these blocks")
    expect(head).to_have_value("own")
    page.locator('.spinal-ghost[data-way="3"]').first.click()
    says(page, preset="spinal_direct")
    page.locator('[data-look="layer-2"]').click()
    expect(page.locator(".spinal-app table")).to_contain_text("feeds layer 3 and the logits")
    page.wait_for_url(re.compile("preset=spinal_direct.*look=layer-2"))
    shown = state_of_page(page, "one-matrix")
    assert state_of_page(open_page(page.url), "one-matrix") == shown
    page.get_by_role("button", name="Reset").click()
    says(page)


def test_a_finger_switches_a_block_and_a_thumbnail_a_head(address, open_page):
    page = open_page(f"{address}/{CHAPTER}", has_touch=True, viewport={"width": 360, "height": 740})
    page.locator('.spinal-block[data-way="6"]').first.tap(position={"x": 4, "y": 1})
    says(page, preset="spinal_last")
    page.locator('.spinal-thumbs button[data-preset="progressive"]').tap()
    says(page, preset="progressive")
    page.locator('.spinal-thumbs button[data-preset="vgg5: mlp"]').tap()
    says(page, preset="vgg5: mlp")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_keyboard_alone_reaches_heads_widths_blocks_and_what_is_looked_at(address, open_page):
    page = open_page(f"{address}/{CHAPTER}")
    page.get_by_label("head", exact=True).focus()
    page.keyboard.type("spinal_last")
    says(page, preset="spinal_last")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    says(page, preset="spinal_last", layer_width=129)
    for _ in range(3):  # over slider and twin to what is folded
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for _ in range(7):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")  # earlier layers → logits
    says(page, layer_width=129)
    for _ in range(13):  # features → logits, the departure, five sizes with a field and a slider each, and the look
        page.keyboard.press("Tab")
    page.keyboard.type("layer 0")
    expect(page.locator(".spinal-app table")).to_contain_text("feeds layer 1 and the logits")


def test_a_slider_has_the_widths_that_people_use_and_the_field_all_others(address, open_page):
    page = open_page(f"{address}/{CHAPTER}")
    track, field = page.get_by_label("layer width, slider"), page.get_by_label("layer width", exact=True)
    track.focus()
    page.keyboard.press("ArrowRight")
    expect(field).to_have_value("192")
    assert track.get_attribute("aria-valuetext") == "192"
    page.keyboard.press("End")
    expect(field).to_have_value("4096")
    field.fill("77")
    says(page, layer_width=77)
    field.fill("99999")
    field.blur()
    expect(field).to_have_value("4096")


def test_what_is_refused_leaves_the_last_picture_grey_and_recovers(address, open_page):
    page = open_page(f"{address}/{CHAPTER}")
    picture = page.locator(".spinal-picture")
    drawn = picture.inner_html()
    page.locator('.spinal-block[data-way="5"]').click(position={"x": 4, "y": 1})
    expect(page.locator(SAID)).to_contain_text("“last layer → logits”")
    expect(picture).to_have_class(re.compile("spinal-greyed"))
    assert picture.inner_html() == drawn
    page.locator(".spinal-more summary").click()
    page.get_by_label("last layer → logits").check()
    says(page)
    expect(picture).not_to_have_class(re.compile("spinal-greyed"))


@pytest.mark.parametrize("preset", ["spinal", "spinal_overlap", "mlp_matched", "two_conv: spinal"])
def test_areas_are_to_one_scale_in_both_frames(preset, address, open_page):
    page = open_page(f"{address}/{CHAPTER}#one-matrix:preset={preset}")
    state = OneMatrix(preset=preset).state()
    blocks = page.evaluate(
        """() => [...document.querySelectorAll('.spinal-matrix .spinal-block')].map((r) =>
             ['x', 'width', 'y', 'height'].map((name) => Number(r.getAttribute(name))))"""
    )
    expected = [*state["blocks"], *state["twin"]["blocks"]]
    left, _, top, _ = blocks[0]
    assert len(blocks) == len(expected)
    scale = (blocks[0][1] / expected[0][5], blocks[0][3] / expected[0][3])
    for drawn, block in zip(blocks, expected, strict=True):
        assert drawn[1] == pytest.approx(max(0.75, block[5] * scale[0]), rel=1e-6)
        assert drawn[3] == pytest.approx(max(0.75, block[3] * scale[1]), rel=1e-6)
    for drawn, block in zip(blocks, state["blocks"], strict=False):
        place = block[4] * scale[0], block[2] * scale[1]
        assert (drawn[0] - left, drawn[2] - top) == pytest.approx(place, abs=1e-6)


def test_links_of_the_chapter_set_the_matrix(address, open_page):
    page = open_page(f"{address}/{CHAPTER}")
    for name, preset in (("Without the chain", "spinal_no_chain"), ("Everything on", "progressive")):
        page.get_by_role("link", name=name, exact=True).click()
        says(page, preset=preset)
    page.get_by_role("link", name=re.compile("head with three spines")).click()
    says(page, preset="arch2: spinal_columns")
    page.get_by_role("link", name="Without the way from the last layer to the logits").click()
    expect(page.locator(SAID)).to_contain_text("The last layer feeds nothing")


def test_the_live_matrix_follows_python_and_tells_it_which_block_was_switched(address, open_page):
    page = open_page(f"{address}/book/introduction.html")
    widget = OneMatrix()
    said, told = page.evaluate(
        f"""async (parts) => {{
          const {{el, state, model, render}} = await ({LIVE})(parts);
          render();
          model.set('preset', 'spinal_full');
          const said = el.querySelector('.spinal-summary').textContent;
          el.querySelector('.spinal-block[data-way="3"]').dispatchEvent(new MouseEvent('click', {{bubbles: true}}));
          return [said, [state.preset, state.blocks]];
        }}""",
        parts(widget),
    )
    assert said == OneMatrix(preset="spinal_full").state()["summary"]
    assert told == ["own", [0, 1, 2, 5, 6]]
