"""Heads by name: `create_head("spinal", ...)` builds one that `register_head` registered."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable

from torch import nn

from ..checks import check_flag, check_name

_HEADS: dict[str, Callable[..., nn.Module]] = {}
# Arguments that some heads need, with an example, and those that heads may take: for messages.
_EXAMPLES = {"layer_width": 64, "hidden_sizes": 512, "column_sizes": (784, 1440), "hidden_size": 50}
_OPTIONS = ("num_layers", "num_splits", "drop_rate", "feature_drop_rate", "norm_layer", "act_layer", "overlap", "seed")


def register_head(fn: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Register `fn(in_features, num_classes, **kwargs) -> head` under its own name; use it as a decorator.

    Raises ValueError if the name is taken: a second head of that name would silently replace the first.
    """
    if fn.__name__ in _HEADS:
        raise ValueError(f"a head named {fn.__name__!r} is registered already; rename the function")
    _HEADS[fn.__name__] = fn
    return fn


def list_heads() -> list[str]:
    """Names that `create_head` knows, sorted."""

    return sorted(_HEADS)


def create_head(name: str, in_features: int, num_classes: int, background_class: bool = False, **kwargs) -> nn.Module:
    """Build a registered head; `background_class` adds the output that `Head.add_background_class` describes.

    >>> import torch
    >>> create_head("spinal", 320, 10, layer_width=8, num_layers=6)(torch.zeros(2, 320)).shape
    torch.Size([2, 10])
    """
    fn = _HEADS[check_name("head", name, list_heads())]
    try:
        head = fn(in_features, num_classes, **kwargs)
    except TypeError as error:
        raise explain_arguments(error, name) from error
    check_flag("create_head", "background_class", background_class)
    return head.add_background_class() if background_class else head


def explain_arguments(error: TypeError, name: str) -> TypeError:
    """Python's words for an argument that is missing or unknown, with the head's name and the remedy."""
    text = str(error)
    quoted = re.findall("'([a-z_]+)'", text)
    if "missing" in text and "argument" in text:
        return TypeError(
            f"head {name!r} needs {' and '.join(quoted)}; pass, say, {quoted[0]}={_EXAMPLES.get(quoted[0], '…')}"
        )
    if "unexpected keyword argument" in text:
        near = difflib.get_close_matches(quoted[0], [*_EXAMPLES, *_OPTIONS], n=1)
        return TypeError(
            f"head {name!r} takes no {quoted[0]!r}; {f'did you mean {near[0]!r}?' if near else 'leave it out'}"
        )
    return error
