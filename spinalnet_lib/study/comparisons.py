"""The comparisons that the plan judges: which planned runs each takes, its δ, and its verdict once all are there.

Source: `data/protocol.md`, rules 3 to 5. A run belongs to a comparison where it is that of a planned cell, by its data set,
body, head, sizes, recipe, seed and cut; runs that look alike do not count.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np

from ..data.regression import TARGETS, mean_predictor_errors, regression_data
from ..datasets import load_dataset
from ..models.sizes import primary_arms
from ..records.record import Record, each_once, unpack_bits
from ..training.recipes import POWER_SEEDS, TUNING_SEEDS
from .cells import Cell, cells_of
from .intervals import error_differences, half_width, levels, pool_test_sets
from .tiers import TIERS, Runs
from .tuning import SearchIncomplete, is_current
from .verdict import Verdict, judge

_LEAST_NORM = 1e-100  # of a gradient; one below it, and one that is not finite, count as this
RELATIVE = 0.10  # δ as a share of the reference arm's mean validation error
LOG_DELTAS = {"R": math.log(1.1), "W": math.log(1.1), "D4": math.log(10)}  # of tiers whose gains are logarithms
NIST = ("mnist", "emnist_letters", "emnist_balanced_reduced")
_LEAST = 1e-9  # δ where the reference made no error: less than an image, so "too small to judge"
_NO_IMAGES = "no interval for the population of images: the test sets, which share some, are not here"
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
    train_per_class: int | None = None

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
    for reference in ("mlp_deep", "mlp_deep_skip") if "D4" in TIERS else ():
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
    same = runs.width == comparison.width and runs.train_per_class == comparison.train_per_class
    arms = {*comparison.arms} <= {*runs.heads(comparison.backbone)}
    chosen = same and runs.drop_rate is None and not runs.equal_parameters
    return chosen and arms and comparison.datasets[0] in runs.datasets and comparison.backbone in runs.backbones


class Evidence:
    """Records sorted into the cells of the plan; searches among them say which settings were chosen.

    Runs with numbers of an older version do not count.
    """

    def __init__(self, records: Sequence[Record]):
        self.records = tuple(each_once(records))
        self._searches = _Same([record for record in self.records if record.seed in TUNING_SEEDS])
        self._runs: dict[tuple, list[Record]] = {}
        for record in filter(is_current, self.records):
            self._runs.setdefault(record.setup, []).append(record)

    def cells(self, comparison: Comparison) -> dict[tuple[str, str, int], Cell]:
        """Of all seeds that may be asked for, by head, set and seed; none while a search is incomplete."""
        return _known_cells(comparison, self._searches)

    def runs(self, comparison: Comparison, seeds: Sequence[int]) -> dict[tuple[str, str, int], Record]:
        """The runs of both arms with these seeds, as far as they are there, all made on one kind of device."""
        cells = self.cells(comparison)
        places = [(arm, name, seed) for arm in comparison.arms for name in comparison.datasets for seed in seeds]
        found = {
            place: [run for run in self._runs.get(cells[place].setup, ()) if run.tuning_id == cells[place].tuning_id]
            for place in places
            if place in cells
        }
        kinds = Counter(_kind(record) for of_place in found.values() for record in of_place)
        planned = TIERS[comparison.tier].device
        kind = max(kinds, key=lambda kind: (kinds[kind], kind[0] == planned, kind), default=None)
        of_kind = {place: [r for r in of_place if _kind(r) == kind] for place, of_place in found.items()}
        runs = {place: of_place[0] for place, of_place in of_kind.items() if of_place}
        for (arm, name, seed), run in runs.items():
            partner = runs.get((comparison.reference, name, seed), run)
            if len(of_kind[arm, name, seed]) > 1 or partner.dataset_sha256 != run.dataset_sha256:
                raise ValueError(
                    f"{comparison.name}: runs of seed {seed} on {name} were made on two states of the data; take those of one "
                    f"out of the records: {run.key[:10]} has SHA-256 {run.dataset_sha256[:10]}"
                )
        return runs

    def paired_seeds(self, comparison: Comparison, seeds: Sequence[int]) -> list[int]:
        """The seeds whose runs of both arms are there on all sets."""
        return _paired(comparison, self.runs(comparison, seeds), seeds)


def _kind(record: Record) -> tuple:
    return record.device, record.threads


def _paired(comparison: Comparison, runs: dict, seeds: Sequence[int]) -> list[int]:
    places = [(arm, name) for arm in comparison.arms for name in comparison.datasets]
    return [seed for seed in seeds if all((*place, seed) in runs for place in places)]


class _Same:
    """Records as a key of a cache: the same objects are the same records, since a record cannot change."""

    def __init__(self, records: Sequence[Record]):
        self.records = tuple(records)
        self.ids = tuple(map(id, self.records))

    def __hash__(self) -> int:
        return hash(self.ids)

    def __eq__(self, other) -> bool:
        return self.ids == other.ids


@lru_cache(maxsize=2 * len(COMPARISONS))
def _known_cells(comparison: Comparison, searches: _Same) -> dict[tuple[str, str, int], Cell]:
    seeds = (*comparison.seeds, *comparison.extended, *POWER_SEEDS)
    try:
        cells = planned_cells(comparison, seeds, searches.records)
    except SearchIncomplete:
        return {}
    for place, cell in cells.items():
        if cell.seed in POWER_SEEDS:
            cells[place] = replace(cell, config=replace(cell.config, read_test=False))
    return cells


@lru_cache(maxsize=2)
def _sorted_once(records: _Same) -> Evidence:
    return Evidence(records.records)


def evidence_of(records: Sequence[Record]) -> Evidence:
    """The records sorted into the plan's cells; those that were sorted last are not sorted again."""
    return _sorted_once(_Same(records))


def reference_errors(comparison: Comparison, records: Sequence[Record]) -> dict[str, float] | None:
    """The reference arm's mean validation error on each set over the power runs; None while one of them is missing."""
    runs = evidence_of(records).runs(comparison, POWER_SEEDS)
    errors = {}
    for name in comparison.datasets:
        found = [runs.get((comparison.reference, name, seed)) for seed in POWER_SEEDS]
        values = [run and run.last.get("val_error", run.last.get("val_mse")) for run in found]
        if None in values:
            return None
        errors[name] = math.fsum(values) / len(values)
    return errors


def delta(comparison: Comparison, records: Sequence[Record]) -> float | None:
    """The smallest difference that matters, in the unit of the gains; None while power runs are missing that it is told by."""
    if comparison.tier in LOG_DELTAS:
        return LOG_DELTAS[comparison.tier]
    errors = reference_errors(comparison, records)
    if errors is None or (len(errors) > 1 and not all(errors.values())):  # there are no shares of nothing
        return None
    return RELATIVE if len(errors) > 1 else max(RELATIVE * errors[comparison.datasets[0]], _LEAST)


def half_width_over_delta(comparison: Comparison, records: Sequence[Record]) -> float | None:
    """Half-width of [L, U] over the planned seeds, in δ: all that may be known before a cell is complete.

    None while a planned run or δ is missing. Needs scipy.
    """
    evidence, least = evidence_of(records), delta(comparison, records)
    runs = evidence.runs(comparison, comparison.seeds)
    if least is None or len(_paired(comparison, runs, comparison.seeds)) < len(comparison.seeds):
        return None
    gains = gains_of(comparison, runs, comparison.seeds, reference_errors(comparison, records))
    level, _ = levels(comparison.families)
    return float(half_width(gains.std(ddof=1), len(gains), level, overlap(comparison, runs)) / least)


def needed_seeds(comparison: Comparison, records: Sequence[Record]) -> tuple[int, ...]:
    """The planned seeds, and those of the extension where the planned ones leave the half-width above δ."""
    ratio = half_width_over_delta(comparison, records) if comparison.extended else None
    return comparison.seeds + (comparison.extended if ratio is not None and ratio > 1 else ())


def is_complete(comparison: Comparison, records: Sequence[Record]) -> bool:
    """Whether all runs are there, those of the extension where it is needed; not, where nobody can say whether it is."""
    evidence = evidence_of(records)

    def are_there(seeds: Sequence[int]) -> bool:
        return len(evidence.paired_seeds(comparison, seeds)) == len(seeds)

    if not are_there(comparison.seeds) or not comparison.extended:
        return are_there(comparison.seeds)
    if are_there(comparison.seeds + comparison.extended):  # all made on one kind of device
        return True
    try:
        ratio = half_width_over_delta(comparison, records)
    except ImportError:  # a sweep has no scipy
        return False
    return ratio is not None and ratio <= 1


def is_withheld(comparison: Comparison, records: Sequence[Record]) -> bool:
    """Whether an incomplete comparison of a tier that stands before it has a run of this one, too.

    Tier W has the heads of tier C at one of its widths: ten of the thirty seeds.
    """
    evidence = evidence_of(records)
    place = comparison.backbone, comparison.recipe, comparison.train_per_class
    setups = None
    for other in COMPARISONS:
        if other.tier == comparison.tier:
            return False
        if (other.backbone, other.recipe, other.train_per_class) != place:
            continue
        if set(other.datasets).isdisjoint(comparison.datasets) or is_complete(other, records):
            continue
        setups = setups or {cell.setup for cell in evidence.cells(comparison).values()}
        if any(cell.setup in setups for cell in evidence.cells(other).values()):
            return True
    return False


def gains(comparison: Comparison, records: Sequence[Record]) -> np.ndarray | None:
    """The gain of each seed (S,), above 0 where `arm` is better; None while the comparison is incomplete or withheld.

    A difference of errors; of several sets the mean of such differences as shares of the reference's validation error; in
    tiers R and W of logarithms of errors; in D4 of log(gradient norm of the first layer ÷ of the last) at the end.
    """
    if not is_complete(comparison, records) or is_withheld(comparison, records):
        return None
    seeds = needed_seeds(comparison, records)
    errors = reference_errors(comparison, records) if len(comparison.datasets) > 1 else None
    if errors is None and len(comparison.datasets) > 1:
        return None
    return gains_of(comparison, evidence_of(records).runs(comparison, seeds), seeds, errors)


def pilot_spread(comparison: Comparison, records: Sequence[Record]) -> np.ndarray | None:
    """Gains on validation images over the power runs (S,) less their mean, which would tell a direction.

    None while one is missing or diverged, and in tier D4, which has none.
    """
    runs = evidence_of(records).runs(comparison, POWER_SEEDS)
    errors = reference_errors(comparison, records)
    if comparison.tier == "D4" or errors is None or len(_paired(comparison, runs, POWER_SEEDS)) < len(POWER_SEEDS):
        return None
    found = gains_of(comparison, runs, POWER_SEEDS, errors, validation=True)
    return found - found.mean() if np.isfinite(found).all() else None


def pilot_overlap(comparison: Comparison, records: Sequence[Record]) -> float:
    """n₂/n₁ of the power runs where seeds draw from one pool of images, else 0."""
    return overlap(comparison, evidence_of(records).runs(comparison, POWER_SEEDS))


def judged(comparison: Comparison, records: Sequence[Record]) -> Verdict:
    """The verdict on the gain of `arm` over `reference`; "untested" until all its runs and those that give its δ are there.

    `records` hold the searches and the power runs, too. A pair whose half-width is above δ needs its extension.
    """
    evidence, least = evidence_of(records), delta(comparison, records)
    seeds = needed_seeds(comparison, records)
    paired = evidence.paired_seeds(comparison, seeds)
    if least is None:
        return Verdict("untested", len(paired), None)
    runs = evidence.runs(comparison, seeds)
    gains = gains_of(comparison, runs, paired, reference_errors(comparison, records))
    options = {"family": comparison.families, "overlap": overlap(comparison, runs)}
    if len(paired) < len(seeds) or is_withheld(comparison, records):
        blind = judge(gains, least, len(seeds) + 1, **options)
        return replace(blind, half_width=float(f"{blind.half_width:.4g}"))  # its last bits come from sums of the gains
    options |= _images(comparison, runs, paired, reference_errors(comparison, records))
    verdict = judge(gains, least, len(seeds), **options)
    lacks_images = comparison.tier not in LOG_DELTAS and "differences" not in options
    return replace(verdict, population_note=_NO_IMAGES) if lacks_images else verdict


def gains_of(
    comparison: Comparison, runs: dict, seeds: Sequence[int], errors: dict[str, float] | None, validation: bool = False
) -> np.ndarray:
    """Gains of the seeds (S,) of runs by head, set and seed; `errors` are what several sets are set in proportion to."""
    found = np.zeros(len(seeds))
    for name in comparison.datasets:
        of_arm, of_reference = (
            np.array([_badness(comparison.tier, runs[arm, name, seed], validation) for seed in seeds])
            for arm in comparison.arms
        )
        scale = len(comparison.datasets) * errors[name] if len(comparison.datasets) > 1 else 1.0
        found += (of_reference - of_arm) / scale
    return found


def _badness(tier: str, record: Record, validation: bool) -> float:
    """What a gain is a difference of."""
    if tier == "D4":
        first, *_, last = (max(norm or 0.0, _LEAST_NORM) for norm in record.last["gradient_norms"])
        return math.log(last / first)
    if tier == "R":
        error = record.last["val_mse"] if validation else record.test["last_mse"]
        if record.diverged or error is None:
            error = mean_predictor_error(record.dataset, record.seed)
        return math.log(error)
    error = record.last["val_error"] if validation else _test_error(record)
    if error is None:  # of validation images, after a run that diverged
        return math.nan
    if tier == "W":  # half an image where there is no error, since 0 has no logarithm
        return math.log(max(error, 0.5 / record.split_sizes["val" if validation else "test"]))
    return error


def _test_error(record: Record) -> float:
    """The share of test images that were wrong: a record's accuracies are rounded, its bits are not."""
    images = record.split_sizes["test"]
    return 1 - unpack_bits(record.test["correct"], images).sum() / images


@cache
def mean_predictor_error(target: str, seed: int) -> float:
    """Mean squared test error of the mean predictor on a seed's examples of a regression."""
    return mean_predictor_errors(regression_data(target, seed))["test_mse"]


def overlap(comparison: Comparison, runs: dict) -> float:
    """n₂/n₁ where the seeds draw from one pool of images, else 0."""
    sizes = next((record.split_sizes for record in runs.values()), None)
    return sizes["val"] / sizes["train"] if comparison.tier == "P" and sizes else 0.0


def _images(comparison: Comparison, runs: dict, seeds: Sequence[int], errors: dict[str, float]) -> dict:
    """What `judge` takes of test images: differences by seed and image, and what one of them is worth; of logarithms none."""
    if comparison.tier in LOG_DELTAS:
        return {}
    sizes = {name: runs[comparison.arm, name, seeds[0]].split_sizes["test"] for name in comparison.datasets}
    correct = {
        (arm, name): np.array([unpack_bits(runs[arm, name, seed].test["correct"], sizes[name]) for seed in seeds])
        for arm in comparison.arms
        for name in comparison.datasets
    }
    differences = [error_differences(correct[comparison.reference, n], correct[comparison.arm, n]) for n in sizes]
    if len(sizes) == 1:
        return {"differences": differences[0], "one_image": 1 / sizes[comparison.datasets[0]]}
    found = {"one_image": max(1 / (len(sizes) * sizes[name] * errors[name]) for name in sizes)}
    try:
        ids = [image_ids(name) for name in sizes]
    except (OSError, ValueError):
        return found
    if list(map(len, ids)) == list(sizes.values()):
        found["differences"] = pool_test_sets(differences, [errors[name] for name in sizes], ids)
    return found


@cache
def image_ids(dataset: str) -> tuple[bytes, ...]:
    """A digest of each test image, equal for equal images. Raises what `load_dataset` does where the set is not here."""
    images = load_dataset(dataset).test.images.numpy()
    return tuple(hashlib.sha256(image.tobytes()).digest()[:12] for image in images)
