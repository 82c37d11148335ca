"""Modules that stand in for slower ones of a model while it is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def stand_ins(module: nn.Module, find: Callable[[nn.Module], nn.Module | None]) -> Iterator[None]:
    """Within it every part of `module` for which `find` has a stand-in is that; afterwards each part is back in its place.

    A part that has several places has the same number of stand-ins; none may hold weights of its own.
    """
    places = [
        (parent, name, child, other)
        for parent in module.modules()
        for name, child in parent._modules.items()  # named_children leaves out a part's second place
        if child is not None and (other := find(child)) is not None
    ]
    for parent, name, child, other in places:
        setattr(parent, name, other.train(child.training))
    try:
        yield
    finally:
        for parent, name, child, _ in places:
            setattr(parent, name, child.train(getattr(parent, name).training))
