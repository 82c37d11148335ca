"""The draws that the page repeats."""

import statistics

from spinalnet_lib.widgets.draws import Draws


def test_it_is_the_generator_of_the_c_standard():
    """Its ten-thousandth number from 1 is 399268537 (C++ standard, minstd_rand)."""
    draws = Draws(1)  # ten are thrown away
    for _ in range(9989):
        draws.next()
    assert draws.next() == 399268537


def test_some_are_different_and_all_come_equally_often():
    draws = Draws(7)
    found = [draws.some(3, 10) for _ in range(3000)]
    assert all(len(set(few)) == 3 for few in found)
    counts = [sum(i in few for few in found) for i in range(10)]
    assert min(counts) > 800 and max(counts) < 1000  # 900, give or take four standard deviations
    assert sorted(draws.some(10, 10)) == list(range(10))


def test_normal_numbers_have_mean_zero_and_deviation_one():
    draws = Draws(3)
    found = [draws.normal() for _ in range(5000)]
    assert abs(statistics.fmean(found)) < 0.06 and abs(statistics.stdev(found) - 1) < 0.04
