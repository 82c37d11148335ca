"""`spinalnet bench`: every performance row, in groups, printed as it is measured and written as one report a device."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from ..checks import check_name
from ..machine import pick_device
from . import device as gpu
from . import heads, stacked, training
from .reports import print_row, write_report

Rows = Callable[[], Iterable[dict]]

GROUPS: dict[str, tuple[Rows, ...]] = {
    "heads": (
        heads.head_rows,
        heads.large_rows,
        heads.compiled_rows,
        heads.cnn_rows,
        heads.import_rows,
    ),
    "training": (training.race_rows, training.step_rows, training.augmentation_rows),
    "stacked": (stacked.stacked_rows,),
    "runs": (training.sweep_rows, training.record_rows),
}


def run_benchmarks(
    device: torch.device | str = "cpu", out: str | os.PathLike | None = None, only: Sequence[str] = ()
) -> list[dict]:
    """Measure and print the rows of a device; with `out`, a folder, write them to `cpu.json` or `gpu.json` there.

    `only` names groups of CPU rows; a report holds all of them, so it is for looking only. Raises ValueError for a group
    or a device that is not there.
    """
    device = pick_device(device)
    for group in only:
        check_name("group of rows", group, GROUPS)
    if only and (out is not None or device.type == "cuda"):
        raise ValueError(f"only={list(only)} looks at some rows of a CPU, a report holds all; leave out or only away")
    print(f"{'figure':74} {'ratio':>6}   10–90 %        peer")
    if device.type == "cuda":
        rows = _printed(gpu.device_rows(device), "gpu")
        rows += _printed(heads.compiled_rows("cuda"), "gpu")
        figures, profile = gpu.device_figures(device), gpu.profile_step(device)
        for figure in figures:
            print(f"{figure['name']:74} {figure['value']:g} {figure['unit']}")
        for part in profile:
            print(f"step of batch {part['batch']:5}: {part['kind']:40} {part['share']:6.1%}")
        more = {"figures": figures, "profile": profile}
    else:
        rows = [row for group in only or GROUPS for measure in GROUPS[group] for row in _printed(measure(), group)]
        more = {}
    if out is not None:
        write_report(Path(out) / ("gpu.json" if device.type == "cuda" else "cpu.json"), rows, device, **more)
    return rows


def _printed(rows: Iterable[dict], group: str) -> list[dict]:
    """The rows as they are measured, each with its group."""
    found = []
    for row in rows:
        print_row(row)
        found.append({"group": group, **row})
    return found
