"""A folder of records with others inside, as a sweep of the whole plan writes it, added to another one."""

from __future__ import annotations

import os
from pathlib import Path

from .files import check_records, files_under, merge_records


def merge_folder(source: str | os.PathLike, into: str | os.PathLike) -> dict[Path, tuple[int, int]]:
    """Add the runs of each file under `source` to the file at the same place under `into`: how many were added, and are there.

    Hidden folders and lists of failures are left out. Raises ValueError, before anything is changed, for a damaged line or a
    run with two results, and for a folder without records.
    """
    source, into = Path(source), Path(into)
    places = [path.relative_to(source) for path in files_under(source)]
    if not places:
        raise ValueError(f"no records under {source}; name the folder that a sweep wrote")
    both = [path for place in places for path in (source / place, into / place) if path.exists()]
    if problems := check_records(both)[1]:
        raise ValueError("nothing was merged: " + "; ".join(problems))
    return {into / place: merge_records([source / place], into / place) for place in places}
