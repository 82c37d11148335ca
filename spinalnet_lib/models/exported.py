"""A saved model as ONNX, whole: pixels in, probabilities out, and in the file's metadata what the pixels must be."""

from __future__ import annotations

import copy
import json
import logging
import os

import torch
from torch import Tensor, nn

from ..checks import needs
from ..files import check_writable, write_whole
from .classifier import Classifier
from .saved import load_model

READ_AS = "upright, the middle square, resized to size × size by Pillow's bilinear filter, RGB, or L for one channel"


class _Whole(nn.Module):
    """Normalising, the model, softmax: uint8 `(N, C, S, S)` to probabilities `(N, num_classes)`."""

    def __init__(self, model: Classifier):
        super().__init__()
        self.model = model
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(model.trained_on[name]).view(-1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.model((pixels.float() / 255 - self.mean) / self.std).softmax(1)


def export_onnx(model: Classifier | str | os.PathLike, path: str | os.PathLike) -> None:
    """Write a saved model as an ONNX file whose outputs are `predict`'s: "pixels" in, "probabilities" out, any number at once.

    Pixels are uint8 `(N, C, S, S)`; normalising is a part of the graph. The file's metadata name the rest: `classes` (JSON), `size`,
    `channels`, `read_as` (how a picture becomes pixels), and `mean` and `std`, which the graph applies. Raises ValueError for a
    model without classes, ImportError without onnx and onnxscript, and OSError where no file can be written.
    """
    with needs("onnx"):
        import onnx
        import onnxscript  # noqa: F401, torch's exporter reads it

    check_writable(path)
    model = copy.deepcopy(model) if isinstance(model, Classifier) else load_model(model)
    if not model.trained_on:
        raise ValueError(
            "export_onnx: the model does not know its classes; write it with save_model(model, path, data)"
        )
    body, seen = model.body, model.trained_on
    whole = _Whole(model.cpu().float()).eval()
    pixels = torch.zeros(2, body.in_chans, body.image_size, body.image_size, dtype=torch.uint8)
    names = {"input_names": ["pixels"], "output_names": ["probabilities"]}
    quiet, level = logging.getLogger("torch.onnx"), logging.getLogger("torch.onnx").level
    quiet.setLevel(logging.ERROR)  # it tells of optional packages
    try:
        several = {"pixels": {0: "batch"}}
        program = torch.onnx.export(whole, (pixels,), dynamo=True, dynamic_shapes=several, verbose=False, **names)
    finally:
        quiet.setLevel(level)
    proto = program.model_proto
    said = {
        "classes": json.dumps(seen["classes"], ensure_ascii=False),
        "size": str(body.image_size),
        "channels": str(body.in_chans),
        "read_as": READ_AS,
        "mean": json.dumps(seen["mean"]),
        "std": json.dumps(seen["std"]),
    }
    onnx.helper.set_model_props(proto, said)
    onnx.checker.check_model(proto)
    write_whole(path, proto.SerializeToString())
