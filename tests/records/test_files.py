import dataclasses
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from spinalnet_lib import append_record, load_records
from spinalnet_lib.paths import data_path
from spinalnet_lib.records.files import RecordFolder, check_records, merge_records
from spinalnet_lib.records.record import pack_bits


def test_round_trip(record, tmp_path):
    path = tmp_path / "deep" / "runs.jsonl"
    append_record(path, record)
    append_record(path, dataclasses.replace(record, seed=1))
    assert [r.seed for r in load_records(path)] == [0, 1]
    assert load_records(path)[0] == record
    assert len(path.read_text().splitlines()) == 2


def test_a_line_is_one_write_that_has_reached_the_disk(record, tmp_path, monkeypatch):
    calls = []
    for name in ("pwrite", "fsync"):
        original = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, _f=original, _n=name: (calls.append(_n), _f(*args))[1])
    append_record(tmp_path / "runs.jsonl", record)
    assert calls == ["pwrite", "fsync"]


def test_a_torn_last_line_is_skipped_and_written_past(record, tmp_path):
    path = tmp_path / "runs.jsonl"
    append_record(path, record)
    append_record(path, record)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.warns(UserWarning, match="line 2: torn last line skipped"):
        assert len(load_records(path)) == 1
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(path.read_bytes()[:300])  # the first run of all was cut off
    with pytest.warns(UserWarning, match="line 1: torn last line skipped"):
        assert load_records(torn) == []
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
    with pytest.raises(ValueError, match=r"no record in .*line 1 is damaged"):
        load_records(path)
    with pytest.raises(ValueError, match="ends in something that is no record"):
        append_record(path, record)
    assert path.read_text() == "remember the milk"


def test_what_is_no_record_or_path_is_named(tmp_path):
    with pytest.raises(TypeError, match="append_record writes a Record, got dict"):
        append_record(tmp_path / "runs.jsonl", {})
    with pytest.raises(TypeError, match="load_records reads a path or a name, got 5"):
        load_records(5)


def test_a_damaged_line_in_the_middle_is_named_and_the_others_kept(record, tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text(record.to_json() + "\n{broken}\n" + record.to_json() + "\n")
    with pytest.warns(UserWarning, match=r"runs\.jsonl, line 2 is damaged: .*restore the line or delete it"):
        assert load_records(path) == [record, record]


def test_a_wrong_record_is_not_written(record, tmp_path):
    with pytest.raises(ValueError, match="seed"):
        append_record(tmp_path / "runs.jsonl", dataclasses.replace(record, seed=-5))
    assert not (tmp_path / "runs.jsonl").exists()


def test_unknown_records_list_the_known():
    with pytest.raises(FileNotFoundError, match=r"one of the project's own: .*first_training"):
        load_records("no_such_study")


def test_committed_records_are_sound():
    folders = {path.parent for path in data_path("results").rglob("*.jsonl")}
    count, problems = check_records(sorted(folders))
    assert count >= 80 and problems == []


def test_a_folder_is_read_whole_but_for_failures(record, tmp_path):
    append_record(tmp_path / "b.jsonl", record)
    append_record(tmp_path / "a.jsonl", dataclasses.replace(record, seed=1))
    (tmp_path / "failed.jsonl").write_text('{"cell": "x", "reason": "y"}\n')
    assert [r.seed for r in load_records(tmp_path)] == [1, 0]


WRITER = """
import dataclasses, json, sys
from spinalnet_lib import append_record
from spinalnet_lib.records.record import Record
first, path, record = int(sys.argv[1]), sys.argv[2], Record(**json.loads(sys.argv[3]))
for seed in range(first, first + 50):
    append_record(path, dataclasses.replace(record, seed=seed))
"""


def test_writers_of_one_file_take_turns(record, tmp_path):
    """Each mends the file's end before it writes: it must not mend what another is writing."""
    path = tmp_path / "runs.jsonl"
    path.write_text('{"torn')
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(first), str(path), record.to_json()], env=env)
        for first in (0, 50, 100, 150)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert sorted(r.seed for r in load_records(path)) == list(range(200))


def test_a_full_disk_leaves_the_file_as_it_was(record, tmp_path):
    path = tmp_path / "runs.jsonl"
    append_record(path, record)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, limits[1]))
    try:
        with pytest.raises(OSError, match=r"was not written: make room.*runs\.jsonl"):
            append_record(path, record)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    append_record(path, record)
    assert load_records(path) == [record] * 2


@pytest.fixture(scope="module")
def many(record, tmp_path_factory):
    """Ten thousand runs as the study writes them: six evaluations, ten thousand test images."""
    folder = tmp_path_factory.mktemp("many")
    bits = pack_bits(np.random.default_rng(0).random(10_000) < 0.98)
    large = dataclasses.replace(record, curve=record.curve * 6, test={**record.test, "correct": bits})
    line = large.to_json()
    key = f'"key": "{record.key}"'
    assert key in line
    with (folder / "runs.jsonl").open("w") as file:
        file.writelines(line.replace(key, f'"key": "{number:064x}"') + "\n" for number in range(10_000))
    return folder


def test_ten_thousand_records_load_in_two_seconds(many):
    start = time.perf_counter()
    assert len(load_records(many)) == 10_000
    assert time.perf_counter() - start < 2


def test_a_folder_that_grows_is_read_on_not_again(record, many, tmp_path):
    shutil.copy(many / "runs.jsonl", tmp_path / "runs.jsonl")
    folder = RecordFolder(tmp_path)
    assert len(folder.records()) == 10_000
    start = time.perf_counter()
    for number in range(100):
        append_record(tmp_path / f"other{number % 2}.jsonl", dataclasses.replace(record, seed=number))
        assert len(folder.records()) == 10_001 + number
    assert time.perf_counter() - start < 2
    with (tmp_path / "runs.jsonl").open("ab") as file:
        file.write(record.to_json()[:50].encode())  # half of a line that another process is writing
        file.flush()
        assert len(folder.records()) == 10_100
        file.write((record.to_json()[50:] + "\n{broken}\n").encode())
    with pytest.warns(UserWarning, match="line 10002 is damaged"):
        assert len(folder.records()) == 10_101
    append_record(tmp_path / "new.jsonl", record)
    (tmp_path / "new.jsonl").replace(tmp_path / "runs.jsonl")  # another file of that name
    assert len(folder.records()) == 101
    assert RecordFolder(tmp_path / "none").records() == []


def test_merging_adds_what_is_missing_and_counts_it(record, tmp_path):
    runs = [dataclasses.replace(record, key=f"{number:064x}") for number in range(4)]
    for name, some in (("a", runs[:2]), ("b", runs[1:3]), ("into", runs[3:])):
        for run in some:
            append_record(tmp_path / f"{name}.jsonl", run)
    again = dataclasses.replace(runs[1], seconds=9.0, date="2020-01-01")  # the same run, timed anew
    append_record(tmp_path / "b.jsonl", again)
    assert merge_records([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "into.jsonl") == (3, 4)
    assert load_records(tmp_path / "into.jsonl") == [runs[3], *runs[:3]]
    assert merge_records([tmp_path / "a.jsonl"], tmp_path / "into.jsonl") == (0, 4)
    assert merge_records([tmp_path / "into.jsonl"], tmp_path / "deep" / "new.jsonl") == (4, 4)
    assert not list(tmp_path.rglob(".*"))


def test_a_conflict_or_a_damaged_line_stops_the_merge(record, tmp_path):
    into, source = tmp_path / "into.jsonl", tmp_path / "source.jsonl"
    append_record(into, record)
    append_record(source, dataclasses.replace(record, diverged=True))
    before = into.read_bytes()
    with pytest.raises(
        ValueError, match=r"nothing was merged: run .* differs between .*into.* and .*source.* in diverged"
    ):
        merge_records([source], into)
    source.write_text("{broken}\n")
    with pytest.raises(ValueError, match=r"nothing was merged: .*line 1 is damaged"):
        merge_records([source], into)
    assert into.read_bytes() == before


def test_the_check_names_damages_and_conflicts(record, tmp_path):
    path = tmp_path / "runs.jsonl"
    append_record(path, record)
    append_record(path, dataclasses.replace(record, seconds=3.0))
    assert check_records([path]) == (2, [])
    path.write_text(path.read_text() + "{broken}\n" + dataclasses.replace(record, diverged=True).to_json() + "\n")
    count, (damage, conflict) = check_records([path])
    assert count == 3 and "line 3 is damaged" in damage and "in diverged" in conflict
