"""What stands under a figure: which runs it shows, and exactly the rows drawn as a download."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..records.record import Record

if TYPE_CHECKING:
    import pandas as pd


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
    if not records:
        raise ValueError("no records to describe; train first, or load some with load_records")

    def all_of(values) -> str:
        return " and ".join(sorted({str(value) for value in values}))

    first = records[0]
    return (
        f"{len(records)} runs of {all_of(r.model['backbone'] for r in records)} on {all_of(r.dataset for r in records)} "
        f"({first.split_sizes['train']:,} training and {first.split_sizes['val']:,} validation images; the test set was "
        f"{'read' if any(r.test for r in records) else 'not read'}), seeds {all_of(r.seed for r in records).replace(' and ', ', ')}; "
        f"{all_of(r.date[:10] for r in records)}, spinalnet_lib {all_of(r.library for r in records)}, torch {all_of(r.torch for r in records)}, "
        f"{all_of(r.device for r in records)} with {all_of(r.threads for r in records)} thread(s)."
    )
