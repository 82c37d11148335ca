"""What all widgets share: one object with two hosts, a live view where a kernel runs and HTML where none does."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path

import anywidget
import traitlets

FOLDER = Path(__file__).parent
# An ES module for anywidget out of the classic scripts that the page loads. Each has a scope of its own: several
# widgets, and several notebooks, share one browser window.
_MODULE = """const scope = {};
((globalThis) => {
%s
})(scope);
export default { render({ model, el }) { return scope.SpinalWidgets.live(model, el); } };
"""


class Widget(anywidget.AnyWidget):
    """A subclass sets `kind` and `title`, declares one synced trait a control, and defines methods.

    `state()` gives the state for the current values with its `error`, `rows` and `summary`, and `draw(figure, state)`
    the still picture for print; `controls()` lists the controls where not all are a `number`, and `data()` gives the
    constants the state needs (JSON). `files` names those of them that a page loads as data-NAME.js, being too large for it;
    `scripts` those that several widgets share, which stand between the base and its own.
    """

    kind: str
    title: str
    files: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()

    _css = FOLDER / "widgets.css"
    _config = traitlets.Dict().tag(sync=True)

    def __init_subclass__(cls, **kwargs):
        if "kind" in cls.__dict__:  # not for the classes that traitlets derives when it adds a trait
            name = cls.kind.replace("-", "_")
            scripts = (FOLDER / f"{script}.js" for script in ("base", *cls.scripts, name))
            cls._esm = _MODULE % "".join(script.read_text(encoding="utf-8") for script in scripts)
            cls._numbers = [name for name, trait in cls.__dict__.items() if "label" in getattr(trait, "metadata", ())]
        super().__init_subclass__(**kwargs)

    def __init__(self, title: str | None = None, **values):
        self.title = title or type(self).title
        unknown = sorted(values.keys() - self.trait_names())
        if unknown:
            known = ", ".join(control["name"] for control in self.controls())
            raise TypeError(f"{type(self).__name__} has no control {', '.join(unknown)}; it has {known}")
        super().__init__(**values)
        self._constants = self.data()
        self._config = {"kind": self.kind, "title": self.title, "controls": self.controls(), "data": self._constants}

    def controls(self) -> list[dict]:
        traits = {name: self.traits()[name] for name in self._numbers}
        return [
            {**slider(name, trait.metadata["label"], trait.min, self._reach(trait)), **_places(trait)}
            for name, trait in traits.items()
        ]

    def _reach(self, trait) -> int:
        """The right end of a slider: its usual one, or further where the value is larger."""
        usual = trait.metadata["usual"]
        return trait.max if usual is None else min(trait.max, max(usual, 2 * getattr(self, trait.name)))

    def data(self) -> dict:
        return {}

    def state(self) -> dict:
        raise NotImplementedError

    def draw(self, figure, state: dict) -> None:
        raise NotImplementedError

    def values(self) -> dict:
        """Current values of the controls."""
        return {control["name"]: getattr(self, control["name"]) for control in self.controls()}

    def to_png(self) -> bytes:
        """The still picture of the current state."""
        from ..show.picture import Picture

        state = self.state()

        def draw(figure, theme) -> None:
            if state["error"]:  # sizes that make no head
                figure.text(0.5, 0.5, state["error"], ha="center", va="center", wrap=True)
            else:
                self.draw(figure, state)

        return Picture(draw, state["summary"], (7, 3.2)).to_bytes(dpi=130)

    def to_html(self) -> str:
        """The widget for a page: JSON for the script, and a picture and a table for print and for no script."""
        state = self.state()
        here = {name: value for name, value in self._constants.items() if name not in self.files}
        config = json.dumps({**self._config, "data": here, "values": self.values()}).replace("<", "\\u003c")
        needs = (("files", self.files), ("scripts", self.scripts))
        names = "".join(f' data-{kind}="{" ".join(names)}"' for kind, names in needs if names)
        rows = "".join(f"<tr><th scope='row'>{_text(a)}</th><td>{_text(b)}</td></tr>" for a, b in state["rows"])
        picture = base64.b64encode(self.to_png()).decode()
        return (
            f'<div class="spinal-widget" data-kind="{self.kind}"{names}>'
            f'<script type="application/json">{config}</script>'
            f'<div class="spinal-still"><img class="dark-light" loading="lazy" width="910" height="416" alt="{_text(state["summary"])}" '
            f'src="data:image/png;base64,{picture}"/>'
            f"<table><caption>{_text(self.title)}</caption><tbody>{rows}</tbody></table></div></div>"
        )

    def to_text(self) -> str:
        state = self.state()
        width = max((len(a) for a, _ in state["rows"]), default=0)
        return "\n".join([self.title, *(f"  {a:{width}}  {b}" for a, b in state["rows"]), state["summary"]])

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        still = {"text/html": self.to_html(), "image/png": base64.b64encode(self.to_png()).decode()}
        return {**(data or {}), **still, "text/plain": self.to_text()}, metadata


def number(
    label: str,
    default: int,
    low: int,
    high: int,
    usual: int | None = None,
    used: list[int] | None = None,
    more: bool = False,
) -> traitlets.Int:
    """A trait that has a number field with a range beside it, which ends at `usual` unless the value asks for more.

    With `used` the places of the range are these values; the field takes all others. With `more` it stands behind "More":
    at most three controls of a widget are seen at first.
    """
    return traitlets.Int(default, min=low, max=high).tag(sync=True, label=label, usual=usual, used=used, more=more)


def _places(trait) -> dict:
    return {name: trait.metadata[name] for name in ("used", "more") if trait.metadata[name]}


def slider(name: str, label: str, low: int, high: int) -> dict:
    """The control of a whole number."""
    return {"name": name, "label": label, "type": "number", "min": low, "max": high}


def _text(value) -> str:
    return html.escape(str(value), quote=True)


def ratio(part: int, whole: int) -> str:
    """Ratio of two counts to a tenth, by integers, so that the script rounds alike.

    >>> ratio(119808, 2560)
    '46.8'
    """
    tenths = (20 * part + whole) // (2 * whole)
    return f"{tenths // 10:,}.{tenths % 10}"


def percent(part: int, whole: int) -> str:
    """Share of two counts to a tenth of a percent; its sign stays on the line.

    >>> percent(119808, 136192)
    '88.0\\xa0%'
    """
    return f"{ratio(100 * part, whole)}\u00a0%"


def multiple(part: int, whole: int) -> str:
    """How much of another count a count is, as people say it: below twice in percent, from there in times.

    >>> multiple(119808, 136192), multiple(119808, 2560)
    ('88.0\\xa0% of', '46.8 times')
    """
    return f"{percent(part, whole)} of" if part < 2 * whole else f"{ratio(part, whole)} times"
