"""A folder of records with others inside, added to another one."""

import dataclasses

import pytest

from spinalnet_lib import append_record, load_records
from spinalnet_lib.records.folders import merge_folder


def test_each_file_is_added_to_that_at_the_same_place(record, tmp_path):
    source, into = tmp_path / "runs", tmp_path / "results"
    for place, seed in ((source / "study", 0), (source / "tuning", 1), (into / "study", 2), (source / ".claims", 3)):
        place.mkdir(parents=True)
        append_record(place / "mnist.jsonl", dataclasses.replace(record, seed=seed, key=f"{seed:064x}"))
    (source / "study" / "failed.jsonl").write_text('{"key": null}\n')
    assert merge_folder(source, into) == {
        into / "study" / "mnist.jsonl": (1, 2),
        into / "tuning" / "mnist.jsonl": (1, 1),
    }
    assert {each.seed for each in load_records(into / "study")} == {0, 2}
    assert sorted(path.name for path in into.rglob("*")) == ["mnist.jsonl", "mnist.jsonl", "study", "tuning"]


def test_nothing_changes_where_a_line_is_damaged_or_nothing_is_there(record, tmp_path):
    source, into = tmp_path / "runs", tmp_path / "results"
    source.mkdir()
    with pytest.raises(ValueError, match=f"no records under {source}"):
        merge_folder(source, into)
    append_record(source / "a.jsonl", record)
    (source / "b.jsonl").write_text("{broken}\n")
    with pytest.raises(ValueError, match=r"nothing was merged.*b\.jsonl"):
        merge_folder(source, into)
    assert not into.exists()
