import dataclasses

import numpy as np
import pytest

from spinalnet_lib import records_frame
from spinalnet_lib.records.record import RESULTS, Record, each_once, pack_bits, unpack_bits


def another(record):
    return dataclasses.replace(record, key="0" * 64)


def test_every_field_is_of_one_kind():
    """A new one must be put somewhere: what a re-run must equal is in RESULTS, or follows from the key."""
    identity = {"key", "numerics_version", "dataset_sha256", "model", "recipe", "seed", "device", "threads"}
    follows = {"dataset", "split_sizes", "n_steps"}
    circumstances = {"dataset_source", "tuning_id", "seconds", "images_per_second", "peak_memory_mb", "device_name"}
    circumstances |= {"host", "python", "torch", "cuda", "library", "source_sha256", "date"}
    fields = [field.name for field in dataclasses.fields(Record)]
    assert sorted([*identity, *follows, *RESULTS, *circumstances]) == sorted(fields)


def test_a_run_that_is_there_twice_counts_once_with_a_warning(record):
    again = dataclasses.replace(record, seconds=9.0, torch="2.4.1")
    with pytest.warns(UserWarning, match="1 records"):
        assert each_once([record, again, another(record)]) == [record, another(record)]
    with pytest.warns(UserWarning, match="1 records"):
        assert len(records_frame([record, again])) == 1
    other = dataclasses.replace(again, diverged=True)
    with pytest.raises(ValueError, match=rf"run {record.key[:10]} .*torch .* and 2\.4\.1.*diverged"):
        records_frame([record, other])


def test_frame_has_a_row_a_run_or_an_evaluation(record):
    frame = records_frame([record, another(record)])
    assert len(frame) == 2
    row = frame.loc[0, ["val_error", "test_last", "head_weights"]]
    assert list(row) == [record.last["val_error"], record.test["last"], record.head_cost["weights"]]
    curves = records_frame([record, another(record)], curves=True)
    assert list(curves["val_error"]) == [point["val_error"] for point in record.curve] * 2


@pytest.mark.parametrize(
    ("arguments", "arm"),
    [
        ({}, "mlp, no dropout"),
        ({"drop_rate": [0.0, 0.5]}, "mlp, dropout 0.5"),
        ({"drop_rate": [0.0, 0.0]}, "mlp, no dropout"),
        ({"drop_rate": [0.5, 0.5]}, "mlp, dropout 0.5 throughout"),
        ({"drop_rate": 0.5}, "mlp, dropout 0.5 throughout"),
        ({"drop_rate": [0.1, 0.0, 0.5]}, "mlp, dropout 0.1, 0, 0.5 throughout"),
    ],
)
def test_an_arm_is_the_head_with_its_dropout(record, arguments, arm):
    model = {**record.model, "head": "mlp", "head_arguments": arguments}
    assert dataclasses.replace(record, model=model).arm == arm


@pytest.mark.parametrize("count", [0, 1, 7, 8, 1001])
def test_bits_round_trip(count):
    bits = np.random.default_rng(count).random(count) < 0.5
    assert (unpack_bits(pack_bits(bits), count) == bits).all()
