import dataclasses
import json
import os

import numpy as np
import pytest

from spinalnet_lib import TrainConfig, append_record, create_model, load_dataset, load_records, records_frame, train
from spinalnet_lib.paths import data_path
from spinalnet_lib.record_schema import check_record
from spinalnet_lib.records import pack_bits, unpack_bits


@pytest.fixture(scope="module")
def record():
    model = create_model("pixels", "spinal", 10, image_size=8, layer_width=4)
    return train(
        model, load_dataset("digits"), TrainConfig(epochs=1, read_test=True), seed=0, device="cpu", progress=False
    )


def test_round_trip(record, tmp_path):
    path = tmp_path / "deep" / "runs.jsonl"
    append_record(path, record)
    append_record(path, dataclasses.replace(record, seed=1))
    assert [r.seed for r in load_records(path)] == [0, 1]
    assert load_records(path)[0] == record
    assert len(path.read_text().splitlines()) == 2


def test_a_line_is_one_write_that_has_reached_the_disk(record, tmp_path, monkeypatch):
    calls = []
    for name in ("write", "fsync"):
        original = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, _f=original, _n=name: (calls.append(_n), _f(*args))[1])
    append_record(tmp_path / "runs.jsonl", record)
    assert calls == ["write", "fsync"]


def test_a_torn_last_line_is_skipped_and_written_past(record, tmp_path):
    path = tmp_path / "runs.jsonl"
    append_record(path, record)
    append_record(path, record)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.warns(UserWarning, match="line 2: torn last line skipped"):
        assert len(load_records(path)) == 1
    append_record(path, record)  # resumed: the torn line is cut off, whole ones stay
    append_record(path, record)
    assert load_records(path) == [record] * 3
    path.write_bytes(path.read_bytes()[:-1])  # a whole line that only lacks its newline is kept
    assert len(load_records(path)) == 3
    append_record(path, record)
    assert load_records(path) == [record] * 4


def test_a_file_of_something_else_is_no_torn_line(record, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk")
    with pytest.raises(ValueError, match="line 1 is damaged"):
        load_records(path)
    with pytest.raises(ValueError, match="ends in something that is no record"):
        append_record(path, record)
    assert path.read_text() == "remember the milk"


def test_what_is_no_record_or_path_is_named(tmp_path):
    with pytest.raises(TypeError, match="append_record writes a Record, got dict"):
        append_record(tmp_path / "runs.jsonl", {})
    with pytest.raises(TypeError, match="load_records reads a path or a name, got 5"):
        load_records(5)


def test_a_damaged_line_in_the_middle_is_named(record, tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text(record.to_json() + "\n{broken}\n" + record.to_json() + "\n")
    with pytest.raises(ValueError, match=r"runs\.jsonl, line 2 is damaged: .*restore the line or delete it"):
        load_records(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": "0"}, "seed"),
        ({"key": "abc"}, "64 hexadecimal digits"),
        ({"curve": []}, "curve"),
        ({"curve": [{"step": 1}]}, "curve"),
        ({"curve": None}, "curve"),
        ({"head_cost": {"weights": 1}}, "head_cost"),
        ({"test": {"last": 1}}, "test"),
        ({"seconds": -1.0}, "seconds"),
        ({"threads": 1.5}, "threads"),
        ({"model": {}}, "model"),
        ({"recipe": {}}, "recipe"),
        ({"date": 3}, "date"),
        ({"diverged": "no"}, "diverged"),
        ({"key": "z" * 64}, "64 hexadecimal digits"),
        ({"head_cost": {"weights": "1", "parameters": 1, "macs": 1}}, "whole numbers"),
        ({"test": {"last": 7, "val_best": 0, "test_max": 0, "nll": 0, "brier": 0, "correct": ""}}, "test last is '7'"),
    ],
)
def test_the_schema_names_the_wrong_field(record, change, says):
    with pytest.raises(ValueError, match=says):
        check_record({**dataclasses.asdict(record), **change})


def test_the_schema_names_missing_and_unknown_fields(record):
    fields = dataclasses.asdict(record)
    fields["speed"] = fields.pop("seconds")
    with pytest.raises(ValueError, match=r"fields missing: \['seconds'\], unknown: \['speed'\]"):
        check_record(fields)
    with pytest.raises(ValueError, match="a record is a JSON object, got list"):
        check_record([])
    wrong = json.loads(json.dumps(dataclasses.asdict(record)))
    wrong["curve"][0]["val_error"] = 12.0
    with pytest.raises(ValueError, match=r"val_error is '12\.0'"):
        check_record(wrong)


def test_a_wrong_record_is_not_written(record, tmp_path):
    with pytest.raises(ValueError, match="seed"):
        append_record(tmp_path / "runs.jsonl", dataclasses.replace(record, seed=-5))
    assert not (tmp_path / "runs.jsonl").exists()


def test_unknown_records_list_the_known():
    with pytest.raises(FileNotFoundError, match=r"one of the project's own: .*first_training"):
        load_records("no_such_study")


def test_committed_records_pass_the_schema():
    files = sorted(data_path("results").glob("*.jsonl"))
    assert files
    for path in files:
        records = load_records(path)
        assert len({r.key for r in records}) == len(records), f"{path} holds a run twice"


def test_frame_has_a_row_a_run(record):
    frame = records_frame([record, record])
    assert len(frame) == 2
    assert (
        frame.loc[0, "val_error"] == record.curve[-1]["val_error"] and frame.loc[0, "test_last"] == record.test["last"]
    )
    assert frame.loc[0, "head_weights"] == record.head_cost["weights"]


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


def test_a_frame_of_curves_has_a_row_an_evaluation(record):
    frame = records_frame([record, record], curves=True)
    assert len(frame) == 2 * len(record.curve)
    assert list(frame["val_error"]) == [point["val_error"] for point in record.curve] * 2


@pytest.mark.parametrize("count", [0, 1, 7, 8, 1001])
def test_bits_round_trip(count):
    bits = np.random.default_rng(count).random(count) < 0.5
    assert (unpack_bits(pack_bits(bits), count) == bits).all()
