"""The comparisons that the plan judges, and the planned runs that each takes.

Source: `data/protocol.md`, rule 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..data.regression import TARGETS
from ..models.sizes import primary_arms
from ..records.record import Record
from .cell import Cell
from .cells import cells_of
from .tiers import TIERS, Runs

NIST = ("mnist", "emnist_letters", "emnist_balanced_reduced")
_FAMILIES = {"NIST": NIST, "Fashion": ("fashion_mnist",), "Kuzushiji": ("kmnist_10k",)}


@dataclass(frozen=True)
class Comparison:
    """A cell of the plan: `arm` against `reference` on the sets of one family, all planned seeds."""

    name: str
    tier: str
    family: str
    datasets: tuple[str, ...]
    backbone: str
    arm: str
    reference: str
    recipe: str  # "tuned" or "published"
    families: int  # that the levels are corrected for
    seeds: tuple[int, ...]
    extended: tuple[int, ...] = ()  # seeds that are added once where the half-width is above δ
    width: int | None = None  # of layers, instead of the paper's

    @property
    def arms(self) -> tuple[str, str]:
        return self.arm, self.reference


def _list_comparisons() -> Iterator[Comparison]:
    for reference in ("mlp_matched", "mlp"):  # primary, key secondary
        more = tuple(range(30, 60)) if reference == "mlp_matched" else ()
        for family, sets in _FAMILIES.items():
            yield _comparison("C", family, sets, "two_conv", "spinal", reference, extended=more)
    for family, sets in _FAMILIES.items():  # as claimed
        seeds = TIERS["C"].published[0].seeds
        yield _comparison("C", family, sets, "two_conv", "spinal", "mlp", "published", seeds=seeds)
    for arm, reference, recipe in (("spinal_tied", "mlp", "published"), ("spinal", "mlp_matched", "tuned")):
        for target in TARGETS:
            yield _comparison(
                "R", target, (target,), "pixels", arm, reference, recipe, len(TARGETS), seeds=TIERS["R"].runs[0].seeds
            )
    full_size = TIERS["P"].runs[0]
    for reference in ("linear", "mlp_matched"):
        for name in full_size.datasets:
            family = name.partition("+")[0]
            yield _comparison("P", family, (name,), "pixels", "spinal", reference, families=len(full_size.datasets))
    for reference in ("mlp", "mlp_matched"):
        for runs in TIERS["W"].runs:
            for name in runs.datasets:
                sets = len(runs.datasets)
                yield _comparison("W", name, (name,), "two_conv", "spinal", reference, families=sets, width=runs.width)
    for reference in ("mlp_deep", "mlp_deep_skip"):
        yield _comparison("D4", "mnist", ("mnist",), "two_conv", "spinal", reference, families=1)
    for tier in ("G", "H", "T"):  # a verdict for each set and body
        places = [(name, body) for name in TIERS[tier].datasets for body in TIERS[tier].backbones(name)]
        for name, body in places:
            arm, *references = primary_arms(body)
            for reference in references:
                family = body if tier == "H" else name
                yield _comparison(tier, family, (name,), body, arm, reference, families=len(places))


def _comparison(
    tier: str,
    family: str,
    datasets: tuple[str, ...],
    backbone: str,
    arm: str,
    reference: str,
    recipe: str = "tuned",
    families: int = len(_FAMILIES),
    seeds: Sequence[int] | None = None,
    width: int | None = None,
    **more,
) -> Comparison:
    seeds = next(runs.seeds for runs in TIERS[tier].runs if datasets[0] in runs.datasets) if seeds is None else seeds
    where = f"{tier} {family}" + f" {datasets[0]}" * (tier == "H") + f", width {width}" * (width is not None)
    name = f"{where}, {recipe}, {arm} against {reference}"
    fixed = (name, tier, family, tuple(datasets), backbone, arm, reference, recipe, families, tuple(seeds))
    return Comparison(*fixed, width=width, **more)


COMPARISONS = tuple(_list_comparisons())


def planned_cells(
    comparison: Comparison, seeds: Sequence[int], records: Sequence[Record] = ()
) -> dict[tuple[str, str, int], Cell]:
    """The planned cells of both arms by head, data set and seed; `records` hold the searches. SearchIncomplete without."""
    plan = TIERS[comparison.tier]
    several = plan.published if comparison.recipe == "published" else plan.runs
    runs = next(runs for runs in several if _has(runs, comparison))
    places = {"datasets": comparison.datasets, "backbones": (comparison.backbone,)}
    runs = replace(runs, heads=lambda body: comparison.arms, seeds=seeds, **places)
    cells = cells_of(comparison.tier, runs, records, comparison.recipe)
    return {(cell.head, cell.dataset, cell.seed): cell for cell in cells}


def _has(runs: Runs, comparison: Comparison) -> bool:
    """Whether a tier's runs are those of a comparison, with the settings that the search chose."""
    same = runs.width == comparison.width and runs.train_per_class is None
    arms = {*comparison.arms} <= {*runs.heads(comparison.backbone)}
    chosen = same and runs.drop_rate is None and not runs.equal_parameters
    return chosen and arms and comparison.datasets[0] in runs.datasets and comparison.backbone in runs.backbones
