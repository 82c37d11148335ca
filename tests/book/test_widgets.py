"""The widgets' scripts in a real browser: equal to Python on a grid, and usable by mouse, keyboard and link."""

import json
import math

import pytest

from spinalnet_lib import ClimbAndCut, ErrorCurves, SplitExplorer, WeightCounter
from tests.book.book_site import serve
from tests.book.live_widgets import LIVE, PAGES, parts, state_of_page
from tests.widgets.cases import CASES, RECORDS

pytestmark = pytest.mark.browser
OWN_MODEL = "book/lab/own_model.html"


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
    assert widget.locator(".spinal-picture ~ .spinal-controls").count() == 1  # under what they change
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
            box.locator("input").last.click()
        assert state_of_page(page, kind) != before, control["name"]
    widget.get_by_role("button", name="Reset").click()


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
          const input = el.querySelector('input[type=number]');
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
