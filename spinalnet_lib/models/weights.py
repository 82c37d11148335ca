"""Weights of a network: their hash, which records hold, and their way back into it."""

from __future__ import annotations

import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def weights_sha256(network: nn.Module) -> str:
    """SHA-256 of the names, shapes, dtypes and values of all weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def fingerprint(part: nn.Module) -> int:
    """A cheap hash of the values of all weights, whatever their dtype, layout and device; it changes with any of them.

    Weights without memory have no values, and running statistics are not looked at: images alone change those.
    """
    found = 0
    for parameter in part.parameters():
        if not parameter.is_meta:
            found = zlib.crc32(parameter.detach().to("cpu", torch.float32).contiguous().numpy(), found)
    return found


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor], assign: bool = False) -> None:
    """Load tensors by name that were written by this version of the network.

    Of a plain dict its layers would think that it is from before they had versions, and some refuse such, or change it.
    """
    state = OrderedDict(tensors)
    state._metadata = network.state_dict()._metadata
    network.load_state_dict(state, assign=assign)
