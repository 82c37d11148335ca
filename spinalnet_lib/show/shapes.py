"""Boxes, blocks and arrows of which drawings of ideas are made."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from .palette import Theme

Point = tuple[float, float]
LETTER = 13  # points: of letters with an index, which is drawn at seven tenths and must be readable, too


def block(axes: Axes, theme: Theme, column: float, row: float, columns: float, rows: float, colour: str) -> None:
    """A filled rectangle, its area to scale."""
    axes.add_patch(Rectangle((column, row), columns, rows, facecolor=colour, edgecolor=theme.back, linewidth=0.8))


def box(
    axes: Axes,
    theme: Theme,
    x: float,
    y: float,
    width: float,
    height: float,
    label: str,
    colour: str,
    dashed: bool = False,
    size: float = 10,
) -> None:
    """A rounded frame with a label of so many points in it; dashed for what is there and does nothing."""
    look = {"boxstyle": "round,pad=0,rounding_size=0.2", "facecolor": theme.back, "edgecolor": colour, "linewidth": 1.6}
    axes.add_patch(FancyBboxPatch((x, y), width, height, linestyle="--" if dashed else "-", **look))
    axes.text(x + width / 2, y + height / 2, label, ha="center", va="center", color=theme.text, fontsize=size)


def arrow(axes: Axes, start: Point, end: Point, colour: str, both: bool = False, dashed: bool = False) -> None:
    look = {"arrowstyle": "<|-|>" if both else "-|>", "linestyle": "--" if dashed else "-", "color": colour}
    axes.add_patch(FancyArrowPatch(start, end, mutation_scale=10, linewidth=1.6, shrinkA=0, shrinkB=0, **look))


def way_up(axes: Axes, start: Point, x: float, top: float, colour: str) -> None:
    """Right from `start`, then up to `top`."""
    axes.plot([start[0], x], [start[1]] * 2, color=colour, linewidth=1.6, solid_capstyle="round")
    arrow(axes, (x, start[1]), (x, top), colour)


def letter(axes: Axes, x: float, y: float, text: str, colour: str, size: float = LETTER, va: str = "center") -> None:
    """A letter of an equation beside what it names."""
    axes.text(x, y, text, color=colour, fontsize=size, ha="center", va=va)
