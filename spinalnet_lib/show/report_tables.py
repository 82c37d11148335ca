"""The tables of a report, as Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from ..records.record import Record
from ..study.tuning import Search
from ..training.recipes import TUNING_DROPOUT, TUNING_SEEDS
from .run_groups import Section, last_value, mean_and_spread


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others are set to the right."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def overview(sections: Sequence[Section]) -> str:
    """A row a section: how many runs, arms and seeds there are, and how many diverged."""
    rows = [
        (
            section.title,
            len(section.records),
            len(section.arms),
            _range([record.seed for record in section.records]),
            sum(record.diverged for record in section.records),
        )
        for section in sections
    ]
    return table(("what", "runs", "arms", "seeds", "diverged"), rows)


def validation(section: Section) -> str:
    """A row an arm: the last validation result, mean ± standard deviation over its runs, and what the head costs."""
    unit = "validation MSE" if section.loss == "mse" else "validation error, %"
    rows = [
        (
            arm,
            len(runs),
            mean_and_spread([last_value(record) for record in runs]),
            f"{runs[0].head_cost['parameters']:,}",
            f"{runs[0].head_cost['macs']:,}",
            f"{runs[0].body_cost['macs']:,}",
            f"{statistics.median(record.seconds for record in runs):.3g}",
            f"{statistics.median(record.images_per_second for record in runs):,.0f}",
        )
        for arm, runs in section.arms.items()
    ]
    costs = ("parameters of the head", "its MACs", "the body's MACs", "seconds a run", "images/s")
    return table(("arm", "runs", unit, *costs), rows)


def test_table(section: Section) -> str | None:
    """A row an arm: the test result three ways, which are never to be mixed up; None where no run has read the test."""
    names = ("last_mse", "val_best_mse", "test_min_mse") if section.loss == "mse" else ("last", "val_best", "test_max")
    scale = 1 if section.loss == "mse" else 100
    rows = []
    for arm, runs in section.arms.items():
        read = [record.test for record in runs if record.test]
        if read:
            values = [[math.inf if test[name] is None else scale * test[name] for test in read] for name in names]
            rows.append((arm, len(read), *map(mean_and_spread, values)))
    unit = "test MSE" if section.loss == "mse" else "test accuracy, %"
    header = ("arm", "runs", f"{unit}, after the last step", "at the best validation", "the best of the test itself")
    return table(header, rows) if rows else None


def search_tables(section: Section) -> str:
    """For each arm of a search its mean validation loss, a row a learning rate; the lowest is marked."""
    heads = list(dict.fromkeys(record.head for record in section.records))
    search = Search(section.records, section.dataset, section.backbone, heads)
    parts = []
    for head in heads:
        rates = sorted({record.recipe["learning_rate"] for record in section.records if record.head == head})
        losses = {(rate, drop): search.loss(head, rate, drop) for rate in rates for drop in TUNING_DROPOUT}
        known = [loss for loss in losses.values() if loss is not None]
        best = min(known, default=None)

        def cell(place: tuple[float, float], losses=losses, best=best) -> str:
            loss = losses[place]
            text = "" if loss is None else f"{loss:.4f}"
            return f"**{text}**" if loss is not None and loss == best else text

        rows = [(f"{rate:.3g}", *(cell((rate, drop)) for drop in TUNING_DROPOUT)) for rate in rates]
        header = (f"{head}: learning rate", *(f"dropout {drop:g}" for drop in TUNING_DROPOUT))
        ends = [rate for (rate, _), loss in losses.items() if loss is not None and loss == best]
        edge = len(rates) > 1 and ends and ends[0] in (rates[0], rates[-1])
        note = "The lowest is at the grid's edge." if edge else "The lowest is inside the grid."
        parts.append(table(header, rows) + f"\n\nMean validation loss of {len(TUNING_SEEDS)} seeds. {note}")
    return "\n\n".join(parts)


def provenance(records: Sequence[Record], files: Sequence[str]) -> str:
    """Where the runs come from: files, days, machines, versions."""

    def all_of(values) -> str:
        return ", ".join(sorted({str(value) for value in values}))

    rows = [
        ("files", ", ".join(files)),
        ("runs", f"{len(records):,}"),
        ("days", _range([record.date[:10] for record in records])),
        ("devices", all_of(f"{record.device_name} ({record.device}, {record.threads} threads)" for record in records)),
        ("torch", all_of(record.torch for record in records)),
        ("spinalnet_lib", all_of(record.library for record in records)),
        ("hashes of its source", all_of(record.source_sha256[:10] for record in records)),
        (
            "searches the settings came from",
            all_of(record.tuning_id[:10] for record in records if record.tuning_id) or "none",
        ),
    ]
    return table(("", "from"), rows)


def _range(values: Sequence) -> str:
    first, last = min(values), max(values)
    return f"{first}" if first == last else f"{first} to {last}"
