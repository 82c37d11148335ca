"""The figures the book repeats. Each function returns a `Picture`: light and dark, with alt text from the data."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from .backbones import create_backbone
from .counting import count_macs, head_cost
from .datasets import DataSet
from .models import paper_head
from .records import Record
from .stats import mean_interval


@dataclass(frozen=True)
class Theme:
    """Colours of a figure. The three kinds of weights keep their colours throughout the book."""

    text: str
    quiet: str
    back: str
    input: str
    chain: str
    output: str
    arms: tuple[str, ...]


LIGHT = Theme(
    "#1f2328", "#57606a", "#ffffff", "#0072b2", "#d58a00", "#00805c", ("#0072b2", "#c14f00", "#00805c", "#b0568c")
)
DARK = Theme(
    "#e6e6e6", "#a9b1ba", "#14181e", "#6cb8ec", "#f0b23e", "#3cc79a", ("#6cb8ec", "#ff9a57", "#3cc79a", "#e79ac4")
)
MARKERS = "osD^"


class Picture:
    """A figure drawn twice, for the light and the dark page; a notebook shows the light one.

    `draw(figure, theme)` draws it, `alt` says what it shows, `size` is in inches.
    """

    def __init__(self, draw: Callable[[Figure, Theme], None], alt: str, size: tuple[float, float] = (7.0, 3.6)):
        self.draw, self.alt, self.size = draw, alt, size

    def to_png(self, theme: Theme = LIGHT, dpi: int = 144) -> bytes:
        style = {
            **sns.axes_style("ticks"),
            "figure.facecolor": theme.back,
            "axes.facecolor": theme.back,
            **dict.fromkeys(
                ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), theme.text
            ),
            "grid.color": theme.quiet,
            "font.family": "DejaVu Sans",
            "font.size": 10,
        }
        with mpl.rc_context(style):
            figure = Figure(figsize=self.size, dpi=dpi, layout="constrained")
            FigureCanvasAgg(figure)
            self.draw(figure, theme)
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    def to_html(self) -> str:
        """Both images; the page's style sheet shows one, and without it the dark one stays hidden."""
        images = []
        for name, theme, hidden in (("light", LIGHT, ""), ("dark", DARK, " hidden")):
            source = "data:image/png;base64," + base64.b64encode(self.to_png(theme)).decode()
            images.append(
                f'<img class="dark-light spinal-on-{name}"{hidden} alt="{html.escape(self.alt, quote=True)}" src="{source}"/>'
            )
        return f'<div class="spinal-figure">{"".join(images)}</div>'

    def _repr_mimebundle_(self, **kwargs) -> dict:
        return {
            "text/html": self.to_html(),
            "image/png": base64.b64encode(self.to_png()).decode(),
            "text/plain": self.alt,
        }


def draw_touch_to_layers() -> Picture:
    """The analogy in one picture: spinal segments and the layers of a spinal head, side by side."""
    alt = (
        "Two pictures side by side. Left, touch: four patches of skin each send a nerve into their own segment of the spinal cord; "
        "neighbouring segments are linked; every segment has its own way up to the brain. Right, the spinal head: input splits A and B "
        "enter four layers in turn; each layer also reads the layer before; all four layers feed the logits."
    )

    def draw(figure: Figure, theme: Theme) -> None:
        left, right = figure.subplots(1, 2)
        for axes, title in ((left, "Touch"), (right, "Spinal head")):
            axes.set(xlim=(0, 10), ylim=(0, 10), aspect="equal")
            axes.set_axis_off()
            axes.set_title(title, fontsize=12, fontweight="bold", color=theme.text)
        heights = (6.6, 4.8, 3.0, 1.2)
        skin, segment = ("neck", "arm", "trunk", "leg"), ("cervical", "cervical", "thoracic", "lumbar")
        for i, y in enumerate(heights):
            _box(left, theme, 0.2, y, 2.0, 1.0, skin[i], theme.input)
            _box(left, theme, 4.2, y, 2.2, 1.0, segment[i], theme.text)
            _arrow(left, (2.2, y + 0.5), (4.2, y + 0.5), theme.input)
            _way_up(left, (6.4, y + 0.5), 7.4 + 0.45 * i, 8.6, theme.output)
            if i:
                _arrow(left, (5.3, heights[i - 1]), (5.3, y + 1.0), theme.chain, both=True, dashed=True)
        _box(left, theme, 4.2, 8.6, 5.2, 1.1, "brain", theme.output)
        left.text(1.2, 8.0, "dermatomes", ha="center", color=theme.input, fontsize=9)
        left.text(5.3, 0.55, "segments and their local links", ha="center", color=theme.chain, fontsize=9)

        for i, y in enumerate(heights):
            _box(right, theme, 0.2, y, 2.0, 1.0, f"split {'AB'[i % 2]}", theme.input)
            _box(right, theme, 4.2, y, 2.2, 1.0, f"layer {i}", theme.text)
            _arrow(right, (2.2, y + 0.5), (4.2, y + 0.5), theme.input)
            _way_up(right, (6.4, y + 0.5), 7.4 + 0.45 * i, 8.6, theme.output)
            if i:
                _arrow(right, (5.3, heights[i - 1]), (5.3, y + 1.0), theme.chain)
        _box(right, theme, 4.2, 8.6, 5.2, 1.1, "logits", theme.output)
        right.text(1.2, 8.0, "input splits", ha="center", color=theme.input, fontsize=9)
        right.text(5.3, 0.55, "intermediate split: the chain", ha="center", color=theme.chain, fontsize=9)
        right.text(9.2, 5.0, "output split", rotation=90, va="center", color=theme.output, fontsize=9)
        left.text(9.2, 5.0, "ascending tracts", rotation=90, va="center", color=theme.output, fontsize=9)

    return Picture(draw, alt, (8.6, 4.6))


def draw_heads(
    in_features: int, num_classes: int, hidden_size: int, layer_width: int, num_layers: int, num_splits: int = 2
) -> Picture:
    """A dense head and a spinal head as weight matrices, drawn to one scale: the area is the number of weights."""
    dense = head_cost("mlp", in_features, num_classes, hidden_sizes=hidden_size).weights
    spinal = head_cost(
        "spinal", in_features, num_classes, layer_width=layer_width, num_layers=num_layers, num_splits=num_splits
    ).weights
    alt = (
        f"Weight matrices drawn to scale. The dense head: one full block of {in_features} by {hidden_size} and one of {hidden_size} by {num_classes}, "
        f"{dense:,} weights. The spinal head: {num_layers} narrow layers, each a block on one of {num_splits} input splits and a small block on "
        f"the layer before, and a last block for the logits, {spinal:,} weights."
    )

    def draw(figure: Figure, theme: Theme) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        rows = max(hidden_size, num_layers * layer_width) + num_classes
        columns = in_features + max(hidden_size, num_layers * layer_width)
        _block(left, theme, 0, 0, in_features, hidden_size, theme.quiet)
        _block(left, theme, in_features, hidden_size, hidden_size, num_classes, theme.output)
        left.set_title(f"dense head: {dense:,} weights", fontsize=10)
        size, larger = divmod(in_features, num_splits)
        starts = [i * size + min(i, larger) for i in range(num_splits + 1)]
        for i in range(num_layers):
            start, stop = starts[i % num_splits], starts[i % num_splits + 1]
            _block(right, theme, start, i * layer_width, stop - start, layer_width, theme.input)
            if i:
                _block(
                    right,
                    theme,
                    in_features + (i - 1) * layer_width,
                    i * layer_width,
                    layer_width,
                    layer_width,
                    theme.chain,
                )
        _block(right, theme, in_features, num_layers * layer_width, num_layers * layer_width, num_classes, theme.output)
        right.set_title(f"spinal head: {spinal:,} weights", fontsize=10)
        for axes in (left, right):
            axes.axvline(in_features, color=theme.quiet, linewidth=0.8, linestyle=":")
            axes.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xlabel="features | layer outputs")
            sns.despine(ax=axes)
        left.set_ylabel("layer outputs, then logits")

    return Picture(draw, alt, (7.6, 3.9))


def plot_images(data: DataSet, per_class: int = 8) -> Picture:
    """The first training images of each class, a row a class."""
    labels = data.train.labels.numpy()
    rows = [np.flatnonzero(labels == c)[:per_class] for c in range(data.card["num_classes"])]
    alt = f"{per_class} training images of each of the {len(rows)} classes of {data.card['title']}, a row a class."

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        images = data.train.images[:, 0].numpy()
        grid = np.block([[np.pad(images[i], 1, constant_values=60) for i in row] for row in rows])
        axes.imshow(grid, cmap="gray", vmin=0, vmax=255)
        side = images.shape[1] + 2
        axes.set_yticks([side * (c + 0.5) for c in range(len(rows))], range(len(rows)))
        axes.set_xticks([])
        axes.set_ylabel("class")
        sns.despine(ax=axes, left=True, bottom=True)

    return Picture(draw, alt, (5.2, 6.2))


def plot_error_curves(records: Sequence[Record]) -> Picture:
    """Validation error of every run over training: thin lines are seeds, thick lines their mean; logarithmic axis."""
    arms = _arms(records)
    alt = (
        "Validation error over training, one thin line a seed. At the end: "
        + "; ".join(_sentence(name, runs) for name, runs in arms.items())
        + "."
    )

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for i, (name, runs) in enumerate(arms.items()):
            colour = theme.arms[i % len(theme.arms)]
            curves = np.array([[point["val_error"] for point in r.curve] for r in runs]) * 100
            epochs = [point["epoch"] for point in runs[0].curve]
            axes.plot(epochs, curves.T, color=colour, alpha=0.5, linewidth=1)
            axes.plot(
                epochs,
                curves.mean(0),
                color=colour,
                linewidth=2.4,
                marker=MARKERS[i % len(MARKERS)],
                label=f"{name} ({len(runs)} seeds)",
            )
        axes.set(yscale="log", xlabel="epoch", ylabel="validation error, %")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(
            lambda value, _: f"{value:g}" if round(value / 10 ** np.floor(np.log10(value))) in (2, 5) else ""
        )
        axes.legend(frameon=False, labelcolor=theme.text)
        sns.despine(ax=axes)

    return Picture(draw, alt)


def plot_last_errors(records: Sequence[Record]) -> Picture:
    """Validation error after the last step: every seed a point, the mean with its 95 % t interval beside it."""
    arms = _arms(records)
    alt = "Validation error after the last step, every seed a point, with the mean and its 95 % interval: "
    alt += "; ".join(_sentence(name, runs) for name, runs in arms.items()) + "."

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for i, runs in enumerate(arms.values()):
            colour = theme.arms[i % len(theme.arms)]
            errors = [100 * r.curve[-1]["val_error"] for r in runs]
            mean, low, high = mean_interval(errors)
            sns.stripplot(
                x=errors,
                y=[i] * len(errors),
                orient="h",
                ax=axes,
                color=colour,
                alpha=0.6,
                size=6,
                jitter=0.12,
                native_scale=True,
            )
            if len(errors) > 1:
                axes.errorbar(
                    mean,
                    i + 0.3,
                    xerr=[[mean - low], [high - mean]],
                    fmt=MARKERS[i % len(MARKERS)],
                    color=colour,
                    capsize=4,
                )
        axes.set_yticks(range(len(arms)), arms)
        axes.set_ylim(len(arms) - 0.3, -0.5)
        axes.set(xlabel="validation error, %", ylabel="")
        sns.despine(ax=axes)

    return Picture(draw, alt, (7.0, 0.8 * len(arms) + 0.9))


def plot_macs(num_classes: int = 10, backbones: Sequence[str] = ("two_conv", "vgg5")) -> Picture:
    """Multiply-adds of the paper's networks: body, dense head and spinal head, on one logarithmic axis."""
    counts = {}
    for name in backbones:
        body = create_backbone(name)
        heads = {
            head: head_cost(head, body.num_features, num_classes, **paper_head(name, head)).macs
            for head in ("mlp", "spinal")
        }
        counts[name] = {"body": count_macs(body, (1, body.image_size, body.image_size)), **heads}
    alt = "Multiply-adds for one image. " + " ".join(
        f"{name}: body {c['body']:,}, dense head {c['mlp']:,}, spinal head {c['spinal']:,}."
        for name, c in counts.items()
    )

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        labels = [f"{name}: {part}" for name in counts for part in ("body", "dense head", "spinal head")]
        values = [n for c in counts.values() for n in c.values()]
        bars = axes.barh(labels, values, color=[theme.quiet, theme.arms[1], theme.arms[0]] * len(counts), height=0.65)
        axes.bar_label(bars, [f" {n:,}" for n in values], color=theme.text)
        axes.set(xscale="log", xlabel="multiply-adds for one image (logarithmic)", xlim=(1e3, 2e9))
        axes.invert_yaxis()
        sns.despine(ax=axes)

    return Picture(draw, alt, (7.0, 3.0))


def _arms(records: Sequence[Record]) -> dict[str, list[Record]]:
    if not records:
        raise ValueError("no records to draw; train first, or load some with load_records")
    arms: dict[str, list[Record]] = {}
    for r in records:
        arms.setdefault(r.arm, []).append(r)
    return arms


def _sentence(name: str, runs: Sequence[Record]) -> str:
    mean, low, high = mean_interval([r.curve[-1]["val_error"] for r in runs])
    return f"{name} {mean:.1%}" + (f" ({low:.1%} to {high:.1%}, {len(runs)} seeds)" if len(runs) > 1 else " (one seed)")


def _block(axes: Axes, theme: Theme, column: float, row: float, columns: float, rows: float, colour: str) -> None:
    axes.add_patch(Rectangle((column, row), columns, rows, facecolor=colour, edgecolor=theme.back, linewidth=0.8))


def _box(axes: Axes, theme: Theme, x: float, y: float, width: float, height: float, label: str, colour: str) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.2",
            facecolor=theme.back,
            edgecolor=colour,
            linewidth=1.6,
        )
    )
    axes.text(x + width / 2, y + height / 2, label, ha="center", va="center", color=theme.text, fontsize=9)


def _arrow(axes: Axes, start, end, colour: str, both: bool = False, dashed: bool = False) -> None:
    style = "<|-|>" if both else "-|>"
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle=style,
            mutation_scale=10,
            color=colour,
            linewidth=1.6,
            linestyle="--" if dashed else "-",
            shrinkA=0,
            shrinkB=0,
        )
    )


def _way_up(axes: Axes, start: tuple[float, float], x: float, top: float, colour: str) -> None:
    """Right from `start`, then up to `top`."""
    axes.plot([start[0], x], [start[1]] * 2, color=colour, linewidth=1.6, solid_capstyle="round")
    _arrow(axes, (x, start[1]), (x, top), colour)
