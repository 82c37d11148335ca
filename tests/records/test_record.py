import dataclasses

import numpy as np
import pytest

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
    other = dataclasses.replace(again, diverged=True)
    with pytest.raises(ValueError, match=rf"run {record.key[:10]} .*torch .* and 2\.4\.1.*diverged"):
        each_once([record, other])


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


def test_the_setup_of_a_run_is_all_but_its_results_and_circumstances(record):
    assert record.setup == dataclasses.replace(record, threads=9, tuning_id="0" * 64, curve=[]).setup
    for change in ({"seed": 5}, {"dataset": "mnist"}, {"split_sizes": {**record.split_sizes, "seed": 3}}):
        assert dataclasses.replace(record, **change).setup != record.setup
    assert {record.setup: 1}
