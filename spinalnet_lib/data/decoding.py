"""An image file to the pixels that a model sees: upright, its middle square, resized."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..checks import needs

if TYPE_CHECKING:
    from PIL import Image

SMALLEST_SIDE = 8  # pixels; below, there is nothing to see
_UNKNOWN = "whose range is not known"
_NOT_PHOTOGRAPHS = {"CMYK": "whose colours would be guessed", "I": _UNKNOWN, "F": _UNKNOWN}


def decode(path: Path, size: int) -> np.ndarray:
    """The middle square of an image, upright, `(3, size, size)` uint8."""
    with needs("data"):
        from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            mode, (width, height) = image.mode, image.size
            why_not = _NOT_PHOTOGRAPHS.get(mode.partition(";")[0])
            usable = not why_not and min(width, height) >= SMALLEST_SIDE
            upright = usable and _opaque(ImageOps.exif_transpose(image))
            square = usable and ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)
    except Exception as error:  # Pillow raises a dozen kinds for damaged files
        raise ValueError(
            f"{path} cannot be read as an image ({error}); replace it, convert it to JPEG or PNG, or delete it"
        ) from error
    if why_not:
        raise ValueError(f"{path} is a {mode} image, {why_not}; convert it to 8-bit RGB or delete it")
    if not usable:
        least = f"at least {SMALLEST_SIDE} a side are needed"
        raise ValueError(f"{path} is {width}×{height} pixels, {least}; replace it or delete it")
    return np.asarray(square).transpose(2, 0, 1)


def _opaque(image: Image.Image) -> Image.Image:
    """RGB; what is transparent shows white, not the colours hidden behind it."""
    with needs("data"):
        from PIL import Image

    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
