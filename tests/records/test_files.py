import dataclasses
import errno
import gzip
import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from spinalnet_lib import append_record, files, load_records
from spinalnet_lib.paths import data_path
from spinalnet_lib.records import files as record_files
from spinalnet_lib.records.files import RecordFolder, check_appendable, check_records, merge_records, own_records


def test_a_line_is_on_disk_when_the_call_returns(record, tmp_path, monkeypatch):
    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append((tmp_path / "runs.jsonl").read_bytes()), fsync(file)))
    append_record(tmp_path / "runs.jsonl", record)
    assert synced == [record.to_json().encode() + b"\n"]


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


@pytest.mark.parametrize("torn", [0, 40])
def test_zeros_that_a_power_cut_left_are_cut_off(record, torn, tmp_path):
    path = tmp_path / "runs.jsonl"
    lines = (record.to_json() + "\n").encode() * 2
    path.write_bytes(lines[: len(lines) - torn] + bytes(300))
    check_appendable(path)
    with pytest.warns(UserWarning, match="torn last line skipped"):
        assert load_records(path) == [record] * (1 if torn else 2)
    assert len(RecordFolder(path).records()) == (1 if torn else 2)
    append_record(path, record)
    assert b"\0" not in path.read_bytes()
    assert load_records(path) == [record] * (2 if torn else 3)
    path.write_bytes(bytes(200_000))  # of the very first record
    with pytest.warns(UserWarning, match="torn last line skipped"):
        assert load_records(path) == []
    append_record(path, record)
    assert load_records(path) == [record]


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS])
def test_on_a_disk_without_locks_records_are_written_all_the_same(record, number, tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(number, "no locks here")

    monkeypatch.setattr(files.fcntl, "flock", flock)
    files.warn_of_owner_files.cache_clear()
    path = tmp_path / "runs.jsonl"
    with pytest.warns(UserWarning, match="no file locks") as warned:
        for _ in range(3):
            check_appendable(path)
            append_record(path, record)
    assert len(warned) == 1
    assert load_records(path) == [record] * 3 and list(tmp_path.iterdir()) == [path]


def test_a_place_is_tried_and_nothing_is_left_there_nor_taken_away(record, tmp_path):
    path = tmp_path / "deep" / "runs.jsonl"
    check_appendable(path)
    assert not list(tmp_path.iterdir())
    append_record(path, record)
    before = path.read_bytes()
    check_appendable(path)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]
    with pytest.raises(OSError, match=r"runs\.jsonl.x"):
        check_appendable(path / "x")
    with pytest.raises(IsADirectoryError, match="deep"):
        check_appendable(path.parent)
    with pytest.raises(FileExistsError, match=r"no file.*/dev/null"):
        check_appendable("/dev/null")


def test_a_file_of_something_else_is_no_torn_line(record, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk")
    with pytest.raises(ValueError, match=r"no record in .*line 1 is damaged"):
        load_records(path)
    for write in (check_appendable, lambda path: append_record(path, record)):
        for foreign in (
            "remember the milk",
            "remember the milk\n\n",
            '{"name": "mine"}',
            '{"name": "mine"}\n',
            "[1]\n",
            "[" * 100_000,
        ):
            path.write_text(foreign)
            with pytest.raises(ValueError, match=r"notes.txt.* is no record"):
                write(path)
            assert path.read_text() == foreign


def test_what_is_no_record_or_path_is_named(record, tmp_path):
    with pytest.raises(TypeError, match="append_record writes a Record, got dict"):
        append_record(tmp_path / "runs.jsonl", {})
    with pytest.raises(ValueError, match="seed"):
        append_record(tmp_path / "runs.jsonl", dataclasses.replace(record, seed=-5))
    assert not list(tmp_path.iterdir())
    for path in ("", Path("")):
        with pytest.raises(ValueError, match=f"path is '{path}'"):
            load_records(path)


@pytest.mark.parametrize("damage", ["{broken}", "[" * 100_000])  # the second is deeper than Python reads
def test_a_damaged_line_is_named_and_the_others_kept(record, damage, tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text(f"{record.to_json()}\n{damage}\n{record.to_json()}\n")
    with pytest.warns(UserWarning, match=r"runs\.jsonl, line 2 is damaged: .*restore the line or delete it"):
        assert load_records(path) == [record, record]


def test_unknown_records_list_the_known():
    with pytest.raises(FileNotFoundError, match=r"one of the project's own: .*first_training"):
        load_records("no_such_study")


def test_committed_records_are_sound():
    count, problems = check_records([data_path("results")])
    assert count == len(own_records()) >= 80 and problems == []


def test_a_folder_is_read_whole_but_for_failures(record, tmp_path):
    append_record(tmp_path / "b.jsonl", record)
    append_record(tmp_path / "a.jsonl", dataclasses.replace(record, seed=1))
    append_record(tmp_path / "c" / "a.jsonl", dataclasses.replace(record, seed=2))
    for place in (tmp_path, tmp_path / "c", tmp_path / "d"):
        place.mkdir(exist_ok=True)
        (place / "failed.jsonl").write_text('{"cell": "x", "reason": "y"}\n')
    append_record(tmp_path / ".hidden" / "a.jsonl", record)
    assert [r.seed for r in load_records(tmp_path)] == [1, 0, 2] == [r.seed for r in RecordFolder(tmp_path).records()]
    assert check_records([tmp_path]) == (3, [])
    with pytest.raises(FileNotFoundError, match="no records in the folder"):
        load_records(tmp_path / "d")  # where the first runs of a step all failed


def test_the_projects_own_records_are_each_there_once(record, tmp_path, monkeypatch):
    monkeypatch.setattr(record_files, "data_path", lambda *parts: tmp_path.joinpath(*parts))
    assert own_records() == []
    for kind in ("study", "tuning"):
        append_record(tmp_path / "results" / kind / "toy.jsonl", record)
    (tmp_path / "results" / "published").mkdir()
    (tmp_path / "results" / "published" / "failed.jsonl").write_text('{"cell": "x", "reason": "y"}\n')
    with pytest.warns(match="there already"):
        assert own_records() == [record]
    append_record(tmp_path / "results" / "study" / "toy.jsonl", dataclasses.replace(record, diverged=True))
    with pytest.raises(ValueError, match=record.key[:10]):
        own_records()


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
    path.write_text('{"key": "torn')
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(first), str(path), record.to_json()], env=env)
        for first in (0, 50)
    ]
    assert [writer.wait() for writer in writers] == [0] * 2
    assert sorted(r.seed for r in load_records(path)) == list(range(100))


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


def test_a_folder_that_grows_is_read_on_not_again(record, tmp_path, monkeypatch):
    path = tmp_path / "runs.jsonl"
    for _ in range(20):
        append_record(path, record)
    folder = RecordFolder(tmp_path)
    assert len(folder.records()) == 20
    read, check = [], record_files.check_record
    monkeypatch.setattr(record_files, "check_record", lambda parts: (read.append(parts["seed"]), check(parts)))
    for number in range(10):
        line = dataclasses.replace(record, seed=number).to_json() + "\n"
        with (tmp_path / f"other{number % 2}.jsonl").open("a") as file:
            file.write(line)
        assert len(folder.records()) == 21 + number
    assert read == list(range(10))  # the new ones, each once
    with path.open("ab") as file:
        file.write(record.to_json()[:50].encode())  # half of a line that another process is writing
        file.flush()
        assert len(folder.records()) == 30
        file.write((record.to_json()[50:] + "\n{broken}\n").encode())
    with pytest.warns(UserWarning, match="line 22 is damaged"):
        assert len(folder.records()) == 31
    append_record(tmp_path / "new.jsonl", record)
    (tmp_path / "new.jsonl").replace(path)  # another file of that name
    assert len(folder.records()) == 11
    assert len(RecordFolder(path).records()) == 1 and RecordFolder(tmp_path / "none").records() == []


def test_merging_adds_what_is_missing_and_counts_it(record, tmp_path):
    runs = [dataclasses.replace(record, key=f"{number:064x}") for number in range(4)]
    for name, some in (("a", runs[:2]), ("b", runs[1:3]), ("into", runs[3:])):
        for run in some:
            append_record(tmp_path / f"{name}.jsonl", run)
    elsewhere = {"source_sha256": "0" * 64, "torch": "2.4.1", "python": "3.11.0", "tuning_id": "1" * 64}
    again = dataclasses.replace(runs[1], seconds=9.0, date="2020-01-01", **elsewhere)  # the same run on another machine
    append_record(tmp_path / "b.jsonl", again)
    assert merge_records([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "into.jsonl") == (3, 4)
    assert load_records(tmp_path / "into.jsonl") == [runs[3], *runs[:3]]
    assert merge_records([tmp_path / "a.jsonl"], tmp_path / "into.jsonl") == (0, 4)
    assert merge_records([tmp_path / "into.jsonl"], tmp_path / "deep" / "new.jsonl") == (4, 4)
    assert not list(tmp_path.rglob(".*"))


def test_a_conflict_or_a_damaged_line_stops_the_merge(record, tmp_path):
    into, source = tmp_path / "into.jsonl", tmp_path / "source.jsonl"
    append_record(into, record)
    append_record(source, dataclasses.replace(record, diverged=True, torch="2.4.1"))
    before = into.read_bytes()
    with pytest.raises(
        ValueError,
        match=rf"run {record.key[:10]} .*into.*torch {re.escape(torch.__version__)}.* and .*source.*torch 2\.4\.1.* in diverged; .*keep one",
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


def test_packed_records_are_read_like_others_and_merged_into(record, tmp_path):
    plain, packed = tmp_path / "a.jsonl", tmp_path / "all.jsonl.gz"
    for seed in range(3):
        append_record(plain, dataclasses.replace(record, key=f"{seed:064x}", seed=seed))
    assert merge_records([plain], packed) == (3, 3)
    first = packed.read_bytes()
    assert merge_records([plain], packed) == (0, 3) and packed.read_bytes() == first
    assert load_records(packed) == load_records(plain) and len(first) < plain.stat().st_size / 3
    plain.unlink()
    folder = RecordFolder(tmp_path)
    assert folder.records() == load_records(tmp_path) == load_records(packed)
    append_record(plain, dataclasses.replace(record, key=f"{3:064x}", seed=3))
    assert merge_records([plain], packed) == (1, 4) and len(folder.records()) == 5
    for write in (lambda: append_record(packed, record), lambda: check_appendable(tmp_path / "new.jsonl.gz")):
        with pytest.raises(ValueError, match=r"jsonl\.gz is packed"):
            write()
    assert not (tmp_path / "new.jsonl.gz").exists()


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:30] + bytes([b[30] ^ 64]) + b[31:], lambda b: b"{}"])
def test_a_damaged_packed_file_is_named(damage, record, tmp_path):
    packed = tmp_path / "all.jsonl.gz"
    packed.write_bytes(damage(gzip.compress(record.to_json().encode() + b"\n")))
    for read in (load_records, lambda path: RecordFolder(path).records(), lambda path: check_records([path])):
        with pytest.raises(ValueError, match=r"all\.jsonl\.gz is damaged"):
            read(packed)


def test_a_packed_file_unpacks_to_no_more_than_records_can_be(monkeypatch, tmp_path):
    monkeypatch.setattr("spinalnet_lib.records.files._LARGEST", 1000)
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(bytes(2000)))
    with pytest.raises(ValueError, match=r"bomb.* more than 1,000 bytes"):
        load_records(tmp_path / "bomb.jsonl.gz")


def test_a_record_written_by_another_program_is_one_to_append_to(record, tmp_path):
    path = tmp_path / "runs.jsonl"
    parts = dataclasses.asdict(record)
    for text in (json.dumps(parts, separators=(",", ":")), json.dumps(dict(reversed(parts.items())))):
        path.write_text(text)
        append_record(path, record)
        assert len(load_records(path)) == 2


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=tmp_path.name):
        load_records(tmp_path)
