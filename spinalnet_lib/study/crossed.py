"""The first training's two by two: each head with and without dropout, and the three ways to set one against the other."""

from __future__ import annotations

from collections.abc import Sequence

from ..records.record import Record, each_once
from .blindness import shown
from .tuning import drop_rate

# Which heads have dropout -> in words, and whether the spinal and the dense head of the comparison have it.
SWITCH = {
    "published": ("the dense head only, as published", False, True),
    "none": ("neither head", False, False),
    "both": ("both heads", True, True),
}


def crossed_errors(records: Sequence[Record]) -> dict[str, tuple[list[float], list[float]]]:
    """Of each position of `SWITCH` the validation errors after the last step, in points: `(spinal, dense)`, seed by seed.

    `records` are runs of one data set and recipe; the seeds are those of `crossed_seeds`.
    """
    errors = _errors(records)
    seeds = crossed_seeds(records)
    return {
        name: tuple(
            [errors[head, drops][seed] for seed in seeds] for head, drops in (("spinal", ours), ("mlp", theirs))
        )
        for name, (_, ours, theirs) in SWITCH.items()
    }


def crossed_seeds(records: Sequence[Record]) -> list[int]:
    """The seeds, sorted. ValueError where a seed lacks one of the four runs or has two: then they cannot be paired."""
    errors = _errors(records)
    of_arms = {
        arm: sorted(errors.get(arm, {})) for arm in ((head, d) for head in ("spinal", "mlp") for d in (False, True))
    }
    first = of_arms["spinal", False]
    for (head, drops), seeds in of_arms.items():
        if seeds != first or not seeds:
            raise ValueError(
                f"crossed_seeds: {head!r} {'with' if drops else 'without'} dropout has seeds {seeds} and 'spinal' without has "
                f"{first}; pass all runs of the first training on one data set"
            )
    return first


def _errors(records: Sequence[Record]) -> dict[tuple[str, bool], dict[int, float]]:
    errors: dict[tuple[str, bool], dict[int, float]] = {}
    for run in shown(each_once(records)):
        of_arm = errors.setdefault((run.head, drop_rate(run) > 0), {})
        if run.seed in of_arm:
            raise ValueError(
                f"crossed_errors: {run.arm!r} has seed {run.seed} twice; pass the records of one data set and recipe"
            )
        of_arm[run.seed] = 100 * run.curve[-1]["val_error"]
    return errors
