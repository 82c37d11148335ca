"""Small grey images as short text: sixteen shades, runs of black counted, six bits a character.

The text is URL-safe, so a drawing fits into an address; `widgets/climb_and_cut.js` reads and writes the same.
"""

from __future__ import annotations

import base64
import re

import numpy as np

SHADES = 15  # the brightest
PACKED = re.compile(r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?")


def pack_images(images: np.ndarray) -> str:
    """Shades from 0 to 15 of any shape, flattened, as text; what is black at the end is left out.

    A shade above 0 stands for itself; a 0 is followed by the length of a run of black, at most 15.
    """
    nibbles, run = [], 0
    for shade in np.asarray(images, np.uint8).ravel().tolist():
        if shade:
            while run:
                nibbles += [0, min(run, SHADES)]
                run -= min(run, SHADES)
            nibbles.append(shade)
        else:
            run += 1
    nibbles += [0] * (len(nibbles) % 2)
    pairs = np.array(nibbles, np.uint8).reshape(-1, 2)
    return base64.urlsafe_b64encode((pairs[:, 0] << 4 | pairs[:, 1]).tobytes()).decode().rstrip("=")


def unpack_images(text: str, size: int) -> np.ndarray:
    """The first `size` shades of a text, uint8 `(size,)`, black after its end. ValueError for text that is none.

    >>> unpack_images(pack_images(np.array([0, 0, 7, 15, 0])), 6).tolist()
    [0, 0, 7, 15, 0, 0]
    """
    if not PACKED.fullmatch(text):
        raise ValueError(f"packed images are letters, digits, - and _, got {text[:40]!r}; pass what pack_images gave")
    packed = np.frombuffer(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), np.uint8)
    nibbles = np.stack([packed >> 4, packed & 15], axis=1).ravel().tolist()
    shades, at = np.zeros(size, np.uint8), 0
    steps = iter(nibbles)
    for nibble in steps:
        if at >= size:
            break
        if nibble:
            shades[at] = nibble
            at += 1
        else:
            at += next(steps, 0)
    return shades
