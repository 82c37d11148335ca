import dataclasses

import numpy as np
import pytest

from spinalnet_lib import compare


def runs(record, head, errors, **changes):
    found = []
    for seed, error in enumerate(errors):
        point = {**record.last, "val_error": error}
        test = {**record.test, "last": 1 - error / 2}
        parts = {"model": {**record.model, "head": head}, "seed": seed, "curve": [point], "test": test}
        found.append(dataclasses.replace(record, key=f"{abs(hash((head, seed))):064x}"[:64], **parts | changes))
    return found


@pytest.fixture
def both(record):
    return [*runs(record, "spinal", [0.1, 0.2, 0.3]), *runs(record, "mlp", [0.2, 0.1, 0.5])]


def test_gains_are_those_of_the_first_head_paired_by_seed(both):
    found = compare(both[::-1], "spinal", "mlp")
    assert found.seeds == (0, 1, 2) and found.gains == pytest.approx([0.1, -0.1, 0.2])
    assert found.mean == pytest.approx(0.2 / 3) and found.low < found.mean < found.high
    assert compare(both, "mlp", "spinal").gains == pytest.approx(-found.gains)
    assert compare(both, "spinal", "mlp", read_test=True).gains == pytest.approx(found.gains / 2)
    assert compare(both, "spinal", "mlp", level=0.5).high < found.high and np.isfinite(found.pairing)


def test_seeds_that_one_head_lacks_are_left_out(both):
    assert compare(both[1:], "spinal", "mlp").seeds == (1, 2)
    with pytest.raises(ValueError, match="'linear'"):
        compare(both, "spinal", "linear")


def test_what_cannot_be_compared_is_refused(record, both):
    with pytest.raises(ValueError, match="mnist"):
        compare([*both, *runs(record, "mlp", [0.1], dataset="mnist")], "spinal", "mlp")
    with pytest.raises(ValueError, match="two runs of seed 0"):
        compare([*both, dataclasses.replace(both[0], key="0" * 64)], "spinal", "mlp")
    closed = [dataclasses.replace(run, test=None) for run in both]
    with pytest.raises(ValueError, match="read_test=False"):
        compare(closed, "spinal", "mlp", read_test=True)
