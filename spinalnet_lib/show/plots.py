"""The figures that the book repeats: images, shared images, error curves; alt text from the data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from ..data.splits import DataSet
from ..records.record import Record
from ..study.tuning import drop_rate
from .palette import MARKERS, Theme
from .picture import NARROW, Picture, is_narrow, label_log_axis
from .run_groups import may_be_drawn


def plot_images(data: DataSet, per_class: int = 8, most_classes: int = 12, note: str = "") -> Picture:
    """The first training images of each class, a row a class; of many classes, some spread evenly over the list.

    `note` goes into the alt text: what a reader who cannot see the images should know about them.
    """
    labels, known = data.train.labels.numpy(), data.card["num_classes"]
    classes = np.unique(np.linspace(0, known - 1, min(known, most_classes)).round().astype(int))
    names = data.card.get("classes") or [str(c) for c in range(known)]
    rows = [np.flatnonzero(labels == c)[:per_class] for c in classes]
    count = max(map(len, rows))
    which = f"each of the {known} classes" if len(classes) == known else f"{len(classes)} of the {known} classes"
    alt = f"{count} training images of {which} of {data.card['title']}, a row a class: "
    alt += ", ".join(names[c] for c in classes) + "." + (f" {note}" if note else "")

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        side = data.train.images.shape[-1]
        grid = np.full((len(rows) * (side + 2), count * (side + 2), 3), 60, np.uint8)
        for i, row in enumerate(rows):
            for j, image in enumerate(data.train.images[row].numpy()):
                top, left = i * (side + 2) + 1, j * (side + 2) + 1
                grid[top : top + side, left : left + side] = image.transpose(1, 2, 0)  # grey fills all three
        axes.imshow(grid)
        axes.set_yticks([(side + 2) * (i + 0.5) for i in range(len(rows))], [names[c] for c in classes])
        axes.set_xticks([])
        sns.despine(ax=axes, left=True, bottom=True)

    return Picture(draw, alt, (5.2, 0.2 + 0.6 * len(rows)), "webp")


def plot_shared_images(facts: dict[str, dict]) -> Picture:
    """Share of each set's test images that another set holds in its training part, of the sets that share any."""
    names = [name for name, found in facts.items() if found["shares_images_with"]]
    shared = [[facts[name]["shares_images_with"].get(other, {}) for other in names] for name in names]
    counts = np.array([[of.get("test_in_train", 0) for of in row] for row in shared])
    shares = 100 * counts / np.array([[facts[name]["test"]] for name in names])
    labels = [
        ["" if not share > 0 else f"{share:.2g}" if share < 10 else f"{share:.0f}" for share in row] for row in shares
    ]
    found = [(shares[i, j], f"{labels[i][j]} % of {names[i]}'s in {names[j]}'s") for i, j in np.argwhere(shares > 0)]
    alt = "Test images of one set that are training images of another: " + "; ".join(
        text for _, text in sorted(found, reverse=True)
    )

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        colours = sns.blend_palette([theme.back, theme.quiet], as_cmap=True)
        look = {"vmin": 0, "vmax": 100, "cbar": False, "linewidths": 1, "linecolor": theme.quiet}
        sns.heatmap(shares, annot=labels, fmt="", cmap=colours, ax=axes, **look)
        numbered = [f"{i}  {name}" for i, name in enumerate(names, 1)]
        axes.set_xticklabels(range(1, len(names) + 1))
        axes.set_yticklabels(numbered, rotation=0)
        axes.set(xlabel="", ylabel="")
        figure.suptitle("% of the test images of …", x=0.01, ha="left", fontsize=10)
        figure.supxlabel("are in the training images of", x=0.99, ha="right", fontsize=10)

    return Picture(draw, f"{alt}.", (6.6, 4.2), narrow=(NARROW, 2.7))


def draw_curves(arms: dict[str, Sequence[Record]], alt: str, over: str = "step") -> Picture:
    """Every run of each named arm thin, their mean thick, over the "step" or the "epoch"; all with one loss.

    A logarithm has no place for zeros: they are left out, and so are runs of a cell of the study that is not complete.
    """
    drawn = {run.key for run in may_be_drawn([run for runs in arms.values() for run in runs])}
    arms = {arm: left for arm, runs in arms.items() if (left := [run for run in runs if run.key in drawn])}
    loss = next(iter(arms.values()))[0].loss
    name, scale, unit = ("val_mse", 1, "validation MSE") if loss == "mse" else ("val_error", 100, "validation error, %")

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for i, (arm, runs) in enumerate(arms.items()):
            colour, values = theme.of_head(runs[0].head), {}
            for run in runs:
                points = {point[over]: scale * point[name] for point in run.curve if point.get(name)}
                axes.plot(list(points), list(points.values()), color=colour, alpha=0.3, linewidth=0.9)
                for place, value in points.items():
                    values.setdefault(place, []).append(value)
            means = {place: np.mean(found) for place, found in sorted(values.items()) if len(found) == len(runs)}
            style = ("--" if drop_rate(runs[0]) else "-") + MARKERS[i % len(MARKERS)]
            look = {"color": colour, "linewidth": 2.4, "markevery": max(1, len(means) // 25), "label": arm}
            axes.plot(list(means), list(means.values()), style, **look)
        axes.set(yscale="log", xlabel=over, ylabel=f"{unit} (logarithmic)")
        label_log_axis(axes.yaxis)
        figure.legend(
            loc="outside lower center", ncols=1 if is_narrow(figure) else 2, labelcolor=theme.text, fontsize=9
        )

    return Picture(draw, alt, (7.0, 3.6 + 0.2 * math.ceil(len(arms) / 2)))
