"""`spinalnet report`: what a set of records holds, as one Markdown page with its figures beside it."""

from __future__ import annotations

import math
import os
import re
import statistics
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from tqdm import tqdm

from ..files import write_whole
from ..paths import data_path
from ..records.files import load_records, record_files
from ..records.record import Record, each_once
from ..study.blindness import HIDDEN, hidden, is_open, with_own
from ..study.comparisons import COMPARISONS
from ..study.completeness import needed_seeds
from ..study.evidence import evidence_of
from ..study.gains import reference_errors
from ..study.jobs import failures_in
from ..study.judged import judged
from ..study.paired_gains import paired_gains
from ..study.tuning import Grid, Search, drop_rate
from ..words import counted, signed
from .palette import MARKERS, Theme
from .picture import Picture, is_narrow, label_log_axis
from .plots import draw_curves
from .provenance import describe_mean, origins, span
from .run_groups import Section, group_runs, last_value

Losses = dict[tuple[float, float], float]  # of a learning rate and a dropout rate
_MOST_CURVES = 6  # arms in one figure: beyond that nobody can tell them apart


def write_report(
    paths: Sequence[str | os.PathLike] = (), out: str | os.PathLike = "report", read_test: bool = False
) -> Path:
    """Write `report.md` and its PNG figures into the folder `out`, and return the page's path.

    `paths` are files, folders or names of records; none are all of the project's own. Test results are left out unless
    `read_test`. Figures are written before the page that shows them. Raises ValueError where there is no record.
    """
    files = [file for path in paths or [data_path("results")] for file in record_files(path)]
    records = each_once(record for file in files for record in load_records(file))
    if not records:
        raise ValueError(f"no record in {', '.join(map(str, paths)) or data_path('results')}; train first")
    out, sections = Path(out), group_runs(records)  # without the runs that are not to be shown yet
    out.mkdir(parents=True, exist_ok=True)  # before the work of drawing
    parts = [
        f"# {len(records):,} runs",
        _overview(sections),
        *_failed(files, records),
        *_incomplete(records),
        _about_the_test(sections, read_test),
    ]
    for number, section in enumerate(tqdm(sections, leave=False, disable=None)):  # no bar where nobody looks
        if section.searched:
            losses = search_losses(section)
            picture, tables = (
                draw_search(section.title, losses),
                [_search_table(section, *of_head) for of_head in losses.items()],
            )
        else:
            picture, tables = _curves(section), [_validation(section)]
        parts += [f"## {section.title}", _written(picture, out, f"{number + 1}_{section.title}"), *tables]
        opened = _test(section) if read_test else None
        parts += ["Test set, read once a run or at each evaluation:", opened] if opened else []
    parts += _without_verdict(records, read_test)
    rows = [("files", ", ".join(file.name for file in files)), *origins(records).items()]
    parts += ["## Where this comes from", table(("", "from"), rows)]
    write_whole(out / "report.md", "\n\n".join(parts) + "\n")
    return out / "report.md"


def _overview(sections: Sequence[Section]) -> str:
    """A row a section: how many runs, arms and seeds there are, and how many diverged."""
    rows = []
    for section in sections:
        runs, diverged = section.records, sum(run.diverged for run in section.records)
        rows.append((section.title, len(runs), len(section.arms), span(run.seed for run in runs), diverged))
    return table(("what", "runs", "arms", "seeds", "diverged"), rows)


def _failed(files: Sequence[Path], records: Sequence[Record]) -> list[str]:
    """The runs that failed beside these files, each by its last try, and whether it has been made since; else nothing."""
    failures = [failure for folder in dict.fromkeys(file.parent for file in files) for failure in failures_in(folder)]
    made, last = {record.key for record in records}, {(each["key"], each["cell"]): each for each in failures}
    rows = [
        (cell, " ".join(each["reason"].split()), each["date"], "yes" if key in made else "no")
        for (key, cell), each in last.items()
    ]
    return ["## Runs that failed", table(("run", "reason", "date", "made since"), rows)] if rows else []


def _incomplete(records: Sequence[Record]) -> list[str]:
    """Of cells of the study that are not complete how many seeds are there, and how wide the interval is; else nothing."""
    blind = hidden(records)
    if not blind:
        return []
    everything = with_own(records)
    setups = {record.setup for record in records if record.key in blind}
    rows = []
    for each in COMPARISONS:
        cells = evidence_of(everything).cells_so_far(each).values()
        if not setups.isdisjoint(cell.setup for cell in cells) and is_open(each, everything):
            verdict = judged(each, everything)
            wide, units = verdict.half_width, verdict.units
            planned = len(needed_seeds(each, everything))
            ratio = "not known" if wide is None or math.isinf(wide) else f"{wide:.2f}"
            level = reference_errors(each, everything)
            level = ", ".join(f"{error:.2%}" for error in level.values()) if level and each.tier != "R" else ""
            rows.append((each.name, f"{units} of {planned}", ratio, level))
    about = (
        f"Results of {len(blind):,} of these runs are {HIDDEN}; the same holds of the power runs of its first arm. Until "
        "then a cell shows the half-width of its interval over δ, and the validation error of its reference in the power runs."
    )
    header = ("cell", "seeds", "half-width ÷ δ", "reference's validation error")
    return ["## Cells that are not complete", about, table(header, rows)]


def _without_verdict(records: Sequence[Record], read_test: bool) -> list[str]:
    """The plan's exploratory pairs, a row each; nothing where these records have none."""
    found = paired_gains(records, validation=not read_test).to_dict("records")
    if not found:
        return []
    rows = []
    for row in found:
        where = f"{row['tier']}, {row['part']}: {row['data']}"
        units = f"{row['units']} of {row['planned']} {'bodies' if row['unit'] == 'body' else 'seeds'}"
        mean, *ends = (signed(row[name], ".3g") for name in ("gain", "low", "high"))
        gain = "diverged" if row["units"] == row["planned"] else "not yet"
        gain = gain if math.isnan(row["gain"]) else f"{mean} ({' to '.join(ends)})"
        images = "all" if math.isnan(row["train_per_class"]) else f"{row['train_per_class']:.0f} a class"
        rows.append((where, images, row["arm"], row["reference"], units, gain))
    about = (
        "Exploratory pairs of the study: intervals, not corrected for their number, and no verdict. A gain is the error of "
        "the second arm less that of the first, so above 0 the first is better; of frozen bodies trained here the unit is a body."
    )
    measure = f"gain in points of {'test' if read_test else 'validation'} error (95 % interval)"
    return ["## Pairs without a verdict", about, table(("where", "images", "first", "second", "units", measure), rows)]


def _curves(section: Section) -> Picture | None:
    """Validation results over training, the best arms only; None where all runs diverged."""
    arms = {arm: [record for record in runs if not record.diverged] for arm, runs in section.arms.items()}
    means = {arm: statistics.fmean(map(last_value, runs)) for arm, runs in arms.items() if runs}
    shown = sorted(means, key=means.get)[:_MOST_CURVES]
    if not shown:
        return None
    ends = "; ".join(f"{arm} {means[arm]:.3g} ({len(arms[arm])} runs)" for arm in shown)
    hidden = len(means) - len(shown)
    left = f" The {hidden} arms that ended highest are left out." if hidden else ""
    alt = f"{section.title}. {section.unit} over training; at the end: {ends}.{left}"
    return draw_curves({arm: arms[arm] for arm in shown}, alt)


def _written(picture: Picture | None, out: Path, title: str) -> str:
    if picture is None:
        return "All of these runs diverged."
    name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") + ".png"
    write_whole(out / name, picture.to_bytes(dpi=110))
    return f"![{picture.alt}]({name})"


def _validation(section: Section) -> str:
    """A row an arm: the last validation result, its mean and interval, and what the head costs."""
    rows = [
        (
            arm,
            len(runs),
            describe_mean([last_value(run) for run in runs]),
            f"{runs[0].head_cost['parameters']:,}",
            f"{runs[0].head_cost['macs']:,}",
            f"{runs[0].body_cost['macs']:,}",
            f"{statistics.median(run.seconds for run in runs):.3g}",
            f"{statistics.median(run.images_per_second for run in runs):,.0f}",
        )
        for arm, runs in section.arms.items()
    ]
    costs = ("parameters of the head", "its MACs", "the body's MACs", "seconds a run", "images/s")
    return table(("arm", "runs", f"{section.unit}, mean (95 % interval)", *costs), rows)


def _test(section: Section) -> str | None:
    """A row an arm: the test result three ways, which are never to be mixed up; None where no run has read the test."""
    names = ("last_mse", "val_best_mse", "test_min_mse") if section.loss == "mse" else ("last", "val_best", "test_max")
    scale, unit = (1, "test MSE") if section.loss == "mse" else (100, "test accuracy, %")
    rows = []
    for arm, runs in section.arms.items():
        read = [run.test for run in runs if run.test]
        values = [[math.inf if test[name] is None else scale * test[name] for test in read] for name in names]
        rows += [(arm, len(read), *map(describe_mean, values))] if read else []
    header = ("arm", "runs", f"{unit}, after the last step", "at the best validation", "the best of the test itself")
    return table(header, rows) if rows else None


def search_losses(section: Section) -> dict[str, Losses]:
    """For each head its mean validation losses, where all seeds of a place are there; infinite where one diverged."""
    records = section.records
    heads = list(dict.fromkeys(record.head for record in records))
    rates = {record.recipe["learning_rate"] for record in records}
    drops, seeds = {drop_rate(record) for record in records}, {record.seed for record in records}
    grid = Grid(drop_rates=tuple(sorted(drops)), seeds=tuple(seeds))
    search = Search(records, [records[0].dataset], records[0].model["backbone"], heads, grid)
    places = [(rate, drop) for rate in sorted(rates) for drop in grid.drop_rates]
    found = {head: {place: search.loss(head, *place) for place in places} for head in heads}
    return {head: {at: loss for at, loss in losses.items() if loss is not None} for head, losses in found.items()}


def draw_search(title: str, losses: dict[str, Losses]) -> Picture | None:
    """Mean validation loss over the learning rate, a line for each head and dropout rate; None where all diverged."""
    finite = {head: {at: loss for at, loss in found.items() if math.isfinite(loss)} for head, found in losses.items()}
    best = {head: min(found, key=found.get) for head, found in finite.items() if found}
    if not best:
        return None
    alt = f"{title}. Mean validation loss over the learning rate; lowest: " + "; ".join(
        f"{head} {finite[head][rate, drop]:.4f} at {rate:.3g}, dropout {drop:g}" for head, (rate, drop) in best.items()
    )

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for i, (head, lowest) in enumerate(best.items()):
            colour, marker = theme.of_head(head), MARKERS[i % len(MARKERS)]
            for drop in sorted({drop for _, drop in finite[head]}):
                line = {rate: loss for (rate, dropped), loss in finite[head].items() if dropped == drop}
                style, label = "--" if drop else "-", f"{head}, dropout {drop:g}"
                axes.plot(list(line), list(line.values()), style, color=colour, marker=marker, label=label)
            ring = {"markersize": 14, "markerfacecolor": "none", "markeredgecolor": colour}
            axes.plot(lowest[0], finite[head][lowest], "o", **ring)
        axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="validation loss (logarithmic)")
        label_log_axis(axes.yaxis)
        figure.legend(
            loc="outside lower center", ncols=1 if is_narrow(figure) else 2, labelcolor=theme.text, fontsize=9
        )

    return Picture(draw, f"{alt}. A ring marks each head's lowest.", (7.0, 3.6 + 0.2 * len(best)))


def _search_table(section: Section, head: str, losses: Losses) -> str:
    """Mean validation losses of a head, a row a learning rate; the lowest is marked."""
    rates, drops = sorted({rate for rate, _ in losses}), sorted({drop for _, drop in losses})
    best = min(losses, key=losses.get, default=None)

    def cell(place: tuple[float, float]) -> str:
        text = f"{losses[place]:.4f}" if place in losses else ""
        return f"**{text}**" if place == best else text

    rows = [(f"{rate:.3g}", *(cell((rate, drop)) for drop in drops)) for rate in rates]
    header = (f"{head}: learning rate", *(f"dropout {drop:g}" for drop in drops))
    edge = best and len(rates) > 1 and best[0] in (rates[0], rates[-1])
    note = "The lowest is at the grid's edge." if edge else "The lowest is inside the grid."
    return f"{table(header, rows)}\n\nMean validation loss over {counted(len({run.seed for run in section.records}), 'seed')}. {note}"


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


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others are set to the right."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
