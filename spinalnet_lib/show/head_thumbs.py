"""All heads as one matrix: a thumbnail of each, and in words what its blocks have more and less than the spine's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ..checks import needs
from .head_blocks import head_blocks
from .head_presets import HEADS, KINDS, SMALL, SWITCHES, TWISTS
from .palette import Theme
from .picture import NARROW, Picture, is_narrow

if TYPE_CHECKING:
    from pandas import DataFrame


def heads_table() -> DataFrame:
    """A row for each head: which kinds of blocks it has and the spine has not, which it lacks, and how else it departs."""
    with needs("book"):
        import pandas as pd

    rows = [(name, *_difference(name)) for name in HEADS]
    return pd.DataFrame(rows, columns=["head", "more than the spine", "less than the spine", "otherwise"])


def plot_heads() -> Picture:
    """Every registered head at small sizes: pale what the spine has, too, dashed what it has in addition."""
    small = {"hidden_size": SMALL["hidden_size"]}
    matrices = {name: head_blocks({**SMALL, **preset, **small}) for name, preset in HEADS.items()}
    spine = matrices["spinal"]
    said = "; ".join(f"{name}: {_in_words(*_difference(name))}" for name in HEADS if name != "spinal")
    alt = (
        f"{len(HEADS)} heads are one matrix with other blocks switched on. The spine: each layer reads its split and the layer before, "
        f"all layers feed the logits. Against it, {said}."
    )

    def draw(figure: Figure, theme: Theme) -> None:
        across = 2 if is_narrow(figure) else 4
        grid = figure.subplots(-(-len(HEADS) // across), across).flatten()
        for axes in grid:
            axes.set_axis_off()
        for axes, (name, matrix) in zip(grid, matrices.items(), strict=False):
            _draw_thumbnail(axes, theme, matrix, None if matrix is spine else spine)
            axes.set_title(name, fontsize=9, color=theme.text)
        keys = [Patch(color=getattr(theme, kind), label=words) for kind, words in KINDS.items()]
        keys.append(Patch(facecolor="none", edgecolor=theme.quiet, linestyle=":", label="the spine's, off"))
        figure.legend(handles=keys, loc="outside lower center", ncols=across, fontsize=9, labelcolor=theme.text)

    return Picture(draw, alt, (7.2, 6.6), narrow=(NARROW, 11.5))


def _draw_thumbnail(axes: Axes, theme: Theme, matrix: dict, spine: dict | None) -> None:
    rows, columns = matrix["top"] + SMALL["num_classes"], SMALL["in_features"] + matrix["top"]
    same_frame = spine is not None and spine["top"] == matrix["top"]
    known = {_place(block) for block in spine["blocks"]} if same_frame else set()
    axes.add_patch(Rectangle((0, 0), columns, rows, fill=False, edgecolor=theme.quiet, linewidth=0.8))
    for block in matrix["blocks"]:
        kind, _, row, height, column, width, weights, *_ = block
        look = {"facecolor": getattr(theme, kind), "edgecolor": theme.back, "linewidth": 0.6}
        share = 1 if not weights else weights / (height * width)
        alpha = 0.4 if _place(block) in known else 0.25 + 0.75 * share
        axes.add_patch(Rectangle((column, row), width, height, alpha=alpha, **look))
        if not weights:  # another layer's weights
            axes.add_patch(Rectangle((column, row), width, height, fill=False, hatch="////", edgecolor=theme.back))
    if same_frame:
        for row, height, column, width, _ in known - {_place(block) for block in matrix["blocks"]}:
            look = {"fill": False, "edgecolor": theme.quiet, "linestyle": ":", "linewidth": 1.2}
            axes.add_patch(Rectangle((column, row), width, height, **look))
    axes.set(xlim=(-0.5, columns + 0.5), ylim=(rows + 0.5, -0.5))


def _place(block: list) -> tuple:
    return tuple(block[2:7])


def _difference(name: str) -> tuple[str, str, str]:
    own, spine = set(HEADS[name]["blocks"]), set(HEADS["spinal"]["blocks"])
    twist = "" if HEADS[name]["twist"] == "none" else TWISTS[HEADS[name]["twist"]]
    if name == "linear":
        return "features → logits", "all layers", ""
    if name == "mlp":
        twist = "one layer"
    more, less = (", ".join(SWITCHES[n] for n in sorted(some)) for some in (own - spine, spine - own))
    return more, less, twist


def _in_words(more: str, less: str, twist: str) -> str:
    parts = [f"more: {more}" if more else "", f"less: {less}" if less else "", twist]
    return ", ".join(part for part in parts if part) or "the same"
