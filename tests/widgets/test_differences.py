"""What two widgets share: errors without rounding, and the intervals of the library."""

import pytest

from spinalnet_lib import crossed_errors, mean_interval
from spinalnet_lib.widgets.differences import crossed_data, interval, leader
from tests.widgets.cases import MNIST


def test_thousandths_hold_the_recorded_errors():
    data = crossed_data(MNIST)
    for name, (spinal, dense) in crossed_errors(MNIST).items():
        assert [[e / 1000 for e in errors] for errors in data["errors"][name]] == [
            pytest.approx(spinal, abs=0.0006),
            pytest.approx(dense, abs=0.0006),
        ]


def test_the_interval_is_students():
    data = crossed_data(MNIST)
    assert interval([1260, -30, 7], data["t"]) == pytest.approx(mean_interval([1.26, -0.03, 0.007]), rel=1e-4)
    assert interval([1260], data["t"]) == [1.26, None, None]


def test_a_tie_has_no_leader():
    assert [leader(d) for d in (-0.1, 0.0, 0.1)] == ["spinal", "neither", "dense"]
