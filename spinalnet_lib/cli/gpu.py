"""`spinalnet gpu`: some minutes of a GPU, well used: selftest, measurements, then the plan's runs in order of value."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

_ORDER = "selftest, GPU rows of the bench, then the plan's runs on a GPU, in this order"


def add(commands) -> None:
    gpu = commands.add_parser("gpu", help="some minutes of a GPU, well used; stop and start again at will")
    option = gpu.add_argument
    option("--minutes", type=float, default=10.0, help="stop in time; what runs is saved (default: %(default)g)")
    option("--out", default="gpu_runs", metavar="DIR", help="all that is made; it merges into data/results")
    option("--data", metavar="DIR", help="the data root (default: $SPINALNET_DATA, or data/cache)")
    rehearse = "the plan's runs on a GPU in small, each of so many steps, on a CPU too, to see that they can be made"
    option("--rehearse", type=int, metavar="STEPS", help=rehearse)
    gpu.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    began = time.monotonic()
    import torch

    from ..bench.selftest import selftest
    from ..checks import check_int
    from ..files import check_writable
    from ..machine import TimeLimit
    from ..study.order import STUDY_ORDER
    from ..study.setup import Setup
    from ..study.tiers import TIERS, choose_sets
    from .sweep import make_steps

    limit = TimeLimit(args.minutes * 60, began)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    plans = {name: plan for name, plan in TIERS.items() if plan.device == "cuda"}
    steps = [step for step in STUDY_ORDER if step.tier in plans]
    if args.rehearse is not None:
        short = check_int("gpu", "rehearse", args.rehearse)
        # Only a rehearsal may make a GPU's runs on a CPU.
        plans = {name: replace(plan.rehearsal(short), device=device) for name, plan in plans.items()}
    elif device == "cpu":
        print(f"no GPU is here. On one this command would make: {_ORDER}")
        _say_next(args.out, None)
        return
    check_writable(Path(args.out) / "bench" / "gpu.json")
    sets, absent = choose_sets(None, (), "cuda", args.data)
    if absent:
        print(f"without {', '.join(absent)}, which are not here; `spinalnet data list` says how to get them")
    if failed := selftest(device):
        raise ValueError(f"{failed} checks of the selftest failed, as said above; do not train here")
    _measure(device, Path(args.out) / "bench", limit)
    how = {"engine": "serial", "workers": 1, "address": None, "threads": 1, "time_limit": args.minutes * 60}
    swept = argparse.Namespace(**vars(args), **how)
    failed = make_steps(
        steps, sets, plans, swept, Setup(device, 1, args.data), limit, lambda step: _write_power(step, args, sets)
    )
    if args.rehearse is None:
        _say_next(args.out, sets)
        print(
            f"all is in {args.out}; to add it to the project's, and their power to its file: "
            f"spinalnet records merge {args.out} --into data/results && spinalnet power"
        )
    if failed:
        raise ValueError(f"{failed} runs failed, as said above; mend the cause and run again")


def _measure(device: str, out: Path, limit) -> None:
    """The GPU rows of the bench, group by group, unless this source has them already."""
    from ..bench.reports import read_report
    from ..bench.run import GROUPS, run_benchmarks
    from ..machine import source_hash

    if device == "cpu":
        print("bench: its rows of a GPU need one, and are left out of this rehearsal")
        return
    known = read_report(out / "gpu.json")["groups"]
    for group in GROUPS["cuda"]:
        if known.get(group, {}).get("source_sha256") == source_hash():
            print(f"bench: {group} is measured already")
        elif limit.is_up:
            print(f"bench: {group}: the time is up; the same command goes on")
        else:
            try:
                run_benchmarks(device, out, [group])
            except (FileNotFoundError, ImportError) as error:  # its data or a package of its peers
                print(f"bench: {group}: not measured, {error}")


def _write_power(step, args: argparse.Namespace, sets: dict[str, list[str]]) -> None:
    """Before a test set is read, what its comparisons can tell is written down, from the power runs made before."""
    from ..files import write_whole
    from ..records.files import RecordFolder
    from ..study.comparisons import COMPARISONS
    from ..study.gate import power_of_plan

    if step.study != "study" or args.rehearse is not None:
        return
    out = Path(args.out)
    records = [record for kind in ("tuning", "power") for record in RecordFolder(out / kind).records()]
    found = power_of_plan(records)
    names = {*(step.datasets or sets[step.tier])}
    judged = [each for each in COMPARISONS if (each.tier, each.recipe) == (step.tier, "tuned")]
    if lacking := [each.name for each in judged if {*each.datasets} <= names and each.name not in found]:
        raise ValueError(f"the power of {'; '.join(lacking)} cannot be told, as runs of it are missing or diverged")
    write_whole(out / "power.json", json.dumps(found, indent=1) + "\n")


def _say_next(out: str, sets: dict[str, list[str]] | None) -> None:
    """What each further ten minutes would decide, of the sets that are here, or of all."""
    from ..records.files import RecordFolder
    from ..study.next_minutes import next_decisions
    from ..study.order import STUDY_ORDER, study_progress
    from ..study.tiers import TIERS

    steps = {step.name: step for step in STUDY_ORDER}
    tiers = [tier for tier, plan in TIERS.items() if plan.device == "cuda" and (sets is None or tier in sets)]
    folders = {step.folder for step in STUDY_ORDER}
    records = [record for folder in folders for record in RecordFolder(Path(out) / folder).records()]
    progress = [
        row
        for row in study_progress(records, tiers)
        if sets is None or not steps[row["name"]].datasets or {*steps[row["name"]].datasets} & {*sets[row["tier"]]}
    ]
    for row in next_decisions(progress):
        when = "later" if row["minutes"] is None else f"{row['minutes']:g} minutes"
        print(f"{when}: {'; '.join(row['ends'])}", *(f"decides {name}" for name in row["decides"]), sep="\n    ")
