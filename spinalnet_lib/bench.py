"""How performance is measured: as a ratio against a peer in the same run; and the reports of it.

Method: the two are run in turn, A B A B, after a warm-up; each pair gives one ratio, and a row reports the
median with the tenth and ninetieth percentile. Only ratios travel between machines.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import time
from collections.abc import Callable

import torch

from .paths import data_path
from .records import source_hash
from .whole_files import write_whole

PAIRS = 40
_METHOD = " ".join(__doc__.split("Method: ")[1].split())
_COMMANDS = {"cpu": "make bench", "gpu": "spinalnet bench --device cuda --out data/results/bench"}


def compare_times(
    name: str, peer: str, ours: Callable[[], object], theirs: Callable[[], object], pairs: int = PAIRS
) -> dict:
    """One row: time of `ours` over time of `theirs`, pair by pair; each side repeats until it takes about 20 ms."""
    repeats = max(1, round(0.02 / max(seconds_of(theirs, 3) / 3, 1e-6)))
    seconds_of(ours, repeats), seconds_of(theirs, repeats)  # warm-up
    return ratio_row(name, peer, [seconds_of(ours, repeats) / seconds_of(theirs, repeats) for _ in range(pairs)])


def ratio_row(name: str, peer: str, ratios: list[float], promised: float | None = None) -> dict:
    """A row of what was measured: the median ratio, its tenth and ninetieth percentile and the number of pairs.

    `promised` is the largest ratio that was promised before it was measured; the row says it, met or not.
    """
    tenths = statistics.quantiles(ratios, n=10, method="inclusive") if len(ratios) > 1 else ratios
    return {
        "name": name,
        "peer": peer,
        "ratio": _four_digits(statistics.median(ratios)),
        "low": _four_digits(tenths[0]),
        "high": _four_digits(tenths[-1]),
        "pairs": len(ratios),
        **({} if promised is None else {"promised": _four_digits(promised)}),
    }


def _four_digits(value: float) -> float:
    return float(f"{value:.4g}")


def seconds_of(fn: Callable[[], object], repeats: int = 1) -> float:
    """Wall-clock seconds of `repeats` calls."""
    start = time.perf_counter()
    for _ in range(repeats):
        fn()
    return time.perf_counter() - start


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
        "method": _METHOD,
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
