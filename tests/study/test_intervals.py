import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

from spinalnet_lib.study.intervals import (
    error_differences,
    gain_interval,
    half_width,
    levels,
    mean_squares,
    pool_test_sets,
    population_interval,
)


def test_levels_are_bonferronis():
    assert levels(1) == (0.95, 0.90)
    assert levels(3) == pytest.approx((0.98333, 0.96667), abs=1e-5)
    with pytest.raises(ValueError, match=r"family.*0"):
        levels(0)


def test_gain_interval_equals_statsmodels():
    from statsmodels.stats.weightstats import DescrStatsW

    gains = np.random.default_rng(0).normal(0.1, 1, 30)
    for level in (*levels(3), 0.95):
        expected = DescrStatsW(gains).tconfint_mean(alpha=1 - level)
        assert gain_interval(gains, level) == pytest.approx((gains.mean(), *expected))
    assert gain_interval([0.5]) == (0.5, -math.inf, math.inf)


@pytest.mark.parametrize("gains", [[], [0.1, math.nan], [[0.1], [0.2]]])
def test_gains_that_are_none_or_no_numbers_are_refused(gains):
    with pytest.raises(ValueError, match="gains"):
        gain_interval(gains)


def test_overlapping_draws_need_the_wider_variance():
    """Draws that share their pool have correlated gains: n₂/(n₁ + n₂) is the correlation that the variance assumes."""
    rng, n, studies, overlap = np.random.default_rng(1), 30, 2000, 0.2
    correlation = overlap / (1 + overlap)
    shared = rng.normal(size=(studies, 1)) * math.sqrt(correlation)
    gains = shared + rng.normal(size=(studies, n)) * math.sqrt(1 - correlation)
    sd, mean = gains.std(axis=1, ddof=1), gains.mean(axis=1)
    covered = np.sum(np.abs(mean) <= half_width(sd, n, 0.95, overlap))
    assert binom.ppf(0.001, studies, 0.95) <= covered <= binom.ppf(0.999, studies, 0.95)
    assert np.mean(np.abs(mean) <= half_width(sd, n, 0.95)) < 0.7
    _, low, high = gain_interval(gains[0], 0.95, overlap)
    assert high - low == pytest.approx(2 * 2.04523 * sd[0] * math.sqrt(1 / 30 + 0.2), rel=1e-5)  # t of 29, from a table


def test_where_only_images_make_the_spread_another_pool_needs_the_inverse_overlap():
    """Each gain is the mean over a draw of five sixths of a pool's images; 0 is the mean of all pools."""
    rng, n, studies, images = np.random.default_rng(2), 30, 1000, 60
    pools = rng.normal(size=(studies, 1, images)).repeat(n, axis=1)
    gains = rng.permuted(pools, axis=2)[..., : images * 5 // 6].mean(axis=2)
    sd, mean = gains.std(axis=1, ddof=1), gains.mean(axis=1)
    covered = np.sum(np.abs(mean) <= half_width(sd, n, 0.95, 5))
    assert binom.ppf(0.001, studies, 0.94) <= covered <= binom.ppf(0.999, studies, 0.97)
    assert np.mean(np.abs(mean) <= half_width(sd, n, 0.95, 0.2)) < 0.5


def test_gain_is_above_zero_where_spinal_is_right_more_often():
    reference, spinal = np.array([[True, False, False]]), np.array([[False, True, False]])
    assert error_differences(reference, spinal).tolist() == [[-1, 1, 0]]
    with pytest.raises(ValueError, match=r"\(1, 3\).*\(1, 2\)"):
        error_differences(reference, spinal[:, :2])


def mean_squares_by_loops(d):
    """Every cell's three deviations, one after another."""
    seeds, examples = d.shape
    grand = sum(d[s, i] for s in range(seeds) for i in range(examples)) / d.size
    rows = [sum(d[s]) / examples for s in range(seeds)]
    columns = [sum(d[:, i]) / seeds for i in range(examples)]
    of_seeds = of_examples = residual = 0.0
    for s in range(seeds):
        for i in range(examples):
            of_seeds += (rows[s] - grand) ** 2
            of_examples += (columns[i] - grand) ** 2
            residual += (d[s, i] - rows[s] - columns[i] + grand) ** 2
    return of_seeds / (seeds - 1), of_examples / (examples - 1), residual / (seeds - 1) / (examples - 1)


def test_mean_squares_equal_loops_and_statsmodels():
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    d = np.random.default_rng(2).integers(-1, 2, (5, 14)).astype(np.int8)
    assert mean_squares(d) == pytest.approx(mean_squares_by_loops(d.astype(float)))
    cells = [{"seed": s, "example": i, "d": float(d[s, i])} for s in range(5) for i in range(14)]
    table = anova_lm(ols("d ~ C(seed) + C(example)", pd.DataFrame(cells)).fit())
    assert mean_squares(d) == pytest.approx(table["mean_sq"])


def test_population_interval_is_the_plans_formula():
    from scipy.stats import t

    rng = np.random.default_rng(3)
    d = rng.normal(size=(9, 1)) * 0.1 + rng.normal(size=40) + rng.normal(size=(9, 40))
    a, b, c = mean_squares_by_loops(d)
    df = (a + b - c) ** 2 / (a**2 / 8 + b**2 / 39 + c**2 / (8 * 39))
    half = t.ppf(0.975, df) * math.sqrt((a + b - c) / (9 * 40))
    assert population_interval(d) == pytest.approx((d.mean(), d.mean() - half, d.mean() + half))
    a *= 1 + 9 * 0.2
    df = (a + b - c) ** 2 / (a**2 / 8 + b**2 / 39 + c**2 / (8 * 39))
    half = t.ppf(0.975, df) * math.sqrt((a + b - c) / (9 * 40))
    assert population_interval(d, 0.95, 0.2)[2] == pytest.approx(d.mean() + half)


def test_population_interval_is_never_narrower_than_that_of_the_seeds():
    rng = np.random.default_rng(4)
    alike = np.tile(rng.normal(size=(10, 1)), 30)
    assert population_interval(alike) == pytest.approx(gain_interval(alike[:, 0]))
    noise = rng.normal(size=(10, 30))
    d = alike + noise - noise.mean(axis=0)  # images differ less than chance has them: the formula alone is narrower
    assert population_interval(d) == gain_interval(d.mean(axis=1))
    alternating = np.where(np.indices((10, 30)).sum(axis=0) % 2, 1.0, -1.0)  # a residual and nothing else
    assert population_interval(alternating) == gain_interval(alternating.mean(axis=1)) == (0, 0, 0)
    with pytest.raises(ValueError, match=r"\(30,\)"):
        population_interval(alike[0])


def test_images_that_test_sets_share_count_once():
    rng = np.random.default_rng(5)
    ids = [["a", "b", "c", "d"], ["c", "d", "e"], ["f", "a", "f"]]  # the third has an image twice
    errors = [0.01, 0.06, 0.1]
    sets = [rng.integers(-1, 2, (4, len(names))) for names in ids]
    z = pool_test_sets(sets, errors, ids)
    expected = np.zeros((4, 6))
    for s in range(4):
        for d, error, names in zip(sets, errors, ids, strict=True):
            for i, name in enumerate(names):
                expected[s, "abcdef".index(name)] += 6 * d[s, i] / (3 * len(names) * error)
    assert z == pytest.approx(expected)
    effect = np.mean([d.mean(axis=1) / error for d, error in zip(sets, errors, strict=True)], axis=0)
    assert z.mean(axis=1) == pytest.approx(effect)
    assert pool_test_sets(sets[:1], [1.0], ids[:1]) == pytest.approx(sets[0])
    with pytest.raises(ValueError, match=r"image_ids.*11.*10"):
        pool_test_sets(sets, errors, [[*ids[0], "g"], *ids[1:]])
    with pytest.raises(ValueError, match="reference_errors"):
        pool_test_sets(sets, [0.01, 0.0, 0.1], ids)


SHARED, OWN, OF_SEED, NOISE = (
    1.0,
    0.3,
    0.05,
    0.5,
)  # standard deviations of what makes an image hard, for both arms and for one
LIMITS = (1.7, 1.8)  # reference and spinal: errors of some 7 and 6 %


def simulate(rng, seeds, examples):
    """One study: differences (S, N), the true gain on these test images, and that on all images."""
    shared = rng.standard_normal(examples, np.float32) * SHARED
    correct, errors, errors_everywhere = [], [], []
    for limit in LIMITS:
        image = shared + rng.standard_normal(examples, np.float32) * OWN - limit
        seed = rng.standard_normal((seeds, 1), np.float32) * OF_SEED
        correct.append(image + seed + rng.standard_normal((seeds, examples), np.float32) * NOISE <= 0)
        errors.append(norm.cdf(image / math.hypot(OF_SEED, NOISE)).mean())
        errors_everywhere.append(norm.cdf(-limit / math.hypot(SHARED, OWN, OF_SEED, NOISE)))
    return error_differences(*correct), errors[0] - errors[1], errors_everywhere[0] - errors_everywhere[1]


def check_coverage(studies, examples, lowest, highest):
    """Of 30 seeds: both intervals hold their own target often enough, and that of all images is as wide as it need be."""
    rng = np.random.default_rng(6)
    of_seeds, of_images, width, means = 0, 0, 0.0, []
    for _ in range(studies):
        d, here, everywhere = simulate(rng, 30, examples)
        mean, low, high = gain_interval(d.mean(axis=1))
        of_seeds += low <= here <= high
        _, low, high = population_interval(d)
        of_images += low <= everywhere <= high
        width += (high - low) / studies
        means.append(mean)
    assert lowest <= of_seeds <= highest
    assert of_images >= lowest
    ideal = 2 * norm.ppf(0.975) * np.std(means)
    assert width == pytest.approx(ideal, rel=norm.ppf(0.999) / math.sqrt(2 * studies))  # as well as `ideal` is known


def test_intervals_cover_what_they_are_for():
    check_coverage(200, 400, *binom.ppf([0.001, 0.999], 200, 0.95))


@pytest.mark.full
def test_intervals_cover_what_they_are_for_in_two_thousand_studies():
    """Seen: 95.1 and 95.0 %, the second interval 1.45 times as wide as the first and as wide as it need be."""
    check_coverage(2000, 3000, 0.94 * 2000, 0.97 * 2000)


def crosswise_bootstrap(rng, d, resamples):
    """The interval that is not used: seeds and examples both drawn with replacement, percentiles of the means."""
    rows, columns = (rng.multinomial(n, np.full(n, 1 / n), resamples) for n in d.shape)
    return np.percentile(((rows @ d.astype(float)) * columns).sum(axis=1) / d.size, [2.5, 97.5])


def test_crosswise_bootstrap_is_too_wide():
    """It counts the residual about three times (Owen, The Pigeonhole Bootstrap, 2007), here where there is nothing else."""
    rng, studies = np.random.default_rng(8), 300
    crosswise, of_images, widths = 0, 0, np.zeros(2)
    for _ in range(studies):
        d = rng.standard_normal((30, 100))
        low, high = crosswise_bootstrap(rng, d, resamples=200)
        crosswise += low <= 0 <= high
        _, least, most = population_interval(d)
        of_images += least <= 0 <= most
        widths += high - low, most - least
    assert of_images >= binom.ppf(0.001, studies, 0.95)
    assert crosswise > binom.ppf(0.999, studies, 0.95)
    assert widths[0] > 1.4 * widths[1]


def test_percentile_bootstrap_over_ten_seeds_covers_too_rarely():
    rng, studies = np.random.default_rng(7), 1000
    gains = rng.normal(size=(studies, 10))
    drawn = np.take_along_axis(gains[:, None], rng.integers(0, 10, (studies, 300, 10)), axis=2).mean(axis=2)
    low, high = np.percentile(drawn, [2.5, 97.5], axis=1)
    least = binom.ppf(0.001, studies, 0.95)
    assert np.sum((low <= 0) & (high >= 0)) < least
    assert np.sum(np.abs(gains.mean(axis=1)) <= half_width(gains.std(axis=1, ddof=1), 10)) >= least
