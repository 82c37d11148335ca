"""A loop's clock, and the Keeper that saves what the loop has done, goes on from there, and stops it when time is up.

One Keeper serves runs, stacks of runs, bodies in training and features alike.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from torch import Tensor

from ..checks import check_number
from ..files import check_is_file
from ..machine import OutOfTime
from .checkpoints import DamagedCheckpoint, damage_named, read_checkpoint, write_checkpoint


class Clock:
    """Seconds of work: it runs from `start` on, and stands while something else is done."""

    def __init__(self):
        self.seconds = 0.0  # up to when it stood last
        self._since = 0.0

    def start(self) -> None:
        self._since = time.perf_counter()

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.seconds += time.perf_counter() - self._since
        yield
        self.start()


class State(Protocol):
    """What a loop changes: a Keeper saves it, and `restore` goes back to what was saved."""

    step: int  # steps taken
    clock: Clock

    def saved(self) -> tuple[dict, Iterable[tuple[str, Tensor]]]:
        """What JSON holds, and named tensors."""

    def restore(self, plain: dict, tensors: dict[str, Tensor]) -> None:
        """Go back to what `saved` gave, tensors on the CPU."""


S = TypeVar("S", bound=State)


class Keeper:
    """Saves a loop's state in the file `path` every `seconds`, and when `time_limit` seconds have gone by from now on.

    Without a path nothing is kept. Raises ValueError for numbers that are no seconds and for a limit without a file,
    OSError for a place that cannot be written to.
    """

    def __init__(
        self,
        owner: str,
        path: str | os.PathLike | None,
        seconds: float = 60.0,
        time_limit: float | None = None,
    ):
        now = time.monotonic()
        if check_number(owner, "checkpoint_seconds", seconds, "the usual is 60") < 0:
            raise ValueError(f"{owner}: checkpoint_seconds must be at least 0, got {seconds:g}; the usual is 60")
        if time_limit is not None:
            check_number(owner, "time_limit", time_limit, "pass seconds, or leave it out for no limit")
            if path is None:
                raise ValueError(
                    f"{owner}: time_limit={time_limit:g} needs a file to save to; pass checkpoint='run.npz'"
                )
        self.path = None if path is None else Path(path)
        self.seconds = seconds
        self.end = None if time_limit is None else now + time_limit
        if self.path is not None:  # a place that cannot be written to is found out now, not at the first save
            check_is_file(self.path)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.path.parent).close()

    def resume(self, key: str, begin: Callable[[], S]) -> S:
        """The state that `begin()` gives, gone on to where the run with this key was saved, if it was.

        A damaged file is set aside with a warning, and the run begins again. Raises ValueError for another run's file, and
        for a file that was never a checkpoint: it stays where it is.
        """
        self.key, state = key, begin()
        if self.path is not None and self.path.exists():
            try:
                plain, tensors = read_checkpoint(self.path, key)
                with damage_named(self.path):
                    state.restore(plain, tensors)
                    state.clock.seconds = float(plain["seconds"])
            except DamagedCheckpoint as damage:
                if self.path.suffix != ".npz" and not self.path.read_bytes().startswith(b"PK"):  # as each of ours does
                    raise ValueError(f"{self.path} is there and no checkpoint; name another file") from damage
                set_aside(self.path, damage.__cause__, "what it held is computed again")
                state = begin()
        self._saved = time.monotonic()
        return state

    def after_step(self, state: State, n_steps: int) -> None:
        """Save the state if that is due; raise OutOfTime if the time is up before the last step."""
        now = time.monotonic()
        out_of_time = self.end is not None and now >= self.end and state.step < n_steps
        if out_of_time or now - self._saved >= self.seconds:
            self.save(state)
        if out_of_time:
            raise OutOfTime(
                f"time was up after step {state.step:,} of {n_steps:,}; the same call goes on from {self.path}"
            )

    def save(self, state: State) -> None:
        """Save the state now."""
        if self.path is not None:
            with state.clock.paused():
                plain, tensors = state.saved()
                write_checkpoint(self.path, self.key, {**plain, "seconds": state.clock.seconds}, tensors)
            self._saved = time.monotonic()


def set_aside(path: Path, reason: object, then: str) -> None:
    """Rename a damaged file and say so in a warning: it stops nobody, and whoever wants to can look at it."""
    names = (f"{path.name}.damaged{number or ''}" for number in itertools.count())
    aside = next(place for place in map(path.with_name, names) if not place.exists())
    path.rename(aside)
    warnings.warn(f"{path} is damaged ({reason}); it is now {aside.name}, and {then}", stacklevel=4)
