import dataclasses
import json

import pytest

from spinalnet_lib.record_schema import check_record


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
