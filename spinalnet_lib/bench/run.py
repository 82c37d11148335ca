"""`spinalnet bench`: every performance row, in groups, printed as it is measured and written group by group."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from ..checks import check_name
from ..files import check_writable
from ..machine import pick_device
from . import device as gpu
from . import heads, stacked, training
from .reports import print_row, read_report, write_group

GROUPS: dict[str, dict[str, tuple[Callable[[], Iterable[dict]], ...]]] = {
    "cpu": {
        "heads": (heads.head_rows, heads.large_rows, heads.compiled_rows, heads.cnn_rows, heads.import_rows),
        "steps": (training.step_rows,),
        "training": (training.race_rows, training.augmentation_rows),
        "stacked": (stacked.stacked_rows,),
        "runs": (training.sweep_rows, training.record_rows),
    },
    "cuda": {"gpu": (gpu.device_rows, lambda: heads.compiled_rows("cuda"))},
}


def run_benchmarks(
    device: torch.device | str = "cpu", out: str | os.PathLike | None = None, only: Sequence[str] = ()
) -> list[dict]:
    """Measure and print the rows of a device; with `out`, a folder, put them into `cpu.json` or `gpu.json` there.

    `only` names groups: the others stay in the report as they are. A group is written as soon as it is measured. Raises
    ValueError for a group or a device that is not there, or a report that cannot be read, and OSError for one that cannot
    be written, before anything is measured.
    """
    device = pick_device(device)
    on = "cuda" if device.type == "cuda" else "cpu"
    known = GROUPS[on]
    for group in only:
        check_name("group of rows", group, known)
    report = None if out is None else Path(out) / {"cpu": "cpu.json", "cuda": "gpu.json"}[on]
    if report is not None:
        check_writable(report)
        read_report(report)
    print(f"{'figure':74} {'ratio':>6}   10–90 %        peer")
    found = []
    for group in only or known:
        rows = []
        for row in (row for measure in known[group] for row in measure()):
            print_row(row)
            rows.append(row)
        more = gpu.figures_and_profile() if on == "cuda" else {}
        if report is not None:
            write_group(report, group, rows, device, **more)
        found += [{"group": group, **row} for row in rows]
    return found
