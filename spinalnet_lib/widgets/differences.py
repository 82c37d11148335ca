"""What widgets about paired differences share: the first training's errors, a mean with its interval, a way to write points."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..records.record import Record
from ..study.crossed import SWITCH, crossed_errors, crossed_seeds
from ..study.statistics import t_critical

CHOICE = {
    "name": "dropout",
    "label": "dropout in",
    "type": "choice",
    "options": [[name, words] for name, (words, *_) in SWITCH.items()],
}


def crossed_data(records: Sequence[Record]) -> dict:
    """Errors of the 2×2 as whole thousandths of a point, so that sums are exact and a tie is one in both languages.

    `errors` by position of the switch [spinal, dense][seed], `drops` who has dropout, `seeds`, `t` [number of seeds].
    """
    errors = {
        name: [[round(1000 * error) for error in of_head] for of_head in of_heads]
        for name, of_heads in crossed_errors(records).items()
    }
    seeds = crossed_seeds(records)
    t = [None, None, *(round(t_critical(n), 6) for n in range(2, len(seeds) + 1))]
    return {"errors": errors, "drops": {name: [*drops] for name, (_, *drops) in SWITCH.items()}, "seeds": seeds, "t": t}


def interval(values: Sequence[float], t: Sequence[float | None], unit: int = 1000) -> list:
    """[mean, low, high] of whole `unit`-ths; of one value no interval. In the order in which the script adds."""
    n, total = len(values), 0
    for value in values:
        total += value
    mean = total / n
    if n < 2:
        return [mean / unit, None, None]
    squares = 0.0
    for value in values:
        squares += (value - mean) * (value - mean)
    half = t[n] * math.sqrt(squares / (n - 1) / n)
    return [mean / unit, (mean - half) / unit, (mean + half) / unit]


def points(value: float, signed: bool = True) -> str:
    """Points to a hundredth.

    >>> points(-0.126), points(0.002), points(2.345, signed=False)
    ('−0.13', '0.00', '2.35')
    """
    hundredths = math.floor(abs(value) * 100 + 0.5)
    sign = "" if not hundredths or not signed else "−" if value < 0 else "+"
    return f"{sign}{hundredths // 100}.{hundredths % 100:02d}"


def said(found: Sequence[float | None]) -> str:
    """A difference with its interval in words.

    >>> said([-0.126, -0.254, 0.002])
    '−0.13 points (−0.25 to 0.00)'
    """
    mean, low, high = found
    return f"{points(mean)} points" + ("" if low is None else f" ({points(low)} to {points(high)})")


def leader(difference: float) -> str:
    """Which head has the lower error, by the difference spinal − dense."""
    return "spinal" if difference < 0 else "dense" if difference > 0 else "neither"
