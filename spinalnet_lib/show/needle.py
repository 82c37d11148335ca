"""What a spine saves of a network: multiply-adds to scale, and beside them the time that the saving costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..heads.counting import count_macs, head_cost
from ..models.bodies import create_backbone
from ..models.sizes import paper_head
from ..study.counted import READINGS, reading
from .palette import Theme
from .picture import NARROW, Picture, is_narrow

_HAIR = 1.0  # points: less is not seen


def plot_needle(backbone: str = "vgg5") -> Picture:
    """The multiply-adds of a network as one bar, with what the spine saves as a hair; below, its end enlarged."""
    body = create_backbone(backbone)
    of_body = count_macs(body, (1, body.image_size, body.image_size))
    dense, spinal = (
        head_cost(head, body.num_features, 10, **paper_head(backbone, head)).macs for head in ("mlp", "spinal")
    )
    whole, saved = of_body + dense, dense - spinal
    times = 10 ** int(math.log10(whole / (1.1 * dense)))  # the lens holds the dense head
    alt = (
        f"The spine saves {saved:,} of {whole:,} multiply-adds, a hair at the end of a long bar: {saved / whole:.3%}. Enlarged "
        f"{times:,} times, the end of the bar shows the dense head, {dense:,} multiply-adds, of which the spine needs {spinal:,}."
    )

    def draw(figure: Figure, theme: Theme) -> None:
        bar, lens = figure.subplots(2)
        for axes, first in ((bar, 0), (lens, whole - whole / times)):
            axes.set(xlim=(first, whole), ylim=(0, 1), yticks=[], xticks=[])
            axes.spines[["left", "bottom"]].set_visible(False)
            _span(axes, first, of_body, theme.linear)
            _span(axes, of_body, of_body + spinal, theme.spinal)
        _span(lens, whole - saved, whole, theme.dense)
        figure.canvas.draw()  # for the width of the axes
        points = bar.get_window_extent().width * 72 / figure.dpi * saved / whole
        seen = {"color": theme.dense, "linewidth": max(_HAIR, points), "solid_capstyle": "butt", "clip_on": False}
        bar.plot([whole - saved / 2] * 2, [-0.15, 1.15], **seen)
        hair = f"saved: {saved:,}" + (f", drawn {_HAIR / points:.0f} times too wide" if points < _HAIR else "")
        look = {"fontsize": 9, "color": theme.text, "loc": "left"}
        between = "\n" if is_narrow(figure) else "; at its right end, "
        bar.set_title(f"all {whole:,} multiply-adds of the network{between}{hair}", **look)
        lens.set_title(f"the last part in {times:,}, enlarged", **look)
        inside = {"ha": "center", "va": "center", "fontsize": 9, "color": theme.back}
        bar.text(of_body / 2, 0.5, "body", **inside)
        lens.text(of_body + spinal / 2, 0.5, f"the spine: {spinal:,}", **inside)
        lens.text(whole, -0.35, f"saved: {saved:,}", ha="right", va="center", fontsize=9, color=theme.dense)

    return Picture(draw, alt, (7.2, 2.4), narrow=(NARROW, 2.8))


def plot_saving_in_time(rows: dict[str, Sequence[dict]], backbone: str = "vgg5") -> Picture:
    """Spine over dense head: the multiply-adds as counted, and measured times, a line for each of `rows`; left of one is less.

    `rows` are those of `load_bench` by what they were measured on. ValueError where one has none.
    """
    if not rows or not all(rows.values()):
        raise ValueError(f"plot_saving_in_time: rows={rows!r} has nothing to draw; pass some of load_bench")
    features = create_backbone(backbone).num_features
    dense, spinal = (head_cost(head, features, 10, **paper_head(backbone, head)).macs for head in ("mlp", "spinal"))
    lines = {"multiply-adds": [{"ratio": spinal / dense, "low": spinal / dense, "high": spinal / dense}], **rows}
    found = [reading(row) for some in rows.values() for row in some]
    counts = ", ".join(f"{found.count(kind)} show {words}" for kind, words in READINGS.items() if kind in found)
    ends = "; ".join(
        f"{name}: {min(r['ratio'] for r in some):.2f} to {max(r['ratio'] for r in some):.2f} times"
        for name, some in rows.items()
    )
    alt = f"The spine needs {spinal / dense:.2f} of the dense head's multiply-adds; but of {len(found)} measured times {counts}. {ends}."

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        axes.axvline(1, color=theme.quiet, linestyle="--", linewidth=1)
        for place, (name, some) in enumerate(lines.items()):
            for shift, row in enumerate(sorted(some, key=lambda row: row["ratio"])):
                y = place + 0.13 * (shift - (len(some) - 1) / 2)
                axes.plot([row["low"], row["high"]], [y, y], color=theme.spinal, alpha=0.4, linewidth=3)
                axes.plot(row["ratio"], y, "o" if place else "D", color=theme.spinal, markersize=5)
            if is_narrow(figure):
                axes.text(0, place - 0.42, name, transform=axes.get_yaxis_transform(), fontsize=9, color=theme.text)
        axes.set_yticks([] if is_narrow(figure) else range(len(lines)), [] if is_narrow(figure) else list(lines))
        axes.set(ylim=(len(lines) - 0.4, -0.7), xlabel="spine ÷ dense head; left of the line less")

    return Picture(draw, alt, (7.0, 2.6), narrow=(NARROW, 3.2))


def _span(axes: Axes, first: float, last: float, colour: str) -> None:
    axes.add_patch(Rectangle((first, 0), last - first, 1, facecolor=colour, edgecolor="none"))
