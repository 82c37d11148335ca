"""Files written whole or not at all, what was there before stays until the new one is on disk; and locks on files."""

from __future__ import annotations

import errno
import functools
import multiprocessing
import os
import tempfile
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
        with new.open(mode, encoding=None if "b" in mode else "utf-8") as file:
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
    if held is not None:
        try:
            yield held
        finally:
            if held:
                fcntl.flock(file, fcntl.LOCK_UN)
        return
    from filelock import SoftFileLock, Timeout  # half a second that few need

    warn_of_owner_files()
    owner = SoftFileLock(path.with_name(f".{path.name}.owner"))  # of an owner who is gone it takes the file over
    with suppress(Timeout):
        owner.acquire(timeout=-1 if wait else 0)
    try:
        yield owner.is_locked
    finally:
        owner.release()


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


@functools.cache
def warn_of_owner_files() -> None:
    """Say once, in the process that started all others, that the system has no locks."""
    if multiprocessing.parent_process() is None:
        warnings.warn(
            "this disk or system has no file locks; files named .NAME.owner stand in for them: delete by hand what a "
            "machine that broke down has left",
            stacklevel=2,
        )
