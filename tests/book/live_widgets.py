"""What the browser tests of several widgets share: what a page shows, and what a host of the module does."""

from tests.widgets.cases import CASES

PAGES = {kind: f"{case.chapter}.html" for kind, case in CASES.items()}  # that show a widget of a kind first
# What a host of the module does: a model that stores and notifies, and an element in the page.
LIVE = """async ([source, config, values]) => {
  const url = URL.createObjectURL(new Blob([source], {type: 'text/javascript'}));
  const module = await import(url);
  const handlers = {}, state = {_config: config, ...values}; let saved = 0;
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; (handlers[`change:${name}`] || []).forEach((h) => h()); },
    save_changes: () => { saved += 1; },
    on: (name, h) => { (handlers[name] ||= []).push(h); },
    off: (name, h) => { handlers[name] = (handlers[name] || []).filter((g) => g !== h); },
  };
  const el = document.createElement('div'); document.querySelector('article').append(el);
  return {el, state, model, saved: () => saved, render: () => module.default.render({model, el})};
}"""


def parts(widget):
    """What a widget gives to its module."""
    return [widget._esm, widget._config, widget.values()]


def open_more(widget):
    """Shows the controls of a widget that stand behind "More"."""
    widget.locator(".spinal-more").evaluate("more => { more.open = true; }")


def state_of_page(page, kind):
    return page.evaluate(
        """kind => { const host = document.querySelector(`.spinal-widget[data-kind="${kind}"]`);
           return [host.querySelector('.spinal-summary').textContent, host.querySelector('.spinal-app table').innerText,
                   host.querySelector('.spinal-picture').innerHTML]; }""",
        kind,
    )
