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

DPI = 144
NARROW = 3.6  # inches: at 360 px of width a point of text is a pixel and a third


class Picture:
    """A figure drawn twice, for the light and the dark page; a notebook shows the light one.

    `draw(figure, theme)` draws it, `alt` says what it shows, `size` is in inches, and `narrow` the size for a phone where
    the picture is wider than that: drawn anew with labels of the same size, so that nothing shrinks or scrolls. `kind` is
    "png", or "webp" for photographs, which are several times smaller that way.
    """

    def __init__(
        self,
        draw: Callable[[Figure, Theme], None],
        alt: str,
        size: tuple[float, float] = (7.0, 3.6),
        kind: Literal["png", "webp"] = "png",
        narrow: tuple[float, float] | None = None,
    ):
        self.draw, self.alt, self.size, self.kind = draw, alt, size, kind
        self.narrow = narrow or (min(size[0], NARROW), size[1])

    def drawn(self, theme: Theme = LIGHT, dpi: int = DPI, size: tuple[float, float] | None = None) -> Figure:
        """The figure, laid out; `size` is its own unless said."""
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
            figure = Figure(figsize=size or self.size, dpi=dpi, layout="constrained")
            canvas = FigureCanvasAgg(figure)
            self.draw(figure, theme)
            canvas.draw()
        return figure

    def to_bytes(self, theme: Theme = LIGHT, dpi: int = DPI, size: tuple[float, float] | None = None) -> bytes:
        """The figure as a file of its `kind`."""
        pixels = np.asarray(self.drawn(theme, dpi, size).canvas.buffer_rgba())
        image, buffer = Image.fromarray(pixels).convert("RGB"), io.BytesIO()
        if self.kind == "webp":
            image.save(buffer, "webp", quality=60, method=6)
        else:  # 256 colours show all that a figure has, in a third of the bytes
            image.quantize(256, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
        return buffer.getvalue()

    def to_html(self) -> str:
        """Wide and narrow, light and dark: the page loads the one of them that it shows, and only when it comes near."""
        images = []
        width, height = (round(DPI * side) for side in self.size)
        for name, theme, hidden in (("light", LIGHT, ""), ("dark", DARK, " hidden")):
            source = "" if self.narrow == self.size else self._source(theme)
            images.append(
                f'<picture>{source}<img class="dark-light spinal-on-{name}"{hidden} loading="lazy" width="{width}" height="{height}" '
                f'alt="{html.escape(self.alt, quote=True)}" src="{self._address(theme, self.size)}"/></picture>'
            )
        return f'<div class="spinal-figure">{"".join(images)}</div>'

    def _source(self, theme: Theme) -> str:
        width, height = (round(DPI * side) for side in self.narrow)
        address = self._address(theme, self.narrow)
        return f'<source media="(max-width: 600px)" width="{width}" height="{height}" srcset="{address}"/>'

    def _address(self, theme: Theme, size: tuple[float, float]) -> str:
        return f"data:image/{self.kind};base64,{base64.b64encode(self.to_bytes(theme, size=size)).decode()}"

    def _repr_mimebundle_(self, **kwargs) -> dict:
        bundle = {"text/html": self.to_html(), "text/plain": self.alt}
        if self.kind == "png":  # Jupyter knows no output of type WebP; in HTML every browser does
            bundle["image/png"] = base64.b64encode(self.to_bytes()).decode()
        return bundle


def panels(figure: Figure, count: int, **options) -> np.ndarray:
    """Axes side by side, or below each other where the figure is narrow."""
    return figure.subplots(count, 1, **options) if is_narrow(figure) else figure.subplots(1, count, **options)


def is_narrow(figure: Figure) -> bool:
    return figure.get_figwidth() <= NARROW


def label_log_axis(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis: round ones, and closer together on a short axis."""

    def text(value: float, _: object) -> str:
        low, high = axis.get_view_interval()
        digits = (1, 2, 5) if high > 12 * low else (1, 2, 3, 5, 7)
        return f"{value:g}" if round(value / 10 ** math.floor(math.log10(value)), 6) in digits else ""

    axis.set_major_formatter(text)
    axis.set_minor_formatter(text)
