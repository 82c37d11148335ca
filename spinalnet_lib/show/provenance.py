"""What stands under a figure: which runs it shows, their mean in words, and exactly the rows drawn as a download."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..datasets import split_name
from ..records.record import Record, each_once
from ..study.statistics import mean_interval
from ..study.tuning import NO_SEARCH
from ..words import signed

if TYPE_CHECKING:
    import pandas as pd

_LISTED = 3  # of sizes; more are a range


class CsvLink:
    """A table as a download of `name`; in a notebook too, without a server."""

    def __init__(self, frame: pd.DataFrame, name: str):
        self.frame, self.name = frame, name

    def _repr_html_(self) -> str:
        content = base64.b64encode(self.frame.to_csv(index=False).encode()).decode()
        rows = f"{len(self.frame)} row{'' if len(self.frame) == 1 else 's'}"
        name = html.escape(self.name, quote=True)
        return f'<p><a download="{name}" href="data:text/csv;base64,{content}">Download these {rows} ({name})</a></p>'

    def __repr__(self) -> str:
        return f"CsvLink({self.name!r}, {len(self.frame)} rows)"


def describe_records(records: Sequence[Record]) -> str:
    """One sentence of provenance: how many runs, of what, when, where and with which versions."""
    found, seeds = origins(records), {record.seed for record in records}
    tested = sum(bool(r.test) for r in each_once(records))
    read = "not read" if not tested else "read" if f"{tested:,}" == found["runs"] else f"read by {tested:,} of them"
    return (
        f"{found['runs']} run{'s' * (found['runs'] != '1')} of {_all(r.model['backbone'] for r in records)} on {_sets(records)} "
        f"({_sizes(records)}; the test set was {read}), seed{'s' * (len(seeds) > 1)} {span(seeds)}; {found['days']}, "
        f"spinalnet_lib {found['spinalnet_lib']}, torch {found['torch']}, {found['devices']}."
    )


def _sets(records: Sequence[Record]) -> str:
    """The data sets by name; features of several bodies of one set are counted."""
    bodies: dict[str, set[str]] = {}
    for name in {record.dataset for record in records}:
        images, extractor = split_name(name)
        bodies.setdefault(images, set()).update([extractor] if extractor else [])
    names = {record.dataset for record in records if len(bodies[split_name(record.dataset)[0]]) <= 1}
    names |= bodies.keys() & {record.dataset for record in records}
    return _all([*names, *(f"{name} through {len(of)} frozen bodies" for name, of in bodies.items() if len(of) > 1)])


def _sizes(records: Sequence[Record]) -> str:
    """How many are trained and validated on, whatever the cut; of many numbers the least and the most."""
    sizes = dict.fromkeys((record.split_sizes["train"], record.split_sizes["val"]) for record in records)
    what = "points" if all(record.loss == "mse" for record in records) else "images"
    said = [(f"{train:,}", f"{val:,}") for train, val in sizes]
    if len(sizes) > _LISTED:
        said = [tuple(f"{min(each):,} to {max(each):,}" for each in zip(*sizes, strict=True))]
    return " or ".join(f"{train} training and {val} validation {what}" for train, val in said)


def origins(records: Sequence[Record]) -> dict[str, str]:
    """Where runs come from, in words: days, devices, versions. Raises ValueError where there are none."""
    if not records:
        raise ValueError("no records to describe; train first, or load some with load_records")
    records = each_once(records)
    searches = [r.tuning_id[:10] for r in records if r.tuning_id not in (None, NO_SEARCH)]
    return {
        "runs": f"{len(records):,}",
        "days": span(r.date[:10] for r in records),
        "devices": _all(f"{r.device_name} ({r.device}, threads: {r.threads})" for r in records),
        "torch": _all(r.torch for r in records),
        "spinalnet_lib": _all(r.library for r in records),
        "hashes of its source": _all(r.source_sha256[:10] for r in records),
        "searches the settings came from": _all(searches) or "none",
    }


def describe_mean(values: Sequence[float], form: str = ".3g", count: str = "") -> str:
    """Mean of the finite values with its 95 % t interval; `count` says how many values these are.

    >>> describe_mean([1.0, 2.0, 3.0]), describe_mean([0.25], ".1%"), describe_mean([math.inf])
    ('2 (−0.484 to 4.48)', '25.0%', 'diverged')
    """
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return "diverged"
    mean, low, high = mean_interval(known)
    inside = ", ".join([f"{signed(low, form)} to {signed(high, form)}"] * (len(known) > 1) + [count] * bool(count))
    return signed(mean, form) + (f" ({inside})" if inside else "")


def _all(values: Iterable) -> str:
    return ", ".join(sorted({str(value) for value in values}))


def span(values: Iterable) -> str:
    """The lowest and the highest, or the only one."""
    found = set(values)
    return f"{min(found)} to {max(found)}" if len(found) > 1 else f"{min(found)}"
