"""Reports of measurements: rows of ratios with their provenance, written and read as JSON."""

from __future__ import annotations

import datetime
import json
import os
import platform

import torch

from ..files import write_whole
from ..machine import source_hash
from ..paths import data_path
from .measure import METHOD

_COMMANDS = {"cpu": "make bench", "gpu": "spinalnet bench --device cuda --out data/results/bench"}


def print_row(row: dict) -> None:
    promise = f" (promised: {row['promised']:.2f} at most)" if "promised" in row else ""
    print(
        f"{row['name']:74} {row['ratio']:6.2f}   {row['low']:.2f} to {row['high']:.2f}   {row['peer']}{promise}",
        flush=True,
    )


def write_report(path: str | os.PathLike, rows: list[dict], device: torch.device | str = "cpu", **more) -> None:
    """Write rows, and what else was found, with provenance as JSON; the old report stays until the new one is whole."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    if torch.device(device).type == "cuda":
        machine = f"{torch.cuda.get_device_name(device)}; {machine}"
    report = {
        "date": datetime.date.today().isoformat(),
        "machine": machine,
        "torch": torch.__version__,
        "source_sha256": source_hash(),
        "method": METHOD,
        "rows": rows,
        **more,
    }
    write_whole(path, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(f"written to {path}")


def load_bench(name: str = "cpu") -> list[dict]:
    """Rows of a committed report in `data/results/bench`: "cpu", "gpu" or "builds"; empty where there is none yet."""
    return load_bench_report(name).get("rows", [])


def load_bench_report(name: str = "cpu") -> dict:
    """A committed report whole, with date, machine and method; of "gpu" also its figures and profile. Empty if there is none."""
    path = data_path("results", "bench", f"{name}.json")
    return json.loads(path.read_text()) if path.is_file() else {}


def describe_bench(name: str = "cpu") -> str:
    """When, where and how often the rows of `load_bench` were measured, in one sentence; or the command that would."""
    report = load_bench_report(name)
    if not report:
        return f"Not measured yet; `{_COMMANDS[name]}` measures it." if name in _COMMANDS else "Not measured yet."
    pairs = sorted({row.get("pairs", 1) for row in report["rows"]})
    each = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    return f"Measured on {report['date']} ({report['machine']}, torch {report['torch']}), {each} pair{'' if pairs == [1] else 's'} a row."
