"""The widgets' scripts in a real browser: equal to Python on a grid, and usable by mouse, keyboard and link."""

import json
import math
import re

import pytest
from playwright.sync_api import expect

from spinalnet_lib import ClimbAndCut, ErrorCurves, SplitExplorer, WeightCounter, load_records
from spinalnet_lib.widgets.weight_counter import weight_counter_state
from tests.book.book_site import serve
from tests.book.live_widgets import LIVE, parts, state_of_page
from tests.widgets.cases import CASES, RECORDS

pytestmark = pytest.mark.browser
CURVES = '.spinal-widget[data-kind="error-curves"]'
OWN_MODEL = "book/lab/own_model.html"
PAGES = {kind: f"{case.chapter}.html" for kind, case in CASES.items()}


def same(a, b) -> bool:
    """Equal, floats to rounding."""
    if isinstance(a, float) or isinstance(b, float):
        return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-15)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("kind", CASES)
def test_script_equals_python_on_the_whole_grid(kind, address, open_page):
    page = open_page(f"{address}/{PAGES[kind]}")
    state, data, grid = CASES[kind].state, CASES[kind].make().data(), CASES[kind].grid
    script = page.evaluate(
        "([kind, grid, data]) => grid.map(values => SpinalWidgets.state(kind, values, data))", [kind, grid, data]
    )
    assert len(script) == len(grid)
    for values, ours, theirs in zip(grid, (json.loads(json.dumps(state(v, data))) for v in grid), script, strict=True):
        assert same(ours, theirs), f"{kind} at {values}:\n{ours}\n{theirs}"


@pytest.mark.parametrize("kind", PAGES)
def test_every_control_changes_the_numbers_or_the_picture(kind, address, open_page):
    page = open_page(f"{address}/{PAGES[kind]}")
    widget = page.locator(f'.spinal-widget[data-kind="{kind}"]').first
    controls = CASES[kind].make().controls()
    for i, control in enumerate(controls):
        before = state_of_page(page, kind)
        box = widget.locator(".spinal-control").nth(i)
        for more in widget.locator(".spinal-more:not([open]) summary").all() if control.get("more") else []:
            more.click()
        assert box.is_visible()
        if control["type"] == "number":
            field = box.locator("input[type=number]")
            value = int(field.input_value())
            field.fill(str(value - 1 if value > control["min"] else value + 1))
        elif control["type"] == "choice":
            now = box.locator("select").evaluate("select => select.selectedIndex")
            box.locator("select").select_option(index=(now + 1) % len(control["options"]))
        elif control["type"] == "ink":
            box.locator("button").click()
        else:
            box.locator("input").first.click()
        assert state_of_page(page, kind) != before, control["name"]
    widget.get_by_role("button", name="Reset").click()


def test_the_counter_shows_the_python_numbers_for_what_was_typed(address, open_page):
    page = open_page(f"{address}/{PAGES['weight-counter']}")
    widget = page.locator(".spinal-widget").first
    counter = WeightCounter(in_features=17, num_splits=3, num_layers=5, layer_width=9, num_classes=4, hidden_size=33)
    for control in counter.controls():
        widget.get_by_label(control["label"], exact=True).fill(str(counter.values()[control["name"]]))
    expected = counter.state()
    rows = widget.locator(".spinal-app tr").all()
    assert [[cell.inner_text() for cell in row.locator("th, td").all()] for row in rows] == expected["rows"]
    assert widget.locator("[data-count=spinal]").text_content() == f"{expected['weights']['spinal']:,}"
    assert widget.locator(".spinal-summary").inner_text() == expected["summary"]
    assert widget.locator("svg").first.get_attribute("aria-label") == expected["summary"]


def test_a_slider_moves_by_mouse_and_by_keyboard(address, open_page):
    page = open_page(f"{address}/{PAGES['weight-counter']}")
    widget = page.locator(".spinal-widget").first
    track, field = widget.get_by_label("layer width, slider"), widget.get_by_label("layer width", exact=True)
    track.focus()
    page.keyboard.press("ArrowRight")
    assert field.input_value() == "129"
    page.keyboard.press("Home")
    assert field.input_value() == "1"
    box = track.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert 480 < int(field.input_value()) < 545
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "number"


def test_sizes_that_make_no_head_say_so_and_recover(address, open_page):
    page = open_page(f"{address}/{PAGES['weight-counter']}")
    widget = page.locator(".spinal-widget").first
    widget.get_by_label("layers", exact=True).fill("1")
    assert "num_layers=1 cannot read num_splits=2" in widget.locator(".spinal-summary").inner_text()
    widget.get_by_label("layers", exact=True).fill("2")
    assert "weights" in widget.locator(".spinal-app table").inner_text()


def test_what_is_no_size_is_brought_into_range(address, open_page):
    page = open_page(f"{address}/{PAGES['weight-counter']}")
    field = page.locator(".spinal-widget").first.get_by_label("features", exact=True)
    for typed in ("", "-3", "99999", "1e3", "2.5"):
        field.fill(typed)
        field.blur()
        assert 1 <= int(field.input_value()) <= 4096
        values = {**WeightCounter().values(), "in_features": int(field.input_value())}
        assert state_of_page(page, "weight-counter")[0] == weight_counter_state(values)["summary"], typed


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


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("error-curves", ("log=constructor", "arms=9", "arms=0..1", "interval=sd", "seeds=1e1")),
        (
            "split-explorer",
            ("x=1", "in_features=abc&num_splits=99&feature=-1", "in_features=12%", "feature=&num_layers="),
        ),
    ],
)
def test_what_a_control_cannot_have_is_ignored_in_the_address(kind, texts, address, open_page):
    url = f"{address}/{PAGES[kind]}"
    plain = state_of_page(open_page(url), kind)
    for anchor in ("#:;;:", "#%", f"#{kind}", *(f"#{kind}:{text}" for text in texts)):
        assert state_of_page(open_page(url + anchor), kind) == plain, anchor


def test_a_zero_in_the_address_is_a_value_and_an_arm_named_twice_is_shown_once(address, open_page):
    page = open_page(f"{address}/{PAGES['split-explorer']}#split-explorer:feature=0")
    assert page.get_by_label("follow feature (from 0)", exact=True).input_value() == "0"
    page = open_page(f"{address}/{PAGES['error-curves']}#error-curves:arms=1.0.1")
    assert page.locator(CURVES).first.locator(".spinal-app tr").count() == 2


def test_going_back_and_reset_bring_the_defaults(address, open_page):
    page = open_page(f"{address}/{PAGES['split-explorer']}")
    features = page.get_by_label("features", exact=True)
    page.get_by_role("link", name="an odd number of features").click()
    assert features.input_value() == "17"
    page.go_back()
    page.wait_for_function("document.querySelector('.spinal-control input').value === '16'")
    page.goto(f"{address}/{PAGES['split-explorer']}#split-explorer:in_features=17&num_layers=6")
    page.reload()
    assert features.input_value() == "17"
    page.get_by_role("button", name="Reset").click()
    assert features.input_value() == "16"
    # What a partial address leaves out is the default, however the page came to it.
    page.evaluate("location.hash = '#split-explorer:num_layers=6'")
    page.wait_for_function("document.querySelectorAll('.spinal-control input')[4].value === '6'")
    assert features.input_value() == "16"


def test_the_copied_link_holds_the_state_whatever_the_address_says(address, open_page):
    page = open_page(f"{address}/{OWN_MODEL}", permissions=["clipboard-read", "clipboard-write"])
    second = page.locator(".spinal-widget").nth(1)
    second.get_by_label("layer width", exact=True).fill("33")
    page.evaluate("location.hash = '#limits'")
    second.get_by_role("button", name="Copy link").click()
    page.wait_for_function("[...document.querySelectorAll('button')].some(b => b.textContent === 'Copied')")
    link = page.evaluate("navigator.clipboard.readText()")
    again = open_page(link).locator(".spinal-widget").nth(1)
    assert again.get_by_label("layer width", exact=True).input_value() == "33"
    assert again.get_by_label("features", exact=True).input_value() == "2048"


def test_a_link_from_another_page_leads_to_the_widget(address, open_page):
    page = open_page(f"{address}/{PAGES['split-explorer']}#split-explorer:num_splits=4")
    page.wait_for_function("document.querySelector('.spinal-app').getBoundingClientRect().top < innerHeight / 2")
    assert page.evaluate("document.querySelector('.spinal-app').getBoundingClientRect().top") > -50


def test_what_is_spoken_waits_until_the_control_rests(address, open_page):
    page = open_page()
    page.clock.install()  # its time passes only when the test says so
    page.goto(f"{address}/{PAGES['weight-counter']}")
    widget = page.locator(".spinal-widget").first
    spoken = widget.locator("[aria-live=polite]")
    widget.get_by_label("layer width, slider").focus()
    page.clock.pause_at(page.evaluate("Date.now()") + 60_000)
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.clock.run_for(500)
    assert spoken.text_content() == ""
    page.clock.run_for(500)
    assert spoken.text_content() == widget.locator(".spinal-summary").text_content() != ""


def test_two_widgets_of_a_kind_have_names_and_the_second_the_values_that_were_linked_to_it(address, open_page):
    page = open_page(f"{address}/{OWN_MODEL}")
    names = [app.get_attribute("aria-label") for app in page.locator(".spinal-app").all()]
    assert names == [WeightCounter.title, "A head for transfer learning"]
    linked = page.locator(".spinal-widget").nth(1)
    assert linked.get_by_label("features", exact=True).input_value() == "2048"
    assert linked.get_by_label("layer width", exact=True).input_value() == "48"


def test_chapter_links_set_the_widget(address, open_page):
    page = open_page(f"{address}/{PAGES['split-explorer']}")
    page.get_by_role("link", name="as many splits as layers").click()
    expect(page.get_by_label("input splits", exact=True)).to_have_value("4")
    page.get_by_role("link", name="fewer layers than splits").click()
    expect(page.locator(".spinal-summary")).to_contain_text("num_layers=3 cannot read num_splits=4")
    page = open_page(f"{address}/book/idea/what_the_paper_borrowed.html")
    page.get_by_role("link", name="the same picture to explore further").click()
    expect(page.get_by_label("features", exact=True)).to_have_value("12")


def test_alive_under_a_policy_that_allows_own_scripts_only(site, open_page):
    server = serve(site, policy="default-src 'self'")
    page = open_page(guard=False)  # the theme's own inline scripts are refused; the widgets must not mind
    refused = []
    page.on("console", lambda m: refused.append(m.text) if m.type == "error" else None)
    page.goto(f"http://127.0.0.1:{server.server_port}/{PAGES['weight-counter']}")
    page.locator(".spinal-widget").first.get_by_label("layer width", exact=True).fill("12")
    assert "7,056 weights" in page.locator(".spinal-app table").first.inner_text()
    server.shutdown()
    assert not [text for text in refused if "spinal" in text or "_images" in text]


def test_the_live_view_follows_the_model_and_writes_to_it(address, open_page):
    page = open_page(f"{address}/{PAGES['weight-counter']}")
    result = page.evaluate(
        f"""async (parts) => {{
          const {{el, state, model, saved, render}} = await ({LIVE})(parts);
          const stop = render();
          const show = () => el.querySelector('table').innerText;
          const first = show();
          model.set('layer_width', 12); const fromPython = show();
          const input = el.querySelectorAll('input[type=number]')[3];
          input.value = '13'; input.dispatchEvent(new Event('input'));
          const fromPage = [state.layer_width, saved(), show()];
          stop(); model.set('layer_width', 99);
          return [first, fromPython, fromPage, show()];
        }}""",
        parts(WeightCounter(layer_width=20)),
    )
    first, from_python, (width, saved, from_page), after_stop = result
    for width_now, shown in ((20, first), (12, from_python), (13, from_page), (13, after_stop)):
        assert f"{WeightCounter(layer_width=width_now).state()['weights']['spinal']:,} weights" in shown
    assert width == 13 and saved == 1


def test_live_views_of_several_widgets_share_a_window(address, open_page):
    page = open_page(f"{address}/book/introduction.html")
    widgets = [
        WeightCounter(),
        SplitExplorer(),
        ErrorCurves(RECORDS),
        ClimbAndCut(cut="root-4"),
        WeightCounter(layer_width=9),
    ]
    shown, ids, labelled = page.evaluate(
        f"""async (widgets) => {{
          const hosts = await Promise.all(widgets.map({LIVE}));
          for (const host of hosts) host.render();
          const all = hosts.map((host) => host.el);
          return [all.map((el) => el.querySelector('.spinal-summary').textContent),
                  all.flatMap((el) => [...el.querySelectorAll('[id]')].map((e) => e.id)),
                  all.every((el) => [...el.querySelectorAll('label')].every((l) => el.contains(l.control)))];
        }}""",
        [parts(widget) for widget in widgets],
    )
    assert shown == [w.state()["summary"] for w in widgets]
    assert len(ids) == len(set(ids)) and labelled


def test_the_counters_picture_is_drawn_to_its_numbers(address, open_page):
    page = open_page(f"{address}/{PAGES['weight-counter']}#weight-counter:layer_width=96")
    weights = WeightCounter(layer_width=96).state()["weights"]
    drawn = page.evaluate(
        """() => { const svgs = document.querySelectorAll('.spinal-picture svg');
          const of = (e, ...names) => names.map((name) => Number(e.getAttribute(name)));
          return [[...svgs[0].querySelectorAll('rect')].map((r) => of(r, 'width')[0]),
                  [...svgs[1].querySelectorAll('circle')].map((c) => of(c, 'cx', 'cy')),
                  svgs[1].querySelector('polyline').getAttribute('points').split(' ').map((p) => p.split(',').map(Number))]; }"""
    )
    bars, (dense, linear, own), curve = drawn
    assert [bar / bars[1] for bar in bars] == pytest.approx([n / weights["dense"] for n in weights.values()], rel=1e-6)
    # Height above the axis is proportional to the weights, for the dots and along the curve: a quadratic through zero.
    (x0, zero), (x1, _) = curve[0], curve[-1]
    assert (zero - own[1]) / (zero - dense[1]) == pytest.approx(weights["spinal"] / weights["dense"], rel=0.01)
    assert (zero - linear[1]) / (zero - dense[1]) == pytest.approx(weights["linear"] / weights["dense"], rel=0.05)
    last = 96 * (x1 - x0) / (own[0] - x0)
    for x, y in (curve[20], curve[40], curve[60]):
        width = last * (x - x0) / (x1 - x0)
        expected = 3 * width**2 + (2 * 256 + 40) * width
        assert (zero - y) / (zero - own[1]) == pytest.approx(expected / weights["spinal"], rel=0.02)
    assert last * (dense[0] - x0) / (x1 - x0) == pytest.approx(140.5, abs=0.6)


def test_the_explorers_picture_is_its_blocks(address, open_page):
    page = open_page(f"{address}/{PAGES['split-explorer']}#split-explorer:in_features=17&feature=16")
    blocks = SplitExplorer(in_features=17, feature=16).state()["blocks"]
    frame, cursor, drawn = page.evaluate(
        """() => { const of = (e) => ['y', 'height', 'x', 'width'].map((name) => Number(e.getAttribute(name)));
          const svg = document.querySelector('.spinal-picture svg');
          return [of(svg.querySelector('.spinal-frame')), of(svg.querySelector('.spinal-cursor')),
                  [...svg.querySelectorAll('.spinal-block')].map((r) => [r.getAttribute('class').split('-').pop(), ...of(r)])]; }"""
    )
    top, _, left, wide = frame
    cell = wide / (17 + 4 * 3)
    assert len(drawn) == len(blocks)
    for (kind, y, height, x, width), (expected, row, rows, column, columns) in zip(drawn, blocks, strict=True):
        assert kind == expected
        cells = [(y - top) / cell, height / cell, (x - left) / cell, width / cell]
        assert cells == pytest.approx([row, rows, column, columns], abs=1e-6)
    assert (cursor[2] - left) / cell == pytest.approx(16)


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
    widget.get_by_label("logarithmic error axis").click()
    assert fits(float) and not fits(math.log)
    widget.get_by_label("seeds", exact=True).fill("3")
    assert widget.locator("polyline.spinal-seed").count() == 12
