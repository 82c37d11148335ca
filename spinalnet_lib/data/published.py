"""Published figures on spinal heads, each with where it comes from. Only a table of the paper is the paper's.

`data/paper/NAME.csv` has one row a figure; `data/paper/README.md` says what stands in each file and what the tags mean.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..checks import check_name, needs
from ..paths import data_path

if TYPE_CHECKING:
    import pandas as pd

PROVENANCE = {  # tag -> whose figure that is, in words
    "paper table": "the paper",
    "repository": "the authors' repository",
    "leaderboard": "a leaderboard",
    "other paper": "another paper",
    "user report": "a user of the authors' code",
    "chart": "read from the authors' chart",
    "memory": "from memory",
}
UNSURE = {"chart", "memory"}  # nobody has seen the number itself
UNITS = {"%": 100.0, "squared error": math.inf}  # and their highest value
COLUMNS = [
    "dataset",
    "network",
    "head",
    "measure",
    "value",
    "unit",
    "provenance",
    "source",
    "verified",
    "claims",
    "note",
]
MAY_BE_EMPTY = {"verified", "claims", "note"}


def published_figures(name: str | None = None) -> pd.DataFrame:
    """The figures of `data/paper/NAME.csv`, by default of all such files: one row a figure.

    Columns: those of the file, `value` as a number in its `unit` ("%" or "squared error"); `file`; and `sure`, whether
    somebody has seen this number in its `source`, which does not make it right. A chart reading, a memory and a figure
    that was not `verified` are not sure. `claims` are ids of the ledger, with spaces between them.

    Raises ValueError for an unknown name, and for a row that cannot be trusted: a provenance, unit or claim that is not
    known, no source, a value out of range.

    >>> published_figures("regression")["provenance"].unique().tolist()
    ['paper table']
    """
    with needs("book"):
        import pandas as pd

    known = sorted(path.stem for path in data_path("paper").glob("*.csv") if path.stem != "claims")
    names = known if name is None else [check_name("file of published figures", name, known)]
    return pd.DataFrame([row for file in names for row in _read(file)])


def published_table(name: str | None = None, unsure: bool = False) -> pd.DataFrame:
    """The same figures in words, for a page: the value with its unit, and whose it is.

    Without `unsure`, figures that are not sure are left out; with it, each says so where it says whose it is.
    """
    figures = published_figures(name)
    figures = figures if unsure else figures[figures["sure"]]
    doubt = figures["sure"].map({True: "", False: ", not verified"})
    words = {
        "figure": [f"{row.value:.6g} {row.unit}" for row in figures.itertuples()],
        "whose": figures["provenance"].map(PROVENANCE) + doubt,
    }
    return figures.assign(**words)[["dataset", "network", "head", "measure", "figure", "whose", "source", "note"]]


def _read(name: str) -> Iterator[dict]:
    with data_path("paper", "claims.csv").open(encoding="utf-8", newline="") as file:
        claims = {row["id"] for row in csv.DictReader(file)}
    with data_path("paper", f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        for row in rows:
            if fault := _find_fault(row, claims):
                raise ValueError(
                    f"data/paper/{name}.csv, line {rows.line_num}: {fault}; correct the row or take it out"
                )
            sure = bool(row["verified"]) and row["provenance"] not in UNSURE
            yield {"file": name, **row, "value": float(row["value"]), "sure": sure}


def _find_fault(row: dict, claims: set[str]) -> str:
    """What is wrong with a row, or nothing."""
    if list(row) != COLUMNS or None in row.values():
        return f"its columns are {list(row)}, not {COLUMNS}"
    if empty := [column for column in COLUMNS if not row[column].strip() and column not in MAY_BE_EMPTY]:
        return f"{', '.join(empty)} missing"
    for column, known in (("provenance", PROVENANCE), ("unit", UNITS)):
        if row[column] not in known:
            return f"unknown {column} {row[column]!r}, known: {', '.join(known)}"
    if unknown := set(row["claims"].split()) - claims:
        return f"unknown claims {', '.join(sorted(unknown))}, not in claims.csv"
    try:
        within = 0 <= float(row["value"]) <= UNITS[row["unit"]] and math.isfinite(float(row["value"]))
    except ValueError:
        within = False
    return "" if within else f"value {row['value']!r} is no number of {row['unit']}"
