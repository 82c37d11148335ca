"""When a comparison has all its runs, and what of it stays hidden until then."""

import numpy as np

from spinalnet_lib.study.judged import gains, judged
from tests.study.cases import PILOT, SPREAD, comparison, power_runs, runs_of


def test_it_is_untested_while_a_run_is_missing_and_says_its_half_width_only(fashion):
    pair, known, runs = fashion
    verdict = judged(pair, [*known, *runs(0.03)[1:]])
    assert (verdict.name, verdict.units, verdict.mean, verdict.interval) == ("untested", 29, None, None)
    assert 0 < verdict.half_width < 1 and gains(pair, [*known, *runs(0.03)[1:]]) is None
    assert judged(pair, runs(0.03)).name == "untested"


def test_a_wide_interval_asks_for_the_extension(fashion, record, searches):
    pair, known, _ = fashion
    wide = np.tile([-0.04, 0.04], 30)
    thirty = judged(pair, [*known, *runs_of(record, pair, 0.05 + wide[:30], searches)])
    assert (thirty.name, thirty.units) == ("untested", 30) and thirty.half_width > 1
    sixty = judged(pair, [*known, *runs_of(record, pair, 0.05 + wide, searches)])
    assert (sixty.name, sixty.units) == ("better, matters", 60)


def test_ten_seeds_of_tier_w_wait_for_the_thirty_of_tier_c(record, searches):
    narrow = comparison("W mnist, width 8, tuned, spinal against mlp_matched")
    primary = comparison("C NIST, tuned, spinal against mlp_matched")
    known = [*searches, *power_runs(record, primary, PILOT, searches)]
    alone = [*known, *runs_of(record, narrow, SPREAD[:10] + 0.05, searches)]
    assert judged(narrow, alone).name == "untested" and gains(narrow, alone) is None
    secondary = comparison("C NIST, tuned, spinal against mlp")
    both = [run for pair in (primary, secondary) for run in runs_of(record, pair, SPREAD + 0.05, searches)]
    assert judged(narrow, known + both).name == "better, matters"


def test_what_is_as_published_or_of_other_widths_tells_nothing_before_the_primary_cell(record, searches):
    primary = comparison("C NIST, tuned, spinal against mlp_matched")
    others = [comparison("C NIST, published"), comparison("W mnist, width 4, tuned, spinal against mlp")]
    known = [*searches, *power_runs(record, primary, PILOT, searches), *power_runs(record, others[0], PILOT, searches)]
    known += [run for other in others for run in runs_of(record, other, SPREAD[:10] + 0.05, searches)]
    whole = runs_of(record, primary, SPREAD + 0.05, searches)
    for other in others:
        assert judged(other, [*known, *whole[:-1]]).name == "untested" and gains(other, [*known, *whole[:-1]]) is None
        assert judged(other, [*known, *whole]).name == "better, matters"
