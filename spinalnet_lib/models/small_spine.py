"""A small trained spine that reads pixels, its weights in int8: climbed level by level, and cut on purpose.

The lowest band of the image enters at the lowest level, as the skin of the foot enters at the end of the cord.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import numpy as np
import torch

from ..checks import check_name
from ..data.packed_images import SHADES, unpack_images
from ..heads.spinal import SpinalHead, split_sizes
from ..paths import data_path

ALPHABETS = ("digits", "letters", "kuzushiji")
PARTS = ("root", "cord", "way", "both")
STEPS = 127  # of int8, either way


@dataclass(frozen=True)
class SmallSpine:
    """Weights, stored images and card of a spine of square images of `side` pixels.

    `layers` are pairs of a matrix, columns of the band first and then those of the layer below, and a bias; `votes` is the
    classifier's matrix, `start` its bias. `images` are shades from 0 to 15, uint8 `(N, side, side)`, held out from training.
    """

    classes: list[str]
    side: int
    layers: list[tuple[np.ndarray, np.ndarray]]
    votes: np.ndarray
    start: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    card: dict

    @property
    def width(self) -> int:
        return len(self.layers[0][1])

    @property
    def cuts(self) -> list[str]:
        """What can be cut, from below: "root-1", "cord-1" (from level 1 to 2), "way-1", "both-1" (cord and way) and so on."""
        levels = range(1, len(self.layers) + 1)
        return [f"{part}-{k}" for part in PARTS for k in levels if part in ("root", "way") or k < len(self.layers)]

    def climb(self, images: np.ndarray, cut: str = "none") -> np.ndarray:
        """Votes for the classes after each level, from shades `(N, side, side)`: `(N, levels + 1, classes)`.

        The first row is what stands there before any level has spoken, the last one the logits; each is centred over the
        classes, since an equal vote for all of them decides nothing. A cut takes what would have come that way to zero.
        """
        if cut != "none":
            check_name("cut", cut, self.cuts)
        x = images[:, ::-1].reshape(len(images), -1) / SHADES
        sizes = split_sizes(x.shape[1], len(self.layers))
        bands = np.split(x, np.cumsum(sizes)[:-1], axis=1)
        below = np.zeros((len(x), 0))
        sums = [np.tile(self.start, (len(x), 1))]
        for k, (band, (matrix, bias)) in enumerate(zip(bands, self.layers, strict=True), 1):
            seen = band * (cut != f"root-{k}")
            felt = below * (cut not in (f"cord-{k - 1}", f"both-{k - 1}"))
            below = np.maximum(np.concatenate([seen, felt], axis=1) @ matrix.T + bias, 0)
            own = self.votes[:, (k - 1) * self.width : k * self.width]
            sums.append(sums[-1] + below @ own.T * (cut not in (f"way-{k}", f"both-{k}")))
        running = np.stack(sums, axis=1)
        return running - running.mean(axis=2, keepdims=True)

    def right(self, cut: str = "none") -> int:
        """How many of the stored images are read right."""
        return int((self.climb(self.images, cut)[:, -1].argmax(axis=1) == self.labels).sum())

    def as_head(self) -> SpinalHead:
        """The same weights as the library's head, float32; it reads shades / 15, rows from below, flattened."""
        levels = len(self.layers)
        head = SpinalHead(self.side**2, len(self.classes), self.width, num_layers=levels, num_splits=levels)
        linears = [*(layer.linear for layer in head.layers), head.classifier]
        for linear, (matrix, bias) in zip(linears, [*self.layers, (self.votes, self.start)], strict=True):
            linear.weight.data = torch.tensor(matrix, dtype=torch.float32)
            linear.bias.data = torch.tensor(bias, dtype=torch.float32)
        return head.eval()


def decided_at(running: np.ndarray) -> np.ndarray:
    """The first level from which on the leading class is the last one: `(N, levels + 1, classes)` to `(N,)`, from 1."""
    leaders = running[:, 1:].argmax(axis=2)
    other = leaders != leaders[:, -1:]
    return np.where(other.any(axis=1), other.shape[1] - other[:, ::-1].argmax(axis=1), 0) + 1


def load_spine(alphabet: str) -> SmallSpine:
    """The shipped spine of "digits", "letters" or "kuzushiji". ValueError for another name."""
    return unpack_spine(read_spine(alphabet))


def read_spine(alphabet: str) -> dict:
    """The shipped file as it is: what a page loads, too."""
    return json.loads(data_path("weights", f"{check_name('alphabet', alphabet, ALPHABETS)}.json").read_bytes())


def pack_matrices(matrices: list[np.ndarray]) -> dict:
    """Matrices as whole numbers from -127 to 127, each with the value of one step."""
    scales = [float(f"{abs(matrix).max() / STEPS:.6g}") for matrix in matrices]
    steps = [np.rint(m / s).clip(-STEPS, STEPS).astype(np.int8) for m, s in zip(matrices, scales, strict=True)]
    return {"scales": scales, "int8": base64.urlsafe_b64encode(b"".join(s.tobytes() for s in steps)).decode()}


def unpack_spine(content: dict) -> SmallSpine:
    """The spine of a file's content, its weights as float64."""
    side, levels, width = content["side"], content["levels"], content["width"]
    shapes = [(width, size + width * (k > 0)) for k, size in enumerate(split_sizes(side**2, levels))]
    shapes.append((len(content["classes"]), levels * width))
    steps = np.frombuffer(base64.urlsafe_b64decode(content["int8"]), np.int8).astype(float)
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    matrices = [
        part.reshape(shape) * scale
        for part, shape, scale in zip(np.split(steps, ends[:-1]), shapes, content["scales"], strict=True)
    ]
    biases = [np.array(bias) for bias in content["biases"]]
    labels = np.array(content["labels"])
    images = unpack_images(content["images"], len(labels) * side**2).reshape(-1, side, side)
    pairs = list(zip(matrices, biases, strict=True))
    return SmallSpine(content["classes"], side, pairs[:-1], *pairs[-1], images, labels, content["card"])
