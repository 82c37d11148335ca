"""Files written whole or not at all, what was there before stays until the new one is on disk; and locks on files."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: str | os.PathLike, mode: str = "w") -> Iterator[IO]:
    """An open file that takes the place of `path` when the block ends; after an error `path` is as it was.

    The folder is made where it is missing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")  # in the same folder: a rename within a disk is one move
    try:
        with new.open(mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
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


@contextmanager
def locked(path: str | os.PathLike, wait: bool = True) -> Iterator[bool]:
    """Whether this process holds the lock on a file, which it may make; without `wait` False while another one does.

    The system lets go when the process ends, however it ends.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
