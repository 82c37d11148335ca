import dataclasses

import pytest

from spinalnet_lib import records_frame


def another(record):
    return dataclasses.replace(record, key="0" * 64)


def test_frame_has_a_row_a_run_or_an_evaluation(record):
    frame = records_frame([record, another(record)])
    assert len(frame) == 2
    row = frame.loc[0, ["val_error", "test_last", "head_weights"]]
    assert list(row) == [record.last["val_error"], record.test["last"], record.head_cost["weights"]]
    curves = records_frame([record, another(record)], curves=True)
    assert list(curves["val_error"]) == [point["val_error"] for point in record.curve] * 2


def test_a_run_that_is_there_twice_has_one_row(record):
    with pytest.warns(UserWarning, match="1 records"):
        assert len(records_frame([record, dataclasses.replace(record, seconds=9.0)])) == 1
