"""Files written whole or not at all, what was there before stays until the new one is on disk; and locks on files."""

from __future__ import annotations

import errno
import functools
import multiprocessing
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextmanager
def whole_file(path: str | os.PathLike, mode: str = "w") -> Iterator[IO]:
    """An open file that takes the place of `path` when the block ends; after an error `path` is as it was.

    The folder is made where it is missing. FileExistsError for a device, a pipe or anything else that is no file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    check_is_file(path)
    target = path.resolve()  # a link stays one
    new = target.with_name(f".{target.name}.{os.getpid()}")  # in the same folder: a rename within a disk is one move
    try:
        with new.open(mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except OSError as error:
        if error.filename in (None, str(new)):  # no name, or one that tells nobody anything
            error.filename = str(path)
        raise
    finally:
        new.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike, content: str | bytes) -> None:
    """Write a file's whole content, text or bytes."""
    with whole_file(path, "wb" if isinstance(content, bytes) else "w") as file:
        file.write(content)


def check_is_file(path: Path) -> None:
    """Raise unless `path` is a file or can become one."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "it is there and no file; name another place", str(path))


def check_writable(path: str | os.PathLike) -> None:
    """Find out before the work whether `whole_file` could write `path` after it: the same errors, and nothing is changed."""
    path = Path(path)
    check_is_file(path)
    try:
        tempfile.TemporaryFile(dir=next(place for place in path.resolve().parents if place.exists())).close()
    except OSError as error:
        error.filename = str(path)
        raise


@contextmanager
def locked(path: str | os.PathLike, wait: bool = True) -> Iterator[bool]:
    """Whether this process holds the lock `path`, a file that is there while somebody holds it; see `holding`."""
    path = Path(path)
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # the folder was taken away meanwhile
            continue
        try:
            with holding(file, path, wait) as held:
                if not held:
                    yield False
                    return
                if _is_at(file, path):  # whoever held it before has taken the file away, and another may have made one
                    try:
                        yield True
                    finally:
                        with suppress(OSError):  # Windows keeps what is open
                            path.unlink()
                    return
        finally:
            os.close(file)


@contextmanager
def holding(file: int, path: Path, wait: bool = True) -> Iterator[bool]:
    """Whether this process holds the lock on an open file; without `wait` False while another one does.

    The system lets go when the process ends, however it ends. Where a disk or a system has no locks, a file beside
    `path` that names its owner stands in; a warning says so once.
    """
    held = _system_lock(file, wait)
    if held is None:
        with _owner_file(path.with_name(f".{path.name}.owner"), wait) as held:
            yield held
        return
    try:
        yield held
    finally:
        if held:
            fcntl.flock(file, fcntl.LOCK_UN)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _system_lock(file: int, wait: bool) -> bool | None:
    """Whether the system gave the lock; None where it has none."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS):
            return None
        raise
    return True


@contextmanager
def _owner_file(path: Path, wait: bool) -> Iterator[bool]:
    warn_of_owner_files()
    while (file := _make_owner_file(path)) is None:
        if not wait:
            yield False
            return
        time.sleep(0.05)
    try:
        os.write(file, f"{os.getpid()} {platform.node()}".encode())
        yield True
    finally:
        os.close(file)
        path.unlink(missing_ok=True)


def _make_owner_file(path: Path) -> int | None:
    """The file, made by this process just now; None while its owner may be at work."""
    try:
        # Windows deletes a temporary file with the process that made it.
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_TEMPORARY", 0), 0o644)
    except FileExistsError:
        if not _owner_is_gone(path):
            return None
    with suppress(FileExistsError), open(f"{path}.gone", "x"):  # one process alone, and it looks again
        if _owner_is_gone(path):
            path.unlink(missing_ok=True)
        os.unlink(f"{path}.gone")
    return _make_owner_file(path)


def _owner_is_gone(path: Path) -> bool:
    try:
        process, host = path.read_text().split(" ", 1)
        if host == platform.node() and os.name == "posix":
            os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (FileNotFoundError, ValueError, PermissionError):  # it is being taken away, or written; another user's
        pass
    return False


@functools.cache
def warn_of_owner_files() -> None:
    """Say once, in the process that started all others, that the system has no locks."""
    if multiprocessing.parent_process() is None:
        warnings.warn(
            "this disk or system has no file locks; files named .NAME.owner stand in for them: delete by hand what a "
            "machine that broke down has left",
            stacklevel=2,
        )
