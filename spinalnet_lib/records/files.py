"""Records on disk, a JSON line each: appended whole or not at all, read with every damaged line named, merged and packed."""

from __future__ import annotations

import gzip
import json
import os
import warnings
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from ..files import check_is_file, holding, write_whole
from ..paths import data_path
from .record import Record, differing_results, each_once
from .schema import check_record

FAILURES = "failed.jsonl"  # beside the records in a sweep's folder, and none itself
_PACKED = ".gz"
_LARGEST = 2**30  # bytes of a packed file's records: some hundred thousand

_own: dict[Path, RecordFolder] = {}  # what was read of the project's own

_BEGINS = b'{"key": "'  # every line that `Record.to_json` writes


def append_record(path: str | os.PathLike, record: Record) -> None:
    """Append one line and wait until it is on disk; writers of one file take turns.

    A torn last line, or the zeros that a power cut leaves, are cut off first. Raises OSError where the line does not fit
    on the disk, and leaves the file as it was; ValueError for a file that ends in something else than a record.
    """
    if not isinstance(record, Record):
        raise TypeError(f"append_record writes a Record, got {type(record).__name__}; train returns one")
    check_record(asdict(record))
    path = _plain(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file, holding(file.fileno(), path):
        end, line_break = _end_of_records(file, path)
        line = line_break + record.to_json().encode() + b"\n"
        try:
            file.truncate(end)
            written = file.write(line)
            if written < len(line):
                file.write(line[written:])  # says why it does not fit
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(end)
            reason = f"{error.strerror}; the record was not written: make room and run again"
            raise OSError(error.errno, reason, str(path)) from error


def check_appendable(path: str | os.PathLike) -> None:
    """Find out before the work whether a record could be appended after it: the same errors, and nothing is changed."""
    path = _plain(path)
    check_is_file(path)
    folder = next(place for place in path.absolute().parents if place.exists())
    trial = folder / f".{path.name}.{os.getpid()}.trial"  # a name that nobody else gives
    place = path if path.exists() else trial
    try:
        with place.open("a+b", buffering=0) as file, holding(file.fileno(), place):
            _end_of_records(file, path)
        if place == trial:
            trial.unlink()
    except OSError as error:
        error.filename = str(path)
        raise


def load_records(path: str | os.PathLike) -> list[Record]:
    """Read records from a file, from all files of a folder and its folders, or by name from the project's own ("study").

    A damaged line is named in a warning and left out, the others are kept; `spinalnet records check` makes an error of
    it. Raises FileNotFoundError with the known names, ValueError for a file of something else.
    """
    records = []
    for file in record_files(path):
        content = _content(file)
        found, damages = read_lines(content, file)
        if damages and not found and content.strip(b"\0 \n")[:1] not in (b"", b"{"):
            raise ValueError(f"no record in {file}: {damages[0]}")
        for damage in damages:
            warnings.warn(damage, stacklevel=2)
        records += found
    return records


def own_records() -> list[Record]:
    """The project's own records, each run once; a second look reads only what is new. ValueError for a run with two results."""
    folder = data_path("results")
    return each_once(_own.setdefault(folder, RecordFolder(folder)).records())


def record_files(path: str | os.PathLike) -> list[Path]:
    """The file itself, all under a folder, or the project's own by name. Raises FileNotFoundError where there is none."""
    own = data_path("results")
    if path in ("", Path()):  # Path("") is Path("."): nobody asked for that folder
        raise ValueError(f"load_records: path is '{path}', which names no records; give a file, or Path.cwd()")
    for place in (Path(path), own / path):
        if place.is_dir():
            if found := files_under(place):
                return found
            raise FileNotFoundError(f"no records in the folder {str(path)!r}; give one that holds .jsonl files")
    for place in (Path(path), own / f"{path}.jsonl", own / f"{path}.jsonl.gz"):
        if place.is_file():
            return [place]
    known = sorted(str(file.relative_to(own)).partition(".jsonl")[0] for file in files_under(own))
    names = ", ".join(known) or "none yet"
    raise FileNotFoundError(f"no records at {str(path)!r}; give a .jsonl file, or one of the project's own: {names}")


def read_lines(content: bytes, name: str | os.PathLike, first: int = 1) -> tuple[list[Record], list[str]]:
    """The records in whole lines of a file, and what is wrong with the other lines; `first` is the first one's number."""
    records, damages = [], []
    lines = content.split(b"\n")
    last = first + len(lines) - 1
    for number, line in enumerate(lines, start=first):
        text = line.rstrip(b"\0") if number == last else line  # zeros are what a power cut leaves
        if not line.strip():
            continue
        try:
            parts = json.loads(text.decode())
            check_record(parts)
        except (ValueError, RecursionError) as error:
            error = "it is no text" if isinstance(error, UnicodeDecodeError) else error
            if number == last and text[:1] in (b"", b"{"):  # no newline behind it
                damages.append(f"{name}, line {number}: torn last line skipped; run that cell again")
            else:
                damages.append(f"{name}, line {number} is damaged: {error}; restore the line or delete it")
            continue
        records.append(Record(**parts))
    return records, damages


class RecordFolder:
    """The records under a folder, or of a file, that other processes write to: each look reads only what is new."""

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._read: dict[Path, tuple[int, int, int, list[Record]]] = {}  # inode, bytes and lines read, their records

    def records(self) -> list[Record]:
        """All records there are now; damaged lines are named in a warning when they are first seen."""
        files = files_under(self.path) if self.path.is_dir() else [self.path] * self.path.exists()
        return [record for file in files for record in self._look(file)]

    def _look(self, path: Path) -> list[Record]:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if path.suffix == _PACKED:  # it is only ever replaced
                if self._read.get(path, ())[:2] != (status.st_ino, status.st_size):
                    records, damages = read_lines(_content(path), path)
                    for damage in damages:
                        warnings.warn(damage, stacklevel=3)
                    self._read[path] = status.st_ino, status.st_size, len(records), records
                return self._read[path][3]
            inode, start, lines, records = self._read.get(path, (status.st_ino, 0, 0, []))
            if inode != status.st_ino or status.st_size < start:  # another file, or a shorter one
                start, lines, records = 0, 0, []
            file.seek(start)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]  # a line without its end is being written
        new, damages = read_lines(whole, path, lines + 1)
        for damage in damages:
            warnings.warn(damage, stacklevel=3)
        self._read[path] = status.st_ino, start + len(whole), lines + whole.count(b"\n"), records + new
        return records + new


def check_records(paths: Sequence[str | os.PathLike]) -> tuple[int, list[str]]:
    """How many records there are, and every damaged line and every run with two different results."""
    _, count, problems = _read_runs(file for path in paths for file in record_files(path))
    return count, problems


def merge_records(sources: Sequence[str | os.PathLike], into: str | os.PathLike) -> tuple[int, int]:
    """Add the runs of `sources` that the file `into` lacks, in one move; returns how many were added and how many are there.

    A file whose name ends in .gz is packed. Raises ValueError, and changes nothing, where a line is damaged or one run has
    two different results.
    """
    into = Path(into)
    here = [into] if into.exists() else []
    runs, _, problems = _read_runs([*here, *(file for path in sources for file in record_files(path))])
    if problems:
        raise ValueError("nothing was merged: " + "; ".join(problems))
    content = "".join(record.to_json() + "\n" for record, _ in runs.values()).encode()
    write_whole(into, gzip.compress(content, mtime=0) if into.suffix == _PACKED else content)
    return sum(where != into for _, where in runs.values()), len(runs)


def _read_runs(files: Iterable[Path]) -> tuple[dict[str, tuple[Record, Path]], int, list[str]]:
    """Each run and the file that has it first, how many records there are, and what is wrong with lines and results."""
    runs, count, problems = {}, 0, []
    for file in files:
        records, damages = read_lines(_content(file), file)
        count, problems = count + len(records), problems + damages
        for record in records:  # a run may be there twice if both say the same
            first, where = runs.setdefault(record.key, (record, file))
            if differ := differing_results(first, record):
                problems.append(
                    f"run {record.key[:10]} differs between {where} (torch {first.torch}) and {file} (torch {record.torch}) in "
                    f"{', '.join(differ)}; another build of torch may round otherwise: keep one and delete the other"
                )
    return runs, count, problems


def files_under(folder: Path) -> list[Path]:
    """The files of records in a folder and in its folders; what is hidden and what failed is none."""
    found = sorted(file for ending in ("", _PACKED) for file in folder.rglob(f"*.jsonl{ending}"))
    is_hidden = [any(part.startswith(".") for part in file.relative_to(folder).parts) for file in found]
    return [file for file, hides in zip(found, is_hidden, strict=True) if not hides and file.name != FAILURES]


def _plain(path: str | os.PathLike) -> Path:
    """The path of a file that can be appended to."""
    path = Path(path)
    if path.suffix == _PACKED:
        raise ValueError(
            f"{path} is packed, and nothing is appended to it; give a .jsonl file, and merge it into this one"
        )
    return path


def _content(path: Path) -> bytes:
    """The lines of a file, unpacked; ValueError for one that is no packed file, or larger than records can be."""
    if path.suffix != _PACKED:
        return path.read_bytes()
    try:
        with gzip.open(path, "rb") as file:
            content = file.read(_LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged ({error}); restore it, or make its runs again") from error
    if len(content) > _LARGEST:
        raise ValueError(f"{path} unpacks to more than {_LARGEST:,} bytes; give a file of records")
    return content


def _end_of_records(file: BinaryIO, path: Path) -> tuple[int, bytes]:
    """Where the next record goes, behind a torn last line's start, and what must stand before it: a newline, or nothing."""
    start, end = file.seek(0, os.SEEK_END), b""
    while start and b"\n" not in end.strip():  # back to the last line's start, a block at a time
        length = min(start, 2**16)
        start = file.seek(start - length)
        end = (file.read(length) + end).rstrip(b"\0")  # zeros are what a power cut leaves
    size, last = start + len(end), end.strip()
    last = last[last.rfind(b"\n") + 1 :]
    whole = not last or end.endswith(b"\n")
    sound = _is_record(last)
    if last and not (sound or last.startswith(_BEGINS) or (not whole and _BEGINS.startswith(last))):
        raise ValueError(
            f"{path} ends in {last[:40].decode(errors='replace')!r}, which is no record; give another file"
        )
    if whole:
        return size, b""
    return (size, b"\n") if sound else (size - (len(end) - end.rfind(b"\n") - 1), b"")


def _is_record(line: bytes) -> bool:
    try:
        check_record(json.loads(line))
    except (ValueError, RecursionError):
        return False
    return True
