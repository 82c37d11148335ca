"""Figures of what `spinalnet bench` measures: ratios of times, and where a step's time goes; alt text from the data."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import seaborn as sns
from matplotlib.figure import Figure

from ..study.counted import READINGS, reading
from .palette import Theme
from .picture import NARROW, Picture, is_narrow, label_log_axis

_GROUPS = {
    "heads": "spinal against dense heads, on a CPU",
    "steps": "training steps on a CPU",
    "training": "training on a CPU",
    "photographs": "photographs",
    "stacked": "many seeds at once",
    "runs": "sweeps and records",
    "gpu": "training on a GPU",
}
_LINE = 0.2  # inches of a line of text
_DOT = 0.24


def plot_speed_ratios(rows: Sequence[dict]) -> Picture:
    """Time over the time of a peer: of each row the median as a dot and its range as a bar; the dashed line is a ratio of one.

    `rows` are those of `load_bench`. A dot is hollow where the range touches one, so that no difference is clear. Raises
    ValueError without rows.
    """
    if not rows:
        raise ValueError("plot_speed_ratios: no rows; measure some with `spinalnet bench`, or pass those of load_bench")
    groups: dict[str, list[dict]] = {}
    for row in sorted(rows, key=lambda row: row["ratio"]):
        groups.setdefault(row["group"], []).append(row)
    lines, dots = [], []  # texts and rows, each with its distance from the top in inches
    height = 0.0
    for group in dict.fromkeys(row["group"] for row in rows):
        height += 1.5 * _LINE
        lines.append((height - 0.3 * _LINE, _GROUPS.get(group, group), "bold"))
        for row in groups[group]:
            interval = f"{row['ratio']:.2g} ({row['low']:.2g} to {row['high']:.2g})"
            for text, style in ((row["name"], "text"), (f"against {row['peer']}: {interval}", "quiet")):
                for line in textwrap.wrap(text, 58):
                    height += _LINE
                    lines.append((height, line, style))
            dots.append((height + _DOT / 2, row))
            height += _DOT

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        axes.set(xscale="log", ylim=(height, 0), yticks=[], xlabel="time over the peer's (logarithmic)")
        axes.axvline(1, color=theme.quiet, linestyle="--", linewidth=1, zorder=0)
        for place, row in dots:
            axes.plot([row["low"], row["high"]], [place, place], color=theme.text, alpha=0.5, linewidth=3)
            fill = theme.back if reading(row) == "unclear" else theme.text
            axes.plot(row["ratio"], place, "o", color=theme.text, markerfacecolor=fill, markersize=6)
        for place, text, style in lines:
            look = {"color": theme.quiet if style == "quiet" else theme.text, "fontsize": 10}
            look |= {"weight": "bold"} if style == "bold" else {}
            box = {"facecolor": theme.back, "edgecolor": "none", "pad": 0.5}  # the dashed line must not cross words
            axes.text(0, place, text, transform=axes.get_yaxis_transform(), bbox=box, **look)
        label_log_axis(axes.xaxis)
        sns.despine(ax=axes, left=True)

    return Picture(draw, _speed_alt(rows, groups), (4.6, height + 0.7))


def _speed_alt(rows: Sequence[dict], groups: dict[str, list[dict]]) -> str:
    """The finding first: how many rows took less time, how many more; then the ends of each group."""
    found = [reading(row) for row in rows]
    counts = ", ".join(f"{found.count(kind)} {words}" for kind, words in READINGS.items())
    ends = "; ".join(
        f"{_GROUPS.get(group, group)}: from {ordered[0]['ratio']:.2g} times ({ordered[0]['name']}) "
        f"to {ordered[-1]['ratio']:.2g} times ({ordered[-1]['name']})"
        for group, ordered in groups.items()
    )
    return f"Of {len(rows)} comparisons with a peer: {counts}. {ends[0].upper()}{ends[1:]}."


def plot_step_profile(profile: Sequence[dict]) -> Picture:
    """Shares of a training step on a GPU by what the kernels do, a bar a batch size.

    `profile` is that of `load_bench_report("gpu")`. Raises ValueError if it is empty.
    """
    if not profile:
        raise ValueError("plot_step_profile: no profile; `spinalnet bench --device cuda` measures one")
    batches = sorted({part["batch"] for part in profile})
    kinds = list(dict.fromkeys(part["kind"] for part in profile))
    shares = {(part["batch"], part["kind"]): 100 * part["share"] for part in profile}
    texts = []
    for batch in batches:
        parts = (f"{kind} {shares[batch, kind]:.0f} %" for kind in kinds if (batch, kind) in shares)
        texts.append(f"batch {batch}: {', '.join(parts)}")
    alt = "Where the time of a training step goes. " + "; ".join(texts)

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        colours = sns.blend_palette([theme.text, theme.back], len(kinds) + 1)[:-1]  # no hue: hues are heads
        for place, batch in enumerate(batches):
            left = 0.0
            for kind, colour in zip(kinds, colours, strict=True):
                share = shares.get((batch, kind), 0.0)
                label = None if place else kind
                axes.barh(place, share, left=left, color=colour, edgecolor=theme.back, label=label)
                if share >= 6:
                    ink = "black" if sum(colour) > 1.4 else "white"
                    axes.text(left + share / 2, place, f"{share:.0f}", ha="center", va="center", color=ink)
                left += share
        axes.set_yticks(range(len(batches)), [f"batch {batch:,}" for batch in batches])
        axes.set(xlabel="% of the step", xlim=(0, 100))
        figure.legend(loc="outside lower center", ncols=1 if is_narrow(figure) else 2, fontsize=9)
        sns.despine(ax=axes, left=True)

    return Picture(draw, alt, (6.4, 3.4), narrow=(NARROW, 4.4))
