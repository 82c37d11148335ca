"""Kinds of device that runs were made on: runs of one kind are compared, as the last bits depend on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .record import Record

Kind = tuple[str, int]  # device and threads


def kind_of(record: Record) -> Kind:
    return record.device, record.threads


def usual_kind(kinds: Iterable[Kind], planned: str | None = None) -> Kind | None:
    """The kind that most have, among equals the one on the `planned` device; None without any."""
    counts = Counter(kinds)
    return max(counts, key=lambda kind: (counts[kind], kind[0] == planned, kind), default=None)
