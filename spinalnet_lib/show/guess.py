"""A guess that the reader commits to, and meets again where the truth is shown; the page keeps it in the browser.

`widgets/guess.js` brings both parts to life. Without it the question stands in the text and the truth where it is found.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping


class Guess:
    """What can be answered to a chapter's question: one of `choices`, or a number from `low` to `high`.

    `choices` maps each answer to the value it stands for; the truth is the choice whose value is nearest. A number is
    given by a slider instead, in `unit`. `name` is one of the page. ValueError without choices and range, or with both.
    """

    def __init__(
        self,
        name: str,
        question: str,
        choices: Mapping[str, float] | None = None,
        *,
        low: int = 0,
        high: int | None = None,
        unit: str = "",
    ):
        if (choices is None) == (high is None):
            raise ValueError(f"Guess {name!r}: give choices={choices!r} or high={high!r}, one of them")
        if choices is not None and len(choices) < 2:
            raise ValueError(f"Guess {name!r}: choices={choices!r} leave nothing to choose; give two or more")
        if not re.fullmatch("[a-z][a-z0-9-]*", name):
            raise ValueError(f"Guess name={name!r}: write it in lower case letters, digits and hyphens")
        self.name, self.question, self.choices = name, question, choices and dict(choices)
        self.low, self.high, self.unit = low, high, unit

    def meets(self, value: float | None, why: str) -> Truth:
        """The truth, computed by the caller, and why it is so; the reader's guess is put beside it.

        None is what cannot be known yet. ValueError for a number outside the slider.
        """
        if value is None:
            return Truth(self.name, None, why)
        if self.choices:
            truth = min(self.choices, key=lambda answer: abs(self.choices[answer] - float(value)))
            return Truth(self.name, truth, why)
        if not self.low <= value <= self.high:
            raise ValueError(f"Guess {self.name!r}: value={value!r} is outside {self.low} to {self.high}; widen it")
        return Truth(self.name, f"{value:.0f}{self.unit}", why, number=round(float(value)))

    def to_html(self) -> str:
        """Radio buttons or a slider, hidden until the script can keep what they say."""
        own = html.escape(self.name, quote=True)
        if self.choices:
            lines = (
                f'<label><input type="radio" name="guess-{own}" value="{html.escape(answer, quote=True)}"/> {html.escape(answer)}</label>'
                for answer in self.choices
            )
            inputs = f'<div class="spinal-guess-choices">{"".join(lines)}</div>'
        else:
            inputs = (
                f'<div class="spinal-guess-slider"><span>{self.low}</span><input type="range" min="{self.low}" max="{self.high}" step="1" '
                f'aria-label="{html.escape(self.question, quote=True)}"/><span>{self.high}{html.escape(self.unit)}</span><output></output></div>'
            )
        return (
            f'<fieldset class="spinal-guess" id="guess-{own}" data-guess="{own}" data-unit="{html.escape(self.unit, quote=True)}" hidden>'
            f'<legend>{html.escape(self.question)}</legend>{inputs}<p class="spinal-guess-said" role="status"></p></fieldset>'
        )

    def _repr_mimebundle_(self, **kwargs) -> dict:
        answers = " / ".join(self.choices) if self.choices else f"{self.low} to {self.high}{self.unit}"
        return {"text/html": self.to_html(), "text/plain": f"{self.question} {answers}"}


class Truth:
    """The answer to a guess, in words, None while nobody knows it; `number` for one that a slider gave."""

    def __init__(self, name: str, truth: str | None, why: str, number: int | None = None):
        self.name, self.why, self.number = name, why, number
        self.is_known, self.truth = truth is not None, truth or "not known yet"

    def to_html(self) -> str:
        own, truth = html.escape(self.name, quote=True), html.escape(self.truth, quote=True)
        more = "" if self.number is None else f' data-number="{self.number}"'
        more += "" if self.is_known else " data-open"
        return (
            f'<dl class="spinal-truth" data-guess="{own}" data-truth="{truth}"{more}>'
            f'<div class="spinal-truth-you" hidden><dt>You</dt><dd></dd></div><div><dt>The truth</dt><dd><strong>{truth}</strong></dd></div>'
            f"<div><dt>Why</dt><dd>{html.escape(self.why)}</dd></div></dl>"
        )

    def _repr_mimebundle_(self, **kwargs) -> dict:
        return {"text/html": self.to_html(), "text/plain": f"The truth: {self.truth}. {self.why}"}
