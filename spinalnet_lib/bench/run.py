"""`spinalnet bench`: every performance row, in groups, printed as it is measured and written group by group."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from ..checks import check_name
from ..files import check_writable
from ..machine import pick_device
from . import costs, heads, photographs, stacked, training
from . import device as gpu
from .reports import print_row, read_report, write_group

GROUPS: dict[str, dict[str, tuple[Callable[[], Iterable[dict]], ...]]] = {
    "cpu": {
        "heads": (heads.head_rows, heads.large_rows, heads.compiled_rows, heads.cnn_rows, heads.import_rows),
        "steps": (training.step_rows,),
        "training": (training.race_rows, training.augmentation_rows),
        "photographs": (photographs.photo_rows,),
        "stacked": (stacked.stacked_rows,),
        "runs": (training.sweep_rows, training.record_rows),
        "costs": (costs.cost_rows,),
    },
    "cuda": {
        "gpu": (gpu.device_rows, lambda: heads.compiled_rows("cuda")),
        "photographs": (lambda: photographs.photo_rows("cuda", 64, pairs=20),),
    },
}


def run_benchmarks(
    device: torch.device | str = "cpu", out: str | os.PathLike | None = None, only: Sequence[str] = ()
) -> list[dict]:
    """Measure and print the rows of a device; with `out`, a folder, put them into `cpu.json` or `gpu.json` there.

    Those of the group "costs", which are hundreds, go into `costs.json`.

    `only` names groups: the others stay in the report as they are. A group is written as soon as it is measured. Raises
    ValueError for a group or a device that is not there, or a report that cannot be read, and OSError for one that cannot
    be written, before anything is measured.
    """
    device = pick_device(device)
    on = "cuda" if device.type == "cuda" else "cpu"
    known = GROUPS[on]
    for group in only:
        check_name("group of rows", group, known)
    reports = {group: _report(out, on, group) for group in only or known} if out is not None else {}
    for report in dict.fromkeys(reports.values()):
        check_writable(report)
        read_report(report)
    print(f"{'figure':74} {'ratio':>6}   10–90 %        peer")
    found = []
    for group in only or known:
        rows = []
        for row in (row for measure in known[group] for row in measure()):
            print_row(row)
            rows.append(row)
        more = gpu.figures_and_profile() if group == "gpu" else {}
        if group in reports:
            write_group(reports[group], group, rows, device, **more)
        found += [{"group": group, **row} for row in rows]
    return found


def _report(folder: str | os.PathLike, on: str, group: str) -> Path:
    return Path(folder) / f"{'costs' if group == 'costs' else {'cpu': 'cpu', 'cuda': 'gpu'}[on]}.json"
