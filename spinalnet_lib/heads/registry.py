"""Heads by name: `create_head("spinal", ...)` builds one that `register_head("spinal")` registered."""

from __future__ import annotations

import difflib
import inspect
import numbers
from collections.abc import Callable
from inspect import Parameter

from torch import nn

from ..checks import check_flag, check_name

_HEADS: dict[str, Callable[..., nn.Module]] = {}


def register_head(name: str) -> Callable:
    """Register a class of heads, or a function that builds one, under `name`; use it as a decorator.

    Its first arguments are `in_features` and `num_classes`. A class that chooses an argument of its parent, such as the
    width, names it in `settled`. Raises TypeError if no name is given, and ValueError if the name is taken: a second
    head of that name would silently replace the first.
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f'register_head takes a name, as in @register_head("wide"), got {name!r}')
    if name in _HEADS:
        raise ValueError(f"a head named {name!r} is registered already; choose another name")

    def register(build: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        _HEADS[name] = build
        return build

    return register


def list_heads() -> list[str]:
    """Names that `create_head` knows, sorted."""
    return sorted(_HEADS)


def find_head(name: str) -> Callable[..., nn.Module]:
    """What is registered under `name`; ValueError with the nearest names otherwise."""
    return _HEADS[check_name("head", name, _HEADS)]


def create_head(name: str, in_features: int, num_classes: int, background_class: bool = False, **kwargs) -> nn.Module:
    """Build a registered head; `background_class` adds the output that `Head.add_background_class` describes.

    >>> import torch
    >>> create_head("spinal", 320, 10, layer_width=8, num_layers=6)(torch.zeros(2, 320)).shape
    torch.Size([2, 10])
    """
    build = find_head(name)
    check_flag("create_head", "background_class", background_class)
    check_arguments(name, kwargs)
    head = build(in_features, num_classes, **kwargs)
    return head.add_background_class() if background_class else head


def head_arguments(name: str) -> dict[str, Parameter]:
    """Arguments of a registered head beside its two sizes; `**kwargs` of a class stands for its parent's, but `settled`."""
    build, found = find_head(name), {}
    for owner in inspect.getmro(build) if inspect.isclass(build) else [build]:
        parameters = inspect.signature(owner).parameters
        found = {**parameters, **found}
        if not any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    starred = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    named = {key: parameter for key, parameter in list(found.items())[2:] if parameter.kind not in starred}
    return {key: parameter for key, parameter in named.items() if key not in getattr(build, "settled", ())}


def check_arguments(name: str, given: dict) -> None:
    """Raise TypeError for an argument that a registered head does not know, and for one that it misses."""
    known = head_arguments(name)
    unknown = given.keys() - known.keys() if inspect.isclass(find_head(name)) else ()  # a function may pass it on
    for argument in unknown:
        near = difflib.get_close_matches(argument, known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known)}"
        raise TypeError(f"head {name!r} takes no {argument!r}; {remedy}")
    for argument, parameter in known.items():
        if parameter.default is Parameter.empty and argument not in given:
            raise TypeError(f"head {name!r} needs {argument}; pass {argument}=...")


def plain(value):
    """numpy's numbers as Python's, inside lists and tuples too: they overflow, and JSON does not hold them."""
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    is_numpy = isinstance(value, numbers.Number) and not isinstance(value, (bool, int, float))
    return value.item() if is_numpy and hasattr(value, "item") else value
