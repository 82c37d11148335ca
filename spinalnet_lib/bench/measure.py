"""How performance is measured: as a ratio against a peer in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

PAIRS = 40
METHOD = (  # as it stands in every report
    "the two are run in turn, A B A B, after a warm-up; each pair gives one ratio, and a row reports the median with the "
    "tenth and ninetieth percentile. Only ratios travel between machines."
)


def compare_times(
    name: str, peer: str, ours: Callable[[], object], theirs: Callable[[], object], pairs: int = PAIRS
) -> dict:
    """One row: time of `ours` over time of `theirs`, pair by pair; each side repeats until it takes about 20 ms."""
    repeats = max(1, round(0.02 / max(seconds_of(theirs, 3) / 3, 1e-6)))
    seconds_of(ours, repeats), seconds_of(theirs, repeats)  # warm-up
    return ratio_row(name, peer, [seconds_of(ours, repeats) / seconds_of(theirs, repeats) for _ in range(pairs)])


def ratio_row(name: str, peer: str, ratios: list[float], promised: float | None = None) -> dict:
    """A row of what was measured: the median ratio, its tenth and ninetieth percentile and the number of pairs.

    `promised` is the largest ratio that was promised before it was measured; the row says it, met or not.
    """
    tenths = statistics.quantiles(ratios, n=10, method="inclusive") if len(ratios) > 1 else ratios
    found = {"ratio": statistics.median(ratios), "low": tenths[0], "high": tenths[-1], "promised": promised}
    return {
        "name": name,
        "peer": peer,
        "pairs": len(ratios),
        **{key: float(f"{value:.4g}") for key, value in found.items() if value is not None},
    }


def seconds_of(fn: Callable[[], object], repeats: int = 1) -> float:
    """Wall-clock seconds of `repeats` calls."""
    start = time.perf_counter()
    for _ in range(repeats):
        fn()
    return time.perf_counter() - start


def waited_for(fn: Callable[[], object], device: torch.device | str) -> Callable[[], None]:
    """A GPU works on after a call has come back: the time of a call ends when the device is done."""

    def run() -> None:
        fn()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize()

    return run
