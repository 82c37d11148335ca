import dataclasses
import json

import pytest

from spinalnet_lib.records.schema import check_record


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": -1}, "seed"),
        ({"key": "abc"}, "64 hexadecimal digits"),
        ({"curve": []}, "curve"),
        ({"curve": [{"step": 1}]}, "curve"),
        ({"head_cost": {"weights": 1}}, "head_cost"),
        ({"test": {"last": 1}}, "test"),
        ({"seconds": -1.0}, "seconds"),
        ({"threads": 1.5}, "threads"),
        ({"model": {}}, "model"),
        ({"date": 3}, "date"),
        ({"tuning_id": 3}, "tuning_id is '3', expected 64 hexadecimal digits, or null"),
        ({"diverged": "no"}, "diverged"),
        ({"head_cost": {"weights": 1, "parameters": 1, "macs": 1, "mac": 1}}, "head_cost"),
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


@pytest.mark.parametrize(
    ("place", "name", "value", "says"),
    [
        ("recipe", "learning_rate", "fast", "recipe learning_rate is 'fast', expected a number"),
        ("recipe", "epochs", 1.5, "recipe epochs is '1.5', expected a whole number, not negative, or null"),
        ("recipe", "loss", [], r"recipe loss is '\[\]', expected one of"),
        ("model", "head_arguments", [], "model head_arguments"),
        ("model", "head_arguments", {"drop_rate": "x"}, "drop_rate, if there is one, a number"),
        ("recipe", "epochs", 0, "expected either steps or epochs"),
        ("recipe", "epochs", None, "expected either steps or epochs"),
        ("curve", "train_loss", "z", "curve train_loss is 'z', expected a number"),
        ("curve", "val_error", 12.0, "curve val_error is '12.0', expected a share"),
        ("curve", "val_nll", float("nan"), "curve val_nll is 'nan'"),
    ],
)
def test_the_schema_looks_inside_objects(record, place, name, value, says):
    wrong = json.loads(json.dumps(dataclasses.asdict(record)))
    (wrong["curve"][0] if place == "curve" else wrong[place])[name] = value
    with pytest.raises(ValueError, match=says):
        check_record(wrong)
