"""`spinalnet report`: what a set of records holds, as one Markdown page with its figures beside it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..files import write_whole
from ..paths import data_path
from ..records.files import load_records, record_files
from .report_tables import overview, provenance, search_tables, test_table, validation
from .run_groups import Section, group_runs


def write_report(
    paths: Sequence[str | os.PathLike] = (), out: str | os.PathLike = "report", read_test: bool = False
) -> Path:
    """Write `report.md` and its PNG figures into the folder `out`, and return the page's path.

    `paths` are files, folders or names of records; none are all of the project's own. Test results are left out unless
    `read_test`. Figures are written before the page that shows them. Raises ValueError where there is no record.
    """
    files = [file for path in paths or _own() for file in record_files(path)]
    records = list({record.key: record for file in files for record in load_records(file)}.values())
    if not records:
        raise ValueError(f"no record in {', '.join(map(str, paths)) or data_path('results')}; train first")
    out, sections = Path(out), group_runs(records)
    parts = [
        f"# {len(records):,} runs",
        overview(sections),
        _about_the_test(sections, read_test),
    ]
    names: set[str] = set()
    for section in _shown(sections):
        parts += [f"## {section.title}", *_figure(section, out, names)]
        parts.append(search_tables(section) if section.searched else validation(section))
        opened = test_table(section) if read_test else None
        parts += ["Test set, read once a run or at each evaluation:", opened] if opened else []
    parts += ["## Where this comes from", provenance(records, [file.name for file in files])]
    write_whole(out / "report.md", "\n\n".join(parts) + "\n")
    return out / "report.md"


def _own() -> list[Path]:
    """Every folder of the project's results that has records."""
    return sorted({file.parent for file in data_path("results").rglob("*.jsonl")})


def _figure(section: Section, out: Path, names: set[str]) -> list[str]:
    from .report_figures import section_figure

    picture = section_figure(section)
    if picture is None:
        return ["All of these runs diverged."]
    plain = re.sub(r"[^a-z0-9]+", "_", section.title.lower()).strip("_")
    name = plain if plain not in names else f"{plain}_{len(names)}"
    names.add(name)
    write_whole(out / f"{name}.png", picture.to_bytes(dpi=110))
    return [f"![{picture.alt}]({name}.png)"]


def _about_the_test(sections: Sequence[Section], read_test: bool) -> str:
    count = sum(record.test is not None for section in sections for record in section.records)
    if not count:
        return "None of these runs has read its test set."
    if read_test:
        return (
            f"{count:,} of these runs have read their test set. Its result stands three ways: after the last step, which is "
            "the one to quote; at the evaluation that was best on validation data; and the best of the test itself, which "
            "is too good, since it was chosen on the test set."
        )
    return f"{count:,} of these runs have read their test set; its results are left out here. `--read-test` shows them."


def _shown(sections: Sequence[Section]) -> Iterable[Section]:
    if not sys.stderr.isatty():
        return sections
    from tqdm import tqdm

    return tqdm(sections, desc="sections", leave=False)
