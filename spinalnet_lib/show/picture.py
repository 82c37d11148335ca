"""A figure of the book: drawn once in code, shown light and dark, with alt text."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Callable
from typing import Literal

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from .palette import DARK, LIGHT, Theme


class Picture:
    """A figure drawn twice, for the light and the dark page; a notebook shows the light one.

    `draw(figure, theme)` draws it, `alt` says what it shows, `size` is in inches. `kind` is "png", or "jpeg" for
    photographs, which are several times smaller that way.
    """

    def __init__(
        self,
        draw: Callable[[Figure, Theme], None],
        alt: str,
        size: tuple[float, float] = (7.0, 3.6),
        kind: Literal["png", "jpeg"] = "png",
    ):
        self.draw, self.alt, self.size, self.kind = draw, alt, size, kind

    def to_bytes(self, theme: Theme = LIGHT, dpi: int = 144) -> bytes:
        """The figure as a file of its `kind`."""
        style = {
            **sns.axes_style("ticks"),
            "figure.facecolor": theme.back,
            "axes.facecolor": theme.back,
            **dict.fromkeys(
                ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), theme.text
            ),
            "grid.color": theme.quiet,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "font.family": "DejaVu Sans",
            "font.size": 10,
        }
        with mpl.rc_context(style):
            figure = Figure(figsize=self.size, dpi=dpi, layout="constrained")
            canvas = FigureCanvasAgg(figure)
            self.draw(figure, theme)
            canvas.draw()
            image, buffer = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"), io.BytesIO()
            if self.kind == "jpeg":
                image.save(buffer, "jpeg", quality=70, optimize=True, progressive=True)
            else:  # 256 colours show all that a figure has, in a third of the bytes
                image.quantize(256, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
        return buffer.getvalue()

    def to_html(self) -> str:
        """Both images; the page's style sheet shows one, and without it the dark one stays hidden."""
        images = []
        for name, theme, hidden in (("light", LIGHT, ""), ("dark", DARK, " hidden")):
            source = f"data:image/{self.kind};base64," + base64.b64encode(self.to_bytes(theme)).decode()
            images.append(
                f'<img class="dark-light spinal-on-{name}"{hidden} alt="{html.escape(self.alt, quote=True)}" src="{source}"/>'
            )
        narrow = " spinal-narrow" if self.size[0] < 5 else ""  # made for a phone: it fits there without scrolling
        return f'<div class="spinal-figure{narrow}">{"".join(images)}</div>'

    def _repr_mimebundle_(self, **kwargs) -> dict:
        return {
            "text/html": self.to_html(),
            f"image/{self.kind}": base64.b64encode(self.to_bytes()).decode(),
            "text/plain": self.alt,
        }


def label_log_axis(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis: round ones, and closer together on a short axis."""

    def text(value: float, _: object) -> str:
        low, high = axis.get_view_interval()
        digits = (1, 2, 5) if high > 12 * low else (1, 2, 3, 5, 7)
        return f"{value:g}" if round(value / 10 ** math.floor(math.log10(value)), 6) in digits else ""

    axis.set_major_formatter(text)
    axis.set_minor_formatter(text)
