"""From pictures to classes, with a model that was saved with its data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..data.class_folders import list_pictures
from ..data.photos import decode_photos
from ..machine import pick_device
from .classifier import Classifier

Pictures = str | os.PathLike | Sequence[str | os.PathLike] | Tensor
_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in grey, ITU-R BT.601, as Pillow has it
_AT_ONCE = 64  # photographs in memory


@torch.no_grad()
def predict(model: Classifier, images: Pictures, device: torch.device | str | None = None) -> tuple[list[str], Tensor]:
    """The most likely class of each image, by name (N), and the probabilities of all classes, `(N, num_classes)` on the CPU.

    `model` comes from `load_model`, of a file that was written with its data. `images` are a picture, a folder of pictures
    (in the order of `list_pictures`), several paths, or a uint8 tensor `(N, C, H, W)` of the body's size. Pictures are read
    as in training: upright, their middle square, resized; in grey for a body of one channel. Grey tensors are repeated to
    the three channels of a body that reads colour. Raises ValueError for a model without classes, for what is no picture
    and for tensors of another size, FileNotFoundError for a path that is not there.
    """
    if not isinstance(model, Classifier) or not model.trained_on:
        raise ValueError("predict: the model does not know its classes; write it with save_model(model, path, data)")
    body, seen = model.body, model.trained_on
    device, modes = pick_device(device), {module: module.training for module in model.modules()}
    mean, std = (torch.tensor(seen[name]).view(-1, 1, 1) for name in ("mean", "std"))
    model.to(device).eval()
    logits = []
    for batch in _batches(images, body.image_size):
        if batch.shape[1] == 3 and body.in_chans == 1:
            batch = (batch.float() * torch.tensor(_LUMA).view(-1, 1, 1)).sum(1, keepdim=True).round()
        pixels = batch.expand(-1, body.in_chans, -1, -1) if batch.shape[1] == 1 else batch
        dtype = next(model.parameters()).dtype
        logits.append(model(((pixels.float() / 255 - mean) / std).to(device, dtype)).float().cpu())
    for module, mode in modes.items():
        module.training = mode
    probabilities = torch.cat(logits).softmax(1)
    return [seen["classes"][i] for i in probabilities.argmax(1)], probabilities


def _batches(images: Pictures, size: int):
    if isinstance(images, Tensor):
        if images.dtype != torch.uint8 or images.dim() != 4 or not len(images):
            found = f"{images.dtype} {tuple(images.shape)}"
            raise ValueError(f"predict: images must be uint8 (N, C, H, W), at least one, got {found}")
        yield from images.split(_AT_ONCE)
        return
    one = isinstance(images, (str, os.PathLike))
    paths = list_pictures(images) if one else [Path(path) for path in images]
    if not paths:
        raise ValueError("predict: no pictures; pass a path, a folder or a tensor")
    for start in range(0, len(paths), _AT_ONCE):
        yield decode_photos(paths[start : start + _AT_ONCE], size)
