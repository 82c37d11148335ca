"""Pictures side by side, each with the class that a model gives it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor

from ..data.photos import decode_photos
from .palette import Theme
from .picture import NARROW, Picture, is_narrow

_COLUMNS, _SIDE = 6, 128
_MOST = 120  # pictures on a sheet


def draw_contact_sheet(paths: Sequence[Path], classes: Sequence[str], probabilities: Tensor) -> Picture:
    """The first 120 pictures with class and probability above; `probabilities` are `(N, num_classes)`."""
    paths, likely = paths[:_MOST], probabilities.amax(1).tolist()
    images = decode_photos(paths, _SIDE)
    named = "; ".join(f"{path.name} is {name}" for path, name in zip(paths, classes, strict=False))

    def draw(figure: Figure, theme: Theme) -> None:
        columns = _COLUMNS // 2 if is_narrow(figure) else _COLUMNS
        grid = figure.subplots(-(-len(paths) // columns), columns, squeeze=False).ravel()
        for axes in grid:
            axes.set_axis_off()
        for axes, image, name, share in zip(grid, images, classes, likely, strict=False):
            axes.imshow(image.permute(1, 2, 0))
            axes.set_title(f"{name}\n{share:.0%}", fontsize=10)

    alt = f"{len(paths)} pictures with the class that a model gives them: {named}."
    wide, narrow = (1.7 * -(-len(paths) // columns) for columns in (_COLUMNS, _COLUMNS // 2))
    return Picture(draw, alt, (8.0, wide), narrow=(NARROW, narrow))
