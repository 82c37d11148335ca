"""This machine: its device, its memory, its description in a record, and the time a run may take on it."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

from .checks import check_number

try:
    import resource
except ImportError:  # on Windows
    resource = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it torch computes on one thread: sums are then taken in one order, whatever the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class OutOfTime(Exception):
    """A run was saved and stopped, as its time was up: the same call goes on with it."""


def pick_device(device: torch.device | str | None = None) -> torch.device:
    """`device` itself, or CUDA where there is one, else the CPU. ValueError for a device that is not here."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(device)
        torch.zeros(1, device=device).item()  # "meta" has no numbers
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {str(device)!r} cannot be used ({reason}); leave it out or pass 'cpu'") from error
    return device


def peak_memory_mb(device: torch.device) -> float:
    """Most memory that this process has had, in MiB: of the GPU, or of the machine; 0 where the system does not say it."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    if resource is None:
        return 0.0
    unit = 2**20 if sys.platform == "darwin" else 2**10  # getrusage counts bytes on macOS, KiB elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


def memory_bytes() -> int:
    """Memory of this machine; where the system does not say it, 64 GiB."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # on Windows
        return 2**36


@cache
def cpu_model() -> str:
    """The processor's model, and the widest instructions that torch uses on it.

    With torch's build they decide how sums round. Records from before this was asked for have the machine's kind instead, "x86_64" say.
    """
    model = _model_on_linux(Path("/proc/cpuinfo")) or _model_on_mac() or platform.processor() or platform.machine()
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}"


def _model_on_linux(path: Path) -> str | None:
    """Name, family and number of the first processor: a virtual machine's name may be a maker's only."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0].splitlines()
    except OSError:
        return None
    parts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    known = ("cpu family", "model", "CPU implementer", "CPU part")  # of x86; of ARM, which has no name
    found = [parts["model name"]] if "model name" in parts else []
    return " ".join(found + [f"{name} {parts[name]}" for name in known if name in parts]) or None


def _model_on_mac() -> str | None:
    if sys.platform != "darwin":
        return None
    asked = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or None


def describe_machine(device) -> dict:
    """The fields of a record that say where and with what it ran."""
    from . import __version__

    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_model(),
        "host": platform.system(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "library": __version__,
        "source_sha256": source_hash(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


@cache
def source_hash() -> str:
    """Hash of the library's Python files as they ran."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


_TO_SAVE = 1.0  # seconds before the limit at which a run is saved and stopped; of a short limit a tenth


class TimeLimit:
    """The seconds a sweep may take, from `began` on, or from when this is made; None is no limit."""

    def __init__(self, seconds: float | None, began: float | None = None):
        if seconds is not None and check_number("sweep", "time_limit", seconds, "pass seconds") <= 0:
            raise ValueError(f"sweep: time_limit must be above 0 seconds, got {seconds:g}; leave it out for no limit")
        self.seconds = seconds
        began = time.monotonic() if began is None else began
        self._end = None if seconds is None else began + seconds - min(_TO_SAVE, seconds / 10)

    @property
    def left(self) -> float | None:
        """Seconds that a run may still take; negative when the time is up."""
        return None if self._end is None else self._end - time.monotonic()

    @property
    def is_up(self) -> bool:
        return self._end is not None and self._end <= time.monotonic()
