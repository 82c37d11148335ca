import math

import numpy as np
import pytest
from scipy.stats import binom

from spinalnet_lib.study.power import RIGHT, power, sd_interval, verdict_probabilities
from spinalnet_lib.study.verdict import judge

PILOT = [-1.13, 1.05, -0.68, -0.15, -0.08, 0.60, 0.30, 0.53]  # points, of kmnist_10k on validation images


def test_sd_interval_of_the_pilot():
    """Worked out apart from this code: .72 (from unrounded pairs), 95 % .47 to 1.46."""
    assert sd_interval(PILOT) == pytest.approx((np.std(PILOT, ddof=1), 0.473, 1.455), abs=1e-3)
    with pytest.raises(ValueError, match="values"):
        sd_interval([0.1])


def test_sd_interval_covers_as_often_as_it_says():
    rng, studies = np.random.default_rng(0), 1000
    intervals = [sd_interval(rng.normal(size=8)) for _ in range(studies)]
    covered = sum(low <= 1 <= high for _, low, high in intervals)
    assert binom.ppf(0.001, studies, 0.95) <= covered <= binom.ppf(0.999, studies, 0.95)


@pytest.mark.parametrize(
    "sd, n, effect, verdict, share",
    [
        (0.11, 30, 0, "equivalent", 1.00),
        (0.11, 30, 1.5, "better, matters", 0.76),
        (0.11, 30, 1.5, "better, size open", 0.24),
        (0.11, 30, 1, "better, size open", 0.97),
        (0.15, 30, 0, "equivalent", 0.99),
        (0.15, 30, 1.5, "better, matters", 0.46),
        (0.15, 30, 2, "better, matters", 0.985),
        (0.11, 16, 0, "equivalent", 0.98),
        (0.11, 10, 2, "better, matters", 0.78),
    ],
)
def test_power_as_worked_out_apart_from_this_code(sd, n, effect, verdict, share):
    delta = 0.1315
    assert verdict_probabilities(effect * delta, sd, n, delta, family=3)[verdict] == pytest.approx(share, abs=0.0075)


@pytest.mark.parametrize("effect", [-2, 0, 0.5, 1.5])
def test_what_one_bound_decides_equals_statsmodels(effect):
    """One-sided tests, of a gain above δ and of one above 0; an equivalent gain above 0 is rare with this spread."""
    from statsmodels.stats.power import TTestPower

    shares = verdict_probabilities(effect, 4.0, 30, 1.0, family=2)

    def above(bound):
        return TTestPower().power((effect - bound) / 4.0, 30, 0.025 / 2, alternative="larger")

    assert shares["better, matters"] == pytest.approx(above(1.0), abs=1e-6)
    assert shares["better, matters"] + shares["better, size open"] == pytest.approx(above(0.0), abs=2e-4)
    mirrored = verdict_probabilities(-effect, 4.0, 30, 1.0, family=2)
    assert [mirrored["worse, matters"], mirrored["worse, size open"], mirrored["equivalent"]] == pytest.approx(
        [shares["better, matters"], shares["better, size open"], shares["equivalent"]]
    )


@pytest.mark.parametrize(
    "effect, sd, overlap", [(0, 0.9, 0), (0.3, 1.5, 0), (0.6, 0.5, 0), (1.5, 1, 0), (1, 0.6, 0.02)]
)
def test_shares_equal_simulated_verdicts(effect, sd, overlap):
    """Means and spreads of normal gains drawn as such, then judged as the verdict judges them."""
    from spinalnet_lib.study.intervals import half_width, levels

    rng, studies, n = np.random.default_rng(1), 20_000, 12
    means = effect + rng.normal(size=studies) * sd * math.sqrt(1 / n + overlap)
    spreads = sd * np.sqrt(rng.chisquare(n - 1, studies) / (n - 1))
    half, narrow = (half_width(spreads, n, level, overlap) for level in levels(3))
    equivalent = np.abs(means) + narrow < 1
    seen = {
        "better, matters": means - half > 1,
        "worse, matters": means + half < -1,
        "equivalent": equivalent,
        "better, size open": (means - half > 0) & (means - half <= 1) & ~equivalent,
        "worse, size open": (means + half < 0) & (means + half >= -1) & ~equivalent,
    }
    shares = verdict_probabilities(effect, sd, n, 1.0, 3, overlap)
    assert sum(shares.values()) == pytest.approx(1)
    for name, cases in seen.items():
        low, high = binom.ppf([0.0001, 0.9999], studies, shares[name])
        assert low <= cases.sum() <= high, name


def test_power_has_a_row_for_each_effect_and_end_of_the_spread():
    rows = power(PILOT, 0.66, 30, family=3)
    assert [(row["effect"], row["sd_is"]) for row in rows] == [
        (effect, which) for effect in RIGHT for which in ("estimate", "low", "high")
    ]
    right = {(row["effect"], row["sd_is"]): row["right"] for row in rows}
    assert right[0, "estimate"] == pytest.approx(0.99, abs=0.01)
    assert right[2, "estimate"] == pytest.approx(0.99, abs=0.01)
    assert right[0, "high"] == pytest.approx(0.22, abs=0.01)
    assert right[2, "high"] == pytest.approx(0.48, abs=0.01)


@pytest.mark.parametrize("bad", [{"sd": -1.0}, {"delta": 0.0}, {"n": 1}])
def test_what_has_no_power_is_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        verdict_probabilities(**{"effect": 0.0, "sd": 1.0, "n": 8, "delta": 1.0, **bad})


@pytest.mark.parametrize(
    ("effect", "verdict"), [(0.0, "equivalent"), (1.5, "better, matters"), (-2.0, "worse, matters")]
)
def test_without_any_spread_a_verdict_is_certain(effect, verdict):
    found = verdict_probabilities(effect, 0.0, 30, 1.0)
    assert {name for name, share in found.items() if share} == {verdict} and sum(found.values()) == 1
    assert found.keys() == verdict_probabilities(effect, 1.0, 30, 1.0).keys()


def check_drill(studies):
    """Effects of 0, 1.5 δ and 2 δ, planted, get the right verdict as often as was promised."""
    rng, sd, delta, n = np.random.default_rng(2), 0.15, 0.1315, 30
    for effect, right in RIGHT.items():
        promised = verdict_probabilities(effect * delta, sd, n, delta, family=3)[right]
        gains = rng.normal(effect * delta, sd, (studies, n))
        found = sum(judge(of_study, delta, n, family=3).name == right for of_study in gains)
        low, high = binom.ppf([0.001, 0.999], studies, promised)
        assert low <= found <= high, effect


def test_drill():
    check_drill(200)


@pytest.mark.full
def test_drill_of_two_thousand_studies():
    check_drill(2000)
