"""How verdicts on single comparisons add up to a claim, by the rules of the study's plan (`data/protocol.md`).

A claim holds, is not supported, is contradicted, is open or is untested; verdicts come in by their names.
"""

from __future__ import annotations

from collections.abc import Sequence

from .verdict import UNDECIDED, lower_error

NETWORKS = 9  # that the paper lists in C3
REGRESSIONS = 4  # that C9 has


def all_hold(states: Sequence[str]) -> str:
    """A claim that needs each of its parts is as good as the worst of them; untested if one is. C4 and C8 are such claims."""
    for state in ("untested", "contradicted", "not supported", "open"):
        if state in states:
            return state
    return "holds" if states else "untested"


def enough_hold(states: Sequence[str], needed: int) -> str:
    """A claim that holds if at least `needed` of its parts do; untested if one of them is."""
    holding, contradicted = states.count("holds"), states.count("contradicted")
    if not states or "untested" in states:
        return "untested"
    if holding >= needed:
        return "holds"
    if len(states) - states.count("not supported") - contradicted < needed:
        return "contradicted" if contradicted >= needed else "not supported"
    return "open"


def convolutional_network(nist: str, *others: str) -> str:
    """C3's row of the paper's CNN: holds if the NIST family is "better, matters" and no other family is worse."""
    if "untested" in (nist, *others):
        return "untested"
    worse = any(lower_error(other) == "contradicted" for other in others)
    return "not supported" if worse and lower_error(nist) == "holds" else lower_error(nist)


def decided_networks(nist: str, *others: str, networks: Sequence[str] = ()) -> int:
    """C3: how many networks are decided; the CNN by its NIST family, once none of its families is untested."""
    cnn = "untested" if "untested" in others else nist
    return sum(verdict not in UNDECIDED for verdict in (cnn, *networks))


def most_networks(nist: str, *others: str, networks: Sequence[str] = ()) -> str:
    """C3: the CNN's row from its families, and the verdicts of the other networks; untested if fewer than five of nine
    are decided.
    """
    needed = NETWORKS // 2 + 1
    if decided_networks(nist, *others, networks=networks) < needed:
        return "untested"
    rows = [convolutional_network(nist, *others), *map(lower_error, networks)]
    known = [row for row in rows if row != "untested"]
    return enough_hold(known + ["open"] * (NETWORKS - len(known)), needed)


def regressions(targets: Sequence[str]) -> str:
    """C9: at least three of its four targets; once as claimed, once because of the spine."""
    return enough_hold([lower_error(target) for target in targets], REGRESSIONS - 1)


def most_hold(sets: Sequence[str]) -> str:
    """C20, and each half of C19: more than half of the sets."""
    return enough_hold([lower_error(verdict) for verdict in sets], len(sets) // 2 + 1)


def gradients(*over: str) -> str:
    """C4: the log ratio of gradient norms is "better, matters" over `mlp_deep` and over `mlp_deep_skip`."""
    return all_hold([lower_error(verdict) for verdict in over])


def narrow_layers(slope_interval: tuple[float, float], at_width_2: str) -> str:
    """C8: the interval of the slopes lies below 0, and the gain at width 2 is "better, matters"."""
    low, high = slope_interval
    slope = "holds" if high < 0 else "contradicted" if low > 0 else "open"
    return all_hold([slope, lower_error(at_width_2)])
