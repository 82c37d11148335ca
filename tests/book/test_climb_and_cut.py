"""Climb and cut in a real browser: equal to torch, drawn on by mouse and finger, reached by keyboard, whole where its file is not."""

import itertools
import re

import pytest
import torch
from playwright.sync_api import expect

from spinalnet_lib import ClimbAndCut, list_datasets, load_dataset, load_spine
from spinalnet_lib.data.packed_images import pack_images
from spinalnet_lib.models.small_spine import ALPHABETS
from spinalnet_lib.study.small_spines import SOURCES, in_shades
from tests.book.live_widgets import LIVE, parts, state_of_page
from tests.widgets.cases import CASES

pytestmark = pytest.mark.browser
LETTER = f"{CASES['climb-and-cut'].chapter}.html"
SAID = ".spinal-app .spinal-summary"


def on_the_skin(page, *places):
    """Points of the window for rows and columns of the board."""
    box = page.locator(".spinal-skin").bounding_box()
    return [(box["x"] + box["width"] * x / 28, box["y"] + box["height"] * y / 28) for x, y in places]


def draw(page, *places):
    first, *others = on_the_skin(page, *places)
    page.mouse.move(*first)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_the_script_reads_all_stored_images_as_torch_does_with_the_same_weights(alphabet, address, open_page):
    page = open_page(f"{address}/{LETTER}")
    spine, data = load_spine(alphabet), CASES["climb-and-cut"].make().data()
    values = {**ClimbAndCut(alphabet=alphabet).values(), "bet": "show"}
    script = page.evaluate(
        "([values, data, n]) => Array.from({length: n}, (_, i) => SpinalWidgets.state('climb-and-cut', {...values, sample: i + 1}, data).votes[7])",
        [values, data, len(spine.labels)],
    )
    pixels = torch.tensor(spine.images[:, ::-1].reshape(len(spine.images), -1) / 15, dtype=torch.float32)
    logits = spine.as_head()(pixels).detach()
    logits -= logits.mean(1, keepdim=True)
    assert (torch.tensor(script) - logits).abs().max() < 1e-3
    assert int((torch.tensor(script).argmax(1).numpy() == spine.labels).sum()) == spine.right()


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_the_card_holds_what_a_browser_counts_over_all_validation_images(alphabet, address, open_page):
    source, card = SOURCES[alphabet], load_spine(alphabet).card
    if source not in list_datasets(present=True):
        pytest.skip(f"needs {source}, which is not embedded")
    held_out = load_dataset(source).val
    assert (source, len(held_out)) == (card["data"], card["images"]["validation"])
    inks = [pack_images(image) for image in in_shades(held_out.images[:, 0].numpy())]
    page = open_page(f"{address}/{LETTER}")
    read = page.evaluate(
        """([values, inks, data]) => inks.map((ink) => {
             const { leaders } = SpinalWidgets.state("climb-and-cut", {...values, ink}, data);
             return data[values.alphabet].classes.indexOf(leaders[leaders.length - 1]); })""",
        [ClimbAndCut(alphabet=alphabet, sample=0).values(), inks, CASES["climb-and-cut"].make().data()],
    )
    assert sum(map(int.__eq__, read, held_out.labels.tolist())) == card["validation_right"]


def test_a_seven_drawn_by_mouse_is_read_cut_and_kept_in_the_address(address, open_page):
    page = open_page(f"{address}/{LETTER}#climb-and-cut:bet=show")
    draw(page, (8, 6), (20, 6), (13, 23))
    expect(page.locator(SAID)).to_contain_text("Your drawing is read as 7. It is decided")
    page.wait_for_url(re.compile("ink=[A-Za-z0-9_-]{20}"))
    page.locator('[data-cut="root-6"]').click()
    expect(page.get_by_label("cut", exact=True)).to_have_value("root-6")
    page.wait_for_url(re.compile("cut=root-6"))
    shown = state_of_page(page, "climb-and-cut")
    assert state_of_page(open_page(page.url), "climb-and-cut") == shown
    ink = re.search("ink=([^&;]*)", page.url)[1]
    ours = ClimbAndCut(sample=0, ink=ink, bet="show", cut="root-6")
    assert shown[0] == ours.state()["summary"]
    page.locator('[data-cut="root-6"]').click()  # mends it
    expect(page.get_by_label("cut", exact=True)).to_have_value("none")
    page.get_by_role("button", name="An empty board").click()
    expect(page.locator(SAID)).to_contain_text("says nothing")
    draw(page, (14, 4), (14, 24))
    expect(page.locator(SAID)).to_contain_text("read as 1")


def test_a_finger_draws_too_and_the_page_does_not_scroll_under_it(address, open_page):
    page = open_page(
        f"{address}/{LETTER}#climb-and-cut:bet=show", has_touch=True, viewport={"width": 360, "height": 740}
    )
    page.locator(".spinal-skin").scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    points = on_the_skin(page, (14, 4), *((14, y) for y in range(5, 25)))
    session = page.context.new_cdp_session(page)
    for kind, touches in [
        ("touchStart", points[:1]),
        *(("touchMove", [point]) for point in points[1:]),
        ("touchEnd", []),
    ]:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in touches]})
    expect(page.locator(SAID)).to_contain_text("Your drawing is read as 1.")
    assert page.evaluate("scrollY") == before
    assert page.locator(".spinal-ink").count() > 40


def overlaps(boxes):
    """Pairs of (left, top, right, bottom) that share more than an edge."""
    return [
        (a, b)
        for a, b in itertools.combinations(boxes, 2)
        if min(a[2], b[2]) - max(a[0], b[0]) > 0.01 and min(a[3], b[3]) - max(a[1], b[1]) > 0.01
    ]


BOXES = "all => all.map(each => { const r = each.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; })"


@pytest.mark.parametrize("alphabet", ["digits", "kuzushiji"])
@pytest.mark.parametrize("width", [360, 480, 1280])
def test_each_line_is_large_enough_for_a_finger_and_headings_stand_apart(alphabet, width, address, open_page):
    url = f"{address}/{LETTER}#climb-and-cut:bet=show&alphabet={alphabet}&cut=cord-4"
    page = open_page(url, viewport={"width": width, "height": 740})
    lines = page.locator(".spinal-scissors").evaluate_all(BOXES)
    assert len(lines) == 20
    assert all(round(min(right - left, bottom - top), 6) >= 24 for left, top, right, bottom in lines), lines
    assert not overlaps(lines)
    words = page.locator(".spinal-app svg text").evaluate_all(BOXES)
    assert len(words) > 14 and not overlaps(words)
    frame = page.locator(".spinal-app svg").evaluate_all(BOXES)[0]
    assert all(frame[0] <= left and right <= frame[2] for left, _, right, _ in words)


def test_the_keyboard_alone_reaches_images_bets_cuts_and_alphabets(address, open_page):
    page = open_page(f"{address}/{LETTER}")
    page.locator(".spinal-app input[type=number]").focus()
    page.keyboard.press("ArrowUp")
    for _ in range(2):  # over the slider to the bet
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    for _ in range(2):  # over the button to what is folded
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    ours = ClimbAndCut(sample=ClimbAndCut().sample + 1, bet="1", cut="root-1", alphabet="letters")
    expect(page.locator(SAID)).to_have_text(ours.state()["summary"])


@pytest.mark.parametrize(
    "body",
    ["", "SpinalWidgets.bring('digits', {", "SpinalWidgets.bring('digits', {int8: 'AAAA', side: 28, levels: 7});"],
)
def test_a_missing_or_damaged_file_is_one_sentence_and_the_page_goes_on(body, address, open_page):
    page = open_page(guard=False)
    page.route(re.compile("/data-digits[.]js"), lambda route: route.fulfill(body=body) if body else route.abort())
    page.goto(f"{address}/{LETTER}")
    expect(page.locator(SAID)).to_contain_text("spine of digits is missing or damaged")
    page.locator(".spinal-more summary").click()
    page.get_by_label("alphabet").select_option("letters")
    expect(page.locator(SAID)).to_contain_text("validation images are read right")
    page.get_by_label("alphabet").select_option("digits")
    assert page.locator(".spinal-app svg").count() == 0


def test_the_live_spine_follows_python_and_tells_it_what_was_drawn(address, open_page):
    page = open_page(f"{address}/book/introduction.html")
    widget = ClimbAndCut(bet="show")
    said, drawn = page.evaluate(
        f"""async (parts) => {{
          const {{el, state, model, render}} = await ({LIVE})(parts);
          render();
          model.set('cut', 'way-3'); model.set('sample', 9);
          const said = el.querySelector('.spinal-summary').textContent;
          const at = (x, y) => {{ const box = el.querySelector('.spinal-skin').getBoundingClientRect();
            const place = {{clientX: box.left + box.width * x / 28, clientY: box.top + box.height * y / 28}};
            return {{...place, isPrimary: true, pointerId: 1, bubbles: true, cancelable: true}}; }};
          el.querySelector('.spinal-picture').setPointerCapture = () => {{}};  // there is no such pointer
          el.querySelector('.spinal-skin').dispatchEvent(new PointerEvent('pointerdown', at(14, 4)));
          el.querySelector('.spinal-picture').dispatchEvent(new PointerEvent('pointermove', at(14, 24)));
          await new Promise(requestAnimationFrame);
          return [said, [state.sample, state.ink]];
        }}""",
        parts(widget),
    )
    assert said == ClimbAndCut(bet="show", cut="way-3", sample=9).state()["summary"]
    sample, ink = drawn
    assert sample == 0 and ClimbAndCut(sample=sample, ink=ink).board[5:23, 13].min() > 8


def test_the_letter_page_is_light(site):
    """All that this page loads beyond what every page of the book does."""
    folder, page = site / "_static" / "spinal", (site / f"{LETTER}").read_text()
    own = [folder / name for name in re.findall(r"_static/spinal/([\w-]+\.(?:js|css))", page)]
    assert {"data-digits.js", "data-letters.js", "data-kuzushiji.js"} <= {path.name for path in own}
    shown = re.findall(
        r'<img class="(?!dark-light spinal-on-dark)[^>]*_images/(\w+\.png)', page
    )  # one theme, one width
    pictures = {site / "_images" / name for name in shown}
    assert pictures
    light = sum(path.stat().st_size for path in (*own, *pictures))
    assert light < 400_000, light
