"""Random warps of a whole batch at once, each image with its own draw: perspective, rotation, crops and flips.

torchvision draws once for a batch; its way to warp every image by itself is one call an image. Here a warp is a
homography an image, which maps output pixels to input pixels, and a batch is sampled in one call, on CPU or GPU.
The parts equal `torchvision.transforms.functional` on float images; draws follow its distributions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_flag, check_int, check_number, check_rate

_CACHED_PIXELS = 2**17  # on a CPU a batch is warped by so many pixels at a time, which stay in its cache


class Warps(NamedTuple):
    """What was drawn for a batch of N images; None for what the recipe leaves out."""

    corners: Tensor | None = None  # (N, 4, 2): x and y where top-left, top-right, bottom-right, bottom-left go
    degrees: Tensor | None = None  # (N,), counter-clockwise
    boxes: Tensor | None = None  # (N, 4): top, left, height, width of the crop that fills the image
    shifts: Tensor | None = None  # (N, 2): rows and columns that the image moves down and to the right
    flips: Tensor | None = None  # (N,) bool, left to right


@dataclass(frozen=True)
class Augmentation:
    """A recipe of warps, in this order: perspective, rotation, resized crop, padded crop, flip. The defaults do nothing.

    `perspective` is torchvision's distortion scale, applied to a share `perspective_rate` of the images; `degrees`
    turns by up to as much either way; `crop_scale` is the range of areas of a resized crop, with aspect ratios from
    3/4 to 4/3; `padding` moves by up to as many pixels; `flip` mirrors half of the images. What comes into view is
    black. `separate_passes=True` is the paper's way: every warp resamples, the rotation by nearest neighbour; False
    composes the warps and samples once, bilinearly, which is sharper and faster.

    >>> images = torch.zeros(8, 1, 28, 28, dtype=torch.uint8)
    >>> Augmentation(perspective=0.5, degrees=10)(images, torch.Generator().manual_seed(0)).shape
    torch.Size([8, 1, 28, 28])
    """

    perspective: float = 0.0
    perspective_rate: float = 0.5
    degrees: float = 0.0
    crop_scale: tuple[float, float] | None = None
    padding: int = 0
    flip: bool = False
    separate_passes: bool = False

    def __post_init__(self):
        owner = "Augmentation"
        check_rate(owner, "perspective", self.perspective, "the paper's is 0.5, 0 leaves it out")
        share = check_number(owner, "perspective_rate", self.perspective_rate, "the paper's is 0.5")
        if not 0 <= share <= 1:
            raise ValueError(f"{owner}: perspective_rate must be from 0 to 1, got {share:g}; the paper's is 0.5")
        if check_number(owner, "degrees", self.degrees, "the paper's is 10") < 0:
            raise ValueError(f"{owner}: degrees must be at least 0, got {self.degrees:g}; it turns either way")
        if self.crop_scale is not None:
            if not isinstance(self.crop_scale, (tuple, list)) or len(self.crop_scale) != 2:
                raise TypeError(
                    f"{owner}: crop_scale is two shares of the area, got {self.crop_scale!r}; try (0.95, 1)"
                )
            low, high = (check_number(owner, "crop_scale", share, "try (0.95, 1)") for share in self.crop_scale)
            if not 0 < low <= high <= 1:
                raise ValueError(f"{owner}: crop_scale must rise within 0 to 1, got ({low:g}, {high:g}); try (0.95, 1)")
            object.__setattr__(self, "crop_scale", (low, high))  # JSON gives a list
        check_int(owner, "padding", self.padding, minimum=0)
        check_flag(owner, "flip", self.flip)
        check_flag(owner, "separate_passes", self.separate_passes)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images `(N, C, H, W)`, uint8 or floats in [0, 1], to warped floats in [0, 1], before any normalising.

        `generator` must be on the images' device. Raises TypeError or ValueError for anything else.
        """
        check_images(images)
        if not isinstance(generator, torch.Generator):
            raise TypeError(f"Augmentation draws from a torch.Generator on the images' device, got {generator!r}")
        if generator.device.type != images.device.type:
            raise ValueError(
                f"Augmentation: the images are on {images.device}, the generator on {generator.device}; make one there with "
                f"torch.Generator({images.device.type!r})"
            )
        return self.apply(images, self.draw(len(images), *images.shape[2:], generator))

    def draw(self, n: int, height: int, width: int, generator: torch.Generator) -> Warps:
        """Draw for `n` images; a warp that is left out draws nothing."""
        return Warps(
            draw_corners(n, height, width, self.perspective, self.perspective_rate, generator)
            if self.perspective
            else None,
            _uniform(n, -self.degrees, self.degrees, generator) if self.degrees else None,
            draw_boxes(n, height, width, self.crop_scale, generator) if self.crop_scale else None,
            torch.randint(-self.padding, self.padding + 1, (n, 2), generator=generator, device=generator.device)
            if self.padding
            else None,
            _uniform(n, 0, 1, generator) < 0.5 if self.flip else None,
        )

    def apply(self, images: Tensor, warps: Warps) -> Tensor:
        """The same warps on the same images give the same result on every device, but for rounding."""
        some = max(1, _CACHED_PIXELS // images.shape[2:].numel()) if images.is_cpu else len(images)
        if len(images) <= some:
            return self._apply(images, warps)
        slices = [slice(start, start + some) for start in range(0, len(images), some)]
        return torch.cat(
            [self._apply(images[i], Warps(*(part if part is None else part[i] for part in warps))) for i in slices]
        )

    def _apply(self, images: Tensor, warps: Warps) -> Tensor:
        images = images.float() / 255 if images.dtype == torch.uint8 else images
        size, passes = images.shape[2:], []  # of each pass: homographies, mode, and the boxes that it must not leave
        if warps.corners is not None:
            passes.append((perspective_maps(warps.corners, *size), "bilinear", None))
        if warps.degrees is not None:
            passes.append((rotation_maps(warps.degrees, *size), "nearest", None))
        if warps.boxes is not None:
            passes.append((crop_maps(warps.boxes, *size), "bilinear", warps.boxes))
        if len(passes) > 1 and not self.separate_passes:
            # Output to input: the last warp of an image is the first to be undone.
            composed = passes[0][0]
            for maps, _, _ in passes[1:]:
                composed = composed @ maps
            passes = [(composed, "bilinear", None)]
        for maps, mode, boxes in passes:
            images = warp(images, maps, mode if self.separate_passes else "bilinear", boxes)
        images = images if warps.shifts is None else shift(images, warps.shifts)
        return images if warps.flips is None else torch.where(warps.flips.view(-1, 1, 1, 1), images.flip(3), images)


def warp(images: Tensor, maps: Tensor, mode: str = "bilinear", boxes: Tensor | None = None) -> Tensor:
    """Sample float images `(N, C, H, W)` by homographies `(N, 3, 3)` from output to input, black outside.

    Coordinates are in pixels, the centre of the first at (0.5, 0.5). With `boxes` (top, left, height, width) nothing
    outside of the box is seen: its edge is repeated.
    """
    n, _, height, width = images.shape
    # From pixels to the coordinates of grid_sample, from -1 to 1: folded into the homographies.
    scale = torch.tensor([2 / width, 2 / height, 1], dtype=maps.dtype, device=maps.device)
    offset = torch.tensor([1.0, 1.0, 0.0], dtype=maps.dtype, device=maps.device)
    maps = maps * scale[:, None]
    maps = maps - offset[:, None] * maps[:, 2:]
    # A factor is not seen: a last entry of 1 rounds as torchvision does, if it is not 0.
    last = maps[:, 2:, 2:]
    maps = maps / last.where(last.abs() > 1e-9, maps.abs().amax((1, 2), keepdim=True))
    maps = maps.to(torch.float32)  # never less: coordinates need their digits
    x = torch.arange(0.5, width, device=images.device)
    y = torch.arange(0.5, height, device=images.device)
    # Numerators and denominator are planes: a row's share and a column's, added.
    of_rows = (maps[:, :, 1:2] * y + maps[:, :, 2:])[:, :, :, None]
    planes = of_rows + (maps[:, :, :1] * x)[:, :, None, :]
    # On the horizon of a perspective there is nothing to divide by; very far away is outside of the image, too.
    grid = planes[:, :2] / planes[:, 2:].where(planes[:, 2:].abs() > 1e-6, 1e-6)
    if boxes is not None:
        top, left, box_height, box_width = boxes.to(torch.float32).view(n, 1, 1, 4).unbind(3)
        grid[:, 0].clamp_((2 * left + 1) / width - 1, (2 * (left + box_width) - 1) / width - 1)
        grid[:, 1].clamp_((2 * top + 1) / height - 1, (2 * (top + box_height) - 1) / height - 1)
    grid = grid.permute(0, 2, 3, 1)  # grid_sample reads planes as fast as pairs
    # Half precision has too few digits for coordinates, and grid_sample wants one dtype for both.
    dtype = torch.promote_types(images.dtype, torch.float32)
    return F.grid_sample(images.to(dtype), grid.to(dtype), mode, "zeros", align_corners=False).to(images.dtype)


def perspective_maps(corners: Tensor, height: int, width: int) -> Tensor:
    """Homographies `(N, 3, 3)` that put the image's corners at `corners` `(N, 4, 2)`, as `F.perspective` does."""
    x0, x1, x2, x3 = corners[:, :, 0].double().unbind(1)
    y0, y1, y2, y3 = corners[:, :, 1].double().unbind(1)
    # The unit square to the quadrilateral in closed form (Heckbert, Fundamentals of Texture Mapping, 1989): a solver
    # would look at the result on the host.
    sum_x, sum_y = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    dx1, dx2, dy1, dy2 = x1 - x2, x3 - x2, y1 - y2, y3 - y2
    determinant = dx1 * dy2 - dx2 * dy1
    # Three corners in a line would leave no picture: such an image stays as it is.
    edges = corners.double().roll(-1, 1) - corners.double()
    turns = edges[:, :, 0] * edges.roll(-1, 1)[:, :, 1] - edges[:, :, 1] * edges.roll(-1, 1)[:, :, 0]
    flat = (turns.abs() < 0.5).any(1)
    determinant = determinant.where(~flat, 1.0)
    g, h = (sum_x * dy2 - dx2 * sum_y) / determinant, (dx1 * sum_y - sum_x * dy1) / determinant
    first = torch.stack((x1 - x0 + g * x1, y1 - y0 + g * y1, g), 1)
    second = torch.stack((x3 - x0 + h * x3, y3 - y0 + h * y3, h), 1)
    third = torch.stack((x0, y0, torch.ones_like(x0)), 1)
    # Its inverse, but for a factor, which a homography does not see; then the unit square to the image's corners.
    inverse = torch.stack((second.cross(third, 1), third.cross(first, 1), first.cross(second, 1)), 1)
    maps = inverse * torch.tensor([[width - 1.0], [height - 1.0], [1.0]], dtype=torch.float64, device=corners.device)
    return torch.eye(3, dtype=torch.float64, device=corners.device).where(flat.view(-1, 1, 1), maps)


def rotation_maps(degrees: Tensor, height: int, width: int) -> Tensor:
    """Homographies `(N, 3, 3)` that turn about the centre, counter-clockwise as displayed, as `F.rotate` does."""
    angle = degrees.double() * (math.pi / 180)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    x, y = width / 2, height / 2
    rows = (cos, -sin, x - cos * x + sin * y), (sin, cos, y - sin * x - cos * y), (zero, zero, zero + 1)
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def crop_maps(boxes: Tensor, height: int, width: int) -> Tensor:
    """Homographies `(N, 3, 3)` that fill the image with `boxes` (top, left, height, width), as `F.resized_crop` does."""
    top, left, box_height, box_width = boxes.double().unbind(1)
    zero = torch.zeros_like(top)
    rows = (box_width / width, zero, left), (zero, box_height / height, top), (zero, zero, zero + 1)
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def shift(images: Tensor, shifts: Tensor) -> Tensor:
    """Move every image by whole pixels `(N, 2)`, down and to the right; what comes into view is black."""
    n, channels, height, width = images.shape
    rows = torch.arange(height, device=images.device) - shifts[:, :1]
    columns = torch.arange(width, device=images.device) - shifts[:, 1:]
    moved = images.gather(2, rows.clamp(0, height - 1)[:, None, :, None].expand(n, channels, height, width))
    moved = moved.gather(3, columns.clamp(0, width - 1)[:, None, None, :].expand(n, channels, height, width))
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    return moved * inside[:, None]


def draw_corners(n: int, height: int, width: int, distortion: float, rate: float, generator: torch.Generator) -> Tensor:
    """Where corners go, `(N, 4, 2)` in whole pixels, as RandomPerspective draws them; a share `1 - rate` stays put."""
    reach = torch.tensor([int(distortion * (width // 2)), int(distortion * (height // 2))], device=generator.device)
    inwards = (_uniform((n, 4, 2), 0, 1, generator) * (reach + 1)).floor().minimum(reach)
    inwards = inwards * (_uniform((n, 1, 1), 0, 1, generator) < rate)
    far = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]], device=generator.device)
    last = torch.tensor([width - 1, height - 1], device=generator.device)
    return far * (last - inwards) + (1 - far) * inwards


def draw_boxes(n: int, height: int, width: int, scale: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Crops `(N, 4)`: top, left, height, width, as RandomResizedCrop draws them: the first of ten that fits."""
    area = height * width * _uniform((n, 10), *scale, generator)
    ratio = _uniform((n, 10), math.log(3 / 4), math.log(4 / 3), generator).exp()
    widths, heights = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (widths > 0) & (widths <= width) & (heights > 0) & (heights <= height)
    first = fits.to(torch.uint8).argmax(1, keepdim=True)
    found = fits.gather(1, first)[:, 0]
    # Where none fits, the largest crop of an allowed ratio, from the middle.
    box_width = torch.where(found, widths.gather(1, first)[:, 0], min(width, round(height * 4 / 3)))
    box_height = torch.where(found, heights.gather(1, first)[:, 0], min(height, round(width * 4 / 3)))
    free = torch.stack((height - box_height, width - box_width), 1)
    place = (_uniform((n, 2), 0, 1, generator) * (free + 1)).floor().minimum(free)
    place = torch.where(found[:, None], place, (free / 2).floor())
    return torch.cat((place, torch.stack((box_height, box_width), 1)), 1)


def check_images(images: Tensor) -> None:
    """Raise TypeError or ValueError unless `images` is a batch `(N, C, H, W)` of uint8 or floats."""
    owner = "Augmentation warps"
    if not isinstance(images, Tensor):
        raise TypeError(f"{owner} a tensor (N, C, H, W), got {type(images).__name__}; use torch.as_tensor")
    shape = tuple(images.shape)
    if len(shape) != 4:
        raise ValueError(f"{owner} a batch (N, C, H, W), got shape {shape}; add what is missing with images[None]")
    if min(shape[2:]) < 2:
        raise ValueError(f"{owner} images of 2×2 pixels or more, got shape {shape}; pass larger ones")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise TypeError(f"{owner} uint8 or floats in [0, 1], got {images.dtype}; convert with images.float()")


def _uniform(shape: int | tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device) * (high - low) + low
