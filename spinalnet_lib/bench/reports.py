"""Reports of measurements: groups of rows, each with its own provenance, written and read as JSON."""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path

import torch

from ..checks import check_name
from ..files import write_whole
from ..machine import source_hash
from ..paths import data_path
from .measure import METHOD

_GPU = "spinalnet bench --device cuda --out data/results/bench"
_COSTS = "spinalnet bench --only costs --out data/results/bench"
_COMMANDS = {"cpu": "make bench", "gpu": _GPU, "builds": "make bench", "pages": "make bench", "costs": _COSTS}


def print_row(row: dict) -> None:
    promise = f" (promised: {row['promised']:.2f} at most)" if "promised" in row else ""
    spread = f"{row['low']:.2f} to {row['high']:.2f}"
    print(f"{row['name']:74} {row['ratio']:6.2f}   {spread}   {row['peer']}{promise}", flush=True)


def read_report(path: str | os.PathLike) -> dict:
    """A report; without groups where there is no file yet. ValueError for a damaged one."""
    try:
        report = json.loads(Path(path).read_bytes())
        if not (isinstance(report, dict) and isinstance(report.get("groups"), dict)):
            raise ValueError("it is no object with groups")
        return report
    except FileNotFoundError:
        return {"method": METHOD, "groups": {}}
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no report of `spinalnet bench` ({error}); move it away") from error


def write_group(
    path: str | os.PathLike,
    group: str,
    rows: list[dict],
    device: torch.device | str = "cpu",
    method: str = METHOD,
    **more,
) -> None:
    """Put a group of rows, with its provenance, into the report at `path`; all else in it stays as it is."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    if torch.device(device).type == "cuda":
        machine = f"{torch.cuda.get_device_name(device)}; {machine}"
    measured = {
        "date": datetime.date.today().isoformat(),
        "machine": machine,
        "torch": torch.__version__,
        "source_sha256": source_hash(),
        "rows": rows,
    }
    report = read_report(path) | {"method": method} | more
    report["groups"][group] = measured
    write_whole(path, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(f"{group}: written to {path}")


def merge_reports(source: Path, into: Path) -> list[Path]:
    """Put the groups of each report in the folder `source` into the report of that name in `into`; the reports there."""
    merged = []
    for path in sorted(source.glob("*.json")) if source.is_dir() else ():
        new, old = read_report(path), read_report(into / path.name)
        report = old | new | {"groups": old["groups"] | new["groups"]}
        write_whole(into / path.name, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        merged.append(into / path.name)
    return merged


def load_bench(name: str = "cpu") -> list[dict]:
    """Rows of a committed report in `data/results/bench`, each with its group: "cpu", "gpu", "builds", "pages" or "costs".

    Empty where nothing was measured yet. ValueError for another name.
    """
    groups = load_bench_report(name)["groups"].items()
    return [{"group": group, **row} for group, measured in groups for row in measured["rows"]]


def load_bench_report(name: str = "cpu") -> dict:
    """A committed report whole: its method, and `groups` with date, machine, torch, source and rows of each.

    That of "gpu" also holds figures and a profile. Without groups where nothing was measured yet. ValueError for a
    report that is not known.
    """
    return read_report(data_path("results", "bench", f"{check_name('bench report', name, _COMMANDS)}.json"))


def describe_bench(name: str = "cpu") -> str:
    """When, where and how often the rows of `load_bench` were measured, in one sentence; or the command that would."""
    groups = load_bench_report(name)["groups"]
    if not groups:
        return f"Not measured yet; `{_COMMANDS[name]}` measures it."
    at: dict[str, list[str]] = {}
    for group, measured in groups.items():
        where = f"on {measured['date']} ({measured['machine']}, torch {measured['torch']})"
        at.setdefault(where, []).append(group)
    said = [where if len(at) == 1 else f"{where}: {', '.join(names)}" for where, names in at.items()]
    pairs = sorted({row.get("pairs", 1) for row in load_bench(name)})
    each = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    return f"Measured {'; '.join(said)}, {each} pair{'' if pairs == [1] else 's'} a row."
