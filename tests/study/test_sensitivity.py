"""Attempts to break a verdict: each changes the name where it should, and only there."""

from dataclasses import replace

import numpy as np
import pytest

from spinalnet_lib.records.record import pack_bits
from spinalnet_lib.study.cells import BY_ERROR, list_cells, other_readings
from spinalnet_lib.study.comparisons import COMPARISONS, planned_cells
from spinalnet_lib.study.evidence import evidence_of
from spinalnet_lib.study.gains import delta
from spinalnet_lib.study.intervals import half_width, levels
from spinalnet_lib.study.judged import judged
from spinalnet_lib.study.sensitivity import sensitivity
from spinalnet_lib.study.tiers import TIERS
from spinalnet_lib.study.verdict import name_of, name_verdict
from spinalnet_lib.training.recipes import POWER_SEEDS
from tests.study.cases import comparison, complete, ended_search, power_runs, run_of

pytestmark = pytest.mark.usefixtures("no_data")

FASHION = comparison("C Fashion, tuned, spinal against mlp_matched")
NIST = comparison("C NIST, tuned, spinal against mlp_matched")
FASHION_ONLY = ("fashion_mnist",)


@pytest.fixture(scope="module")
def searches(record):
    return ended_search(record, *FASHION_ONLY)


@pytest.fixture(scope="module")
def known(record, searches):
    return [*searches, *power_runs(record, FASHION, np.zeros(8), searches)]


def runs_with(record, searches, errors):
    """Runs of the fashion pair whose error is `errors(head, seed)`."""
    cells = planned_cells(FASHION, FASHION.seeds, searches).values()
    return [run_of(record, cell, errors(cell.head, cell.seed)) for cell in cells]


def changed(records, pair=FASHION):
    name = judged(pair, records).name
    return {what for what, words in sensitivity(pair, records).items() if name_of(words) != name}


def test_a_clear_gain_survives_all_of_it(record):
    records = complete(record, [FASHION], 0.04)
    assert judged(FASHION, records).name == "better, matters"
    assert len(sensitivity(FASHION, records)) >= 9 and changed(records) == set()


def test_what_is_too_small_to_judge_is_so_in_every_reading_but_a_larger_delta(record, searches, known):
    cells = planned_cells(FASHION, FASHION.seeds, searches).values()
    records = [*known, *(run_of(record, cell, 0.1 - 0.005 * (cell.seed % 2), images=200) for cell in cells)]
    assert delta(FASHION, records) == pytest.approx(0.01)  # two of these images
    assert judged(FASHION, records).name == "too small to judge"
    names = sensitivity(FASHION, records)
    assert {what for what, name in names.items() if name != "too small to judge"} == {"δ of 20 %"}


def test_of_one_pool_a_spread_that_tells_of_its_own_images_may_leave_another_open(record):
    pair = comparison("P cifar10, tuned, spinal against linear")
    searches = ended_search(record, "cifar10", tier="P")
    known = [*searches, *power_runs(record, pair, np.linspace(-0.002, 0.002, 8), searches)]
    cells = planned_cells(pair, pair.seeds, searches).values()

    def named(gain, spread):
        errors = [0.1 - (cell.head == "spinal") * (gain + spread * (-1) ** cell.seed) for cell in cells]
        names = sensitivity(pair, [*known, *(run_of(record, c, e) for c, e in zip(cells, errors, strict=True))])
        assert "overlap of training images counted" not in names  # as the plan does in this tier
        return names["these training images only"], names["training images of another pool"]

    assert named(0.018, 0.002) == ("better, matters", "better, size open")
    assert named(0.0, 0.001) == ("equivalent", "equivalent")
    assert named(0.0, 0.006) == ("equivalent", "open")


def test_where_the_plan_counts_no_overlap_it_is_counted_beside(record, searches, known):
    """Half-widths by hand: √(1/n + n₂/n₁) and √(1/n + n₁/n₂) times the spread; a regression draws its examples anew."""
    level, ratio, n = levels(FASHION.families)[0], 0.2, len(FASHION.seeds)
    spread = np.array([0.006 * (-1) ** seed for seed in FASHION.seeds])
    half, wide = (half_width(spread.std(ddof=1), n, level, beside) for beside in (0, ratio))
    gain = 0.01 + (half + wide) / 2  # L is above δ as planned, and not with the overlap
    runs = runs_with(record, searches, lambda head, seed: 0.1 - (gain + spread[seed]) * (head == "spinal"))
    runs = [replace(run, split_sizes={**run.split_sizes, "train": 1000, "val": 200}) for run in runs]
    names = sensitivity(FASHION, [*known, *runs])
    assert judged(FASHION, [*known, *runs]).name == "better, matters"
    assert names["overlap of training images counted"] == "better, size open"
    assert names["training images of another pool"] == "open" and "these training images only" not in names
    target = comparison("R regression_sum, tuned, spinal against mlp_matched")
    assert not [what for what in sensitivity(target, complete(record, [target], 0.03)) if "training images" in what]


def test_gradients_that_grow_towards_the_first_layer_may_count_as_bad(record):
    """The reference's first layer has a thousand times its last's: of the ratio it wins, of the distance from 1 the spine."""
    pair = comparison("D4 mnist, tuned, spinal against mlp_deep_skip")

    def grown(run):
        first = 1000.0 if run.head == "mlp_deep_skip" else 1.0 + 0.1 * (run.seed % 2)
        return replace(run, curve=[*run.curve[:-1], {**run.last, "gradient_norms": [first, *[1.0] * 29]}])

    records = [grown(run) if "gradient_norms" in run.last else run for run in complete(record, [pair], 0.0)]
    assert judged(pair, records).name == "worse, matters"
    assert sensitivity(pair, records)["distance of the ratio from 1"] == "better, matters"


def test_an_incomplete_comparison_has_none(record):
    records = complete(record, [FASHION], 0.04)
    assert sensitivity(FASHION, [run for run in records if run.seed != FASHION.seeds[-1]]) == {}


def test_a_larger_delta_breaks_a_gain_of_fifteen_percent(record):
    assert changed(complete(record, [FASHION], 0.015)) - {"training images of another pool"} == {"δ of 20 %"}


def test_a_smaller_delta_breaks_an_equivalence(record):
    assert "δ of 5 %" in changed(complete(record, [FASHION], 0.008, 0.001))


@pytest.mark.parametrize(
    ("what", "families"),
    [("uncorrected", 1), ("corrected over all of its tier", len([c for c in COMPARISONS if c.tier == "C"]))],
)
def test_other_corrections_of_the_levels_are_read(record, searches, known, what, families):
    """A gain is put where this correction's level, and not the plan's, makes another verdict of it."""
    spread = np.array([0.02 * (seed % 2 * 2 - 1) for seed in FASHION.seeds])
    halves = [half_width(spread.std(ddof=1), len(spread), levels(count)[0]) for count in (FASHION.families, families)]
    gain = 0.01 + np.mean(halves)  # of [L, U] one L is above δ, and one below
    records = [
        *known,
        *runs_with(record, searches, lambda head, seed: 0.1 - (gain + spread[seed]) * (head == "spinal")),
    ]
    names = sensitivity(FASHION, records)
    expected = {"better, matters", "better, size open"}
    assert {names[what], judged(FASHION, records).name} == expected
    assert (names[what] == "better, matters") == (families < FASHION.families)


def test_validation_errors_that_say_otherwise_are_seen(record):
    def turned(run):
        wrong = run.head == "spinal" and run.test is not None
        last = {**run.last, "val_error": 0.14 if wrong else 0.1}
        return replace(run, curve=[*run.curve[:-1], last]) if run.test is not None and run.seed < 60 else run

    records = [turned(run) for run in complete(record, [FASHION], 0.04)]
    assert changed(records) == {"validation instead of test"}
    assert sensitivity(FASHION, records)["validation instead of test"] == "worse, matters"


def test_seeds_that_are_alike_in_both_arms_hide_a_gain_from_two_samples(record, searches, known):
    """The reading as two samples has the interval that their spreads give."""
    level = {seed: 0.1 + 0.05 * (seed % 2) for seed in FASHION.seeds}
    records = [*known, *runs_with(record, searches, lambda head, seed: level[seed] - 0.015 * (head == "spinal"))]
    assert "unpaired" in changed(records)
    runs = evidence_of(records).runs(FASHION, FASHION.seeds)
    errors = np.array([[1 - runs[arm, "fashion_mnist", s].test["last"] for s in FASHION.seeds] for arm in FASHION.arms])
    sd, mean = np.sqrt(errors.var(axis=1, ddof=1).sum()), errors[1].mean() - errors[0].mean()
    wide, narrow = (half_width(sd, len(FASHION.seeds), level) for level in levels(FASHION.families))
    expected = name_verdict((mean - wide, mean + wide), (mean - narrow, mean + narrow), delta(FASHION, records))
    assert sensitivity(FASHION, records)["unpaired"] == expected


def test_seeds_that_carry_a_gain_alone_are_named(record, searches, known):
    def errors(head, seed):
        few = 0.03 if seed < 6 else 0.0
        return 0.1 - few * (head == "spinal") - 0.001 * (seed % 2) * (head == "spinal")

    found = changed([*known, *runs_with(record, searches, errors)])
    assert "without seeds 0 to 5" in found


def test_a_set_that_carries_its_family_alone_is_named(record):
    others = complete(record, [NIST], 0.0)

    def better(run):
        if run.dataset != "mnist" or run.head != "spinal" or run.test is None:
            return run
        images = run.split_sizes["test"]
        right = np.arange(images) >= 0.03 * images
        return replace(run, test={**run.test, "last": 0.97, "correct": pack_bits(right)}, key=run.key)

    found = changed([better(run) for run in others], NIST)
    assert {what for what in found if what.startswith("without emnist")} == set() and "without mnist" in found


def test_runs_at_the_neighbouring_rate_and_with_more_steps_are_read_where_all_are_there(record, searches):
    asked = TIERS["C"].sensitivity
    records = complete(record, [FASHION], 0.04)
    beside = [
        run_of(record, cell, 0.1 + 0.04 * (cell.head == "spinal") + 0.001 * (cell.seed % 2))
        for cell in list_cells("sensitivity", "C", searches, FASHION_ONLY)
    ]
    found = sensitivity(FASHION, [*records, *beside])
    kinds = {"neighbouring rate", f"{asked.times} times the steps"}
    few = f"fashion_mnist alone, seeds {asked.seeds[0]} to {asked.seeds[-1]}"
    assert found[few] == "better, matters"  # these seeds without the change
    assert BY_ERROR not in found  # in this search error and loss choose alike
    assert {found[what] for what in kinds} == {"worse, matters"}
    assert kinds.isdisjoint(sensitivity(FASHION, [*records, *(run for run in beside if run.seed)]))


def test_a_longer_budget_on_one_set_of_a_family_is_read_on_that_set(record):
    """As a share of that set's error, by the family's δ; beside it the same set with the planned steps."""
    pair, letters = NIST, "emnist_letters"
    longer = f"{TIERS['C'].sensitivity.times} times the steps on {letters}"
    alone = f"{letters} alone, seeds 0 to 9"
    known = complete(record, [pair], 0.03, 0.001)
    cells = [
        cell
        for cell in list_cells("sensitivity", "C", ended_search(record, *pair.datasets), [letters])
        if cell.config.steps > TIERS["C"].recipe("", letters, 0.001).steps
    ]
    assert len(cells) == 20 and {longer, alone}.isdisjoint(sensitivity(pair, known))

    def told(gain):
        runs = [
            run_of(record, cell, 0.1 - (gain + 0.0005 * (cell.seed % 2)) * (cell.head == "spinal")) for cell in cells
        ]
        names = sensitivity(pair, [*known, *runs])
        assert names[alone] == "better, matters" and longer not in sensitivity(pair, [*known, *runs[1:]])
        return name_of(names[longer])

    # The reference's error is .1 and δ a tenth of it: a gain of .02 is twice δ only as a share.
    assert (told(0.02), told(0.0), told(-0.02)) == ("better, matters", "equivalent", "worse, matters")


def test_where_error_would_choose_another_setting_of_one_arm_the_other_keeps_its_runs(record, searches):
    """Only runs of the arm that changes are new; with its errors turned round, so is the verdict."""
    lowest = min(run.recipe["learning_rate"] for run in searches)

    def by_error(run):
        error = 0.01 if run.head == "spinal" and run.recipe["learning_rate"] == lowest else 0.1
        return replace(run, curve=[{**run.last, "val_error": error}])

    chosen = [by_error(run) for run in searches]
    cells = planned_cells(FASHION, (*FASHION.seeds, *POWER_SEEDS), chosen).values()
    main = [run_of(record, cell, 0.1 - 0.04 * (cell.head == "spinal")) for cell in cells if cell.seed in FASHION.seeds]
    pilot = [replace(cell, config=replace(cell.config, read_test=False)) for cell in cells if cell.seed in POWER_SEEDS]
    known = [*chosen, *main, *(run_of(record, cell, 0.1 - 0.001 * (cell.seed % 2)) for cell in pilot)]
    assert judged(FASHION, known).name == "better, matters"
    changed_cells = other_readings("C", chosen, FASHION_ONLY)[BY_ERROR]
    new = {cell for cell in changed_cells if cell.head == "spinal"}
    assert new <= {*list_cells("sensitivity", "C", chosen, FASHION_ONLY)}
    assert {cell for cell in changed_cells if cell not in new} <= {*cells}
    found = sensitivity(FASHION, [*known, *(run_of(record, cell, 0.14 + 0.001 * (cell.seed % 2)) for cell in new)])
    assert found[BY_ERROR] == "worse, matters" and BY_ERROR not in sensitivity(FASHION, known)


def test_chains_that_died_are_read_as_the_smallest_ratio_too(record):
    """Under the plan's floor a chain without any gradient has a ratio of 1, as if it were whole."""
    pair = comparison("D4 mnist, tuned, spinal against mlp_deep")
    known = complete(record, [pair], 0.0)

    def with_dead(head, count):
        def kill(run):
            if (run.head, run.seed < count) != (head, True):
                return run
            return replace(run, curve=[*run.curve[:-1], {**run.last, "gradient_norms": [0.0] * 30}])

        return sensitivity(pair, [kill(run) for run in known])["chains that died at the smallest ratio"]

    assert with_dead("mlp_deep", 0) == "equivalent"
    assert with_dead("mlp_deep", 10) == "better, matters" and with_dead("spinal", 10) == "worse, matters"
