"""Argument checks: one clear error that names the value and the remedy."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, fx

_MOST_LISTED = 50  # names in an error
REPOSITORY = "https://github.com/spinalnet-book/spinalnet-book"  # nowhere else in the library


def how_to_install(extra: str) -> str:
    """The remedy for a missing package that an extra brings; the project is not on a package index."""
    return f"pip install -e '.[{extra}]' in a checkout, or pip install 'spinalnet-book[{extra}] @ git+{REPOSITORY}'"


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Around imports of packages that an extra brings: where one is missing, the error says how to install it."""
    try:
        yield
    except ImportError as error:
        if "pip install" in str(error):  # one inside of another
            raise
        raise ModuleNotFoundError(f"{error}; {how_to_install(extra)}", name=error.name) from error


def check_int(owner: str, name: str, value, minimum: int = 1, remedy: str = "") -> int:
    """Return `value` if it is an integer of at least `minimum`; raise TypeError or ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{owner}: {name} must be an integer, got {value!r}; pass a whole number")
    if value < minimum:
        remedy = remedy or f"pass {minimum} or more"
        raise ValueError(f"{owner}: {name} must be at least {minimum}, got {value}; {remedy}")
    return int(value)


def check_number(owner: str, name: str, value, remedy: str) -> float:
    """Return `value` as a float if it is a finite number; `remedy` says what to pass."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{owner}: {name} must be a number, got {value!r} ({type(value).__name__}); {remedy}")
    if not math.isfinite(value):
        raise ValueError(f"{owner}: {name} must be finite, got {value}; {remedy}")
    return float(value)


def check_rate(owner: str, name: str, value, remedy: str = "pass 0 for none, 0.5 for half") -> float:
    """Return `value` as a float if it is in [0, 1)."""
    number = check_number(owner, name, value, remedy)
    if not 0 <= number < 1:
        raise ValueError(f"{owner}: {name} must be at least 0 and below 1, got {value}; {remedy}")
    return number


def check_flag(owner: str, name: str, value) -> bool:
    """Return `value` if it is True or False: 0, 1, "no" and None would pass for a flag unseen."""
    if not isinstance(value, bool):
        raise TypeError(f"{owner}: {name} must be True or False, got {value!r}; pass one of the two")
    return value


def check_input(owner: str, x, shape: tuple, remedy: str, weight) -> None:
    """Raise unless `x` is a floating-point tensor of `shape`, where a string is any size, in the dtype of `weight`."""
    if isinstance(x, fx.Proxy):  # torch.fx writes down the calls: there is no tensor yet
        return
    says = f"({', '.join(map(str, shape))})"
    if not isinstance(x, Tensor):
        raise TypeError(f"{owner} reads a tensor {says}, got {type(x).__name__}; convert it with torch.as_tensor")
    fits = x.dim() == len(shape) and all(isinstance(n, str) or n == m for n, m in zip(shape, x.shape, strict=True))
    if not fits:
        raise ValueError(f"{owner} reads a tensor {says}, got shape {tuple(x.shape)}; {remedy}")
    if not x.is_floating_point():
        raise TypeError(f"{owner} reads floating-point numbers, got {x.dtype}; convert them with x.float()")
    if not isinstance(weight, Tensor) or x.dtype == weight.dtype:  # a quantised layer has a function there
        return
    if x.device.type == "meta" or not torch.is_autocast_enabled(x.device.type):  # autocast converts by itself
        raise TypeError(f"{owner} has {weight.dtype} weights, got {x.dtype}; convert it with x.to({weight.dtype})")


def check_name(kind: str, name, known: Iterable[str], hint: str = "") -> str:
    """Return `name` if it is known; raise with the nearest known names otherwise."""
    known = sorted(known)
    if isinstance(name, str) and name in known:
        return name
    near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.5)
    say = [f"did you mean {' or '.join(map(repr, near))}?"] if near else []
    if len(known) <= _MOST_LISTED:
        say.append(f"known: {', '.join(known)}")
    elif not near:
        say.append(f"{len(known):,} are known, from {known[0]} to {known[-1]}")
    raise ValueError(f"unknown {kind} {name!r}; {' '.join(say)}{hint}")
