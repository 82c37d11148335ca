"""Where the project's own data lives: in a checkout `data/`, in an installed wheel the copy inside the package."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_path(*parts: str) -> Path:
    """Path of a card, record or published table, e.g. `data_path("results", "first_training.jsonl")`."""
    checkout = _PACKAGE.parent / "data"
    return (checkout if (checkout / "cards").is_dir() else _PACKAGE / "_data").joinpath(*parts)


def data_root(root: str | os.PathLike | None = None) -> Path:
    """Folder with the data sets: the argument, else `$SPINALNET_DATA`, else `data/cache` of the checkout or of the current folder."""
    if root is None:
        root = os.environ.get("SPINALNET_DATA") or None
    if root is not None:
        return Path(root).expanduser()
    checkout = _PACKAGE.parent / "data"
    return checkout / "cache" if (checkout / "cards").is_dir() else Path("data", "cache")
