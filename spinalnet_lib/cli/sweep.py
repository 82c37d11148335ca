"""`spinalnet sweep`: the missing runs of a study, stopped and started again at will."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path


def add(commands) -> None:
    sweep = commands.add_parser("sweep", help="make the missing runs of a study; stop and start again at will")
    option = sweep.add_argument
    studies = (
        "tuning: the search over learning rate and dropout; power: with what it chose the validation runs that say how "
        "small a difference can be told; study: the tiers' own runs; published: the paper's heads and recipes; "
        "sensitivity: the main comparison with other settings and more steps; issue_6: EMNIST Balanced as a user trained it; "
    )
    option(
        "study", help=studies + "all: whatever is missing of all of these, in the plan's order, each in its own folder"
    )
    tiers = "R, C, P, W, D4, F on a CPU; G, H, T on a GPU; an unknown one lists them (default: all of the device)"
    option("--tier", help=tiers)
    option("--part", help="of a tier's own runs only these; an unknown one lists them")
    sets = "only these data sets, all features of theirs included (default: all that are here)"
    option("--sets", nargs="+", metavar="NAME", default=[], help=sets)
    option("--size", type=int, metavar="PIXELS", help="side of photographs (default: their card's)")
    option("--data", metavar="DIR", help="the data root (default: $SPINALNET_DATA, or data/cache)")
    search = (
        "records of the search, for power, study and sensitivity (default: those in --out; of what was not searched "
        "there the project's own)"
    )
    option("--tuning", metavar="PATH", help=search)
    option("--out", default="runs", metavar="DIR", help="folder of the records (default: %(default)s)")
    engines = ("serial", "process", "ray")
    option("--engine", choices=engines, default="process", help="all but serial on Linux or macOS")
    option("--address", metavar="HOST:PORT", help="of a Ray cluster (default: one on this machine)")
    option("--workers", type=int, default=1)
    option("--threads", type=int, default=1, help="CPU threads a run; part of its identity (default: 1)")
    option("--time-limit", type=float, metavar="SECONDS", help="stop in time; what runs is saved and gone on with")
    option("--device", help="cuda or cpu (default: cuda where there is one)")
    rehearse = "of all: the whole plan in small, each run of so many steps, to see that a machine can make it"
    option("--rehearse", type=int, metavar="STEPS", help=rehearse)
    sweep.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    began = time.monotonic()
    if args.engine == "process":
        from ..study.workers import start_server

        start_server()  # before torch is imported here
    from ..machine import TimeLimit, pick_device
    from ..records.files import RecordFolder, load_records
    from ..study.cells import list_cells
    from ..study.gate import cells_to_run
    from ..study.setup import Setup
    from ..study.sweep import check_engine
    from ..study.tiers import choose_sets
    from ..study.tuning import search_records

    limit = TimeLimit(args.time_limit, began)
    check_engine(args.engine, args.workers, args.address)
    setup = Setup(args.device, args.threads, args.data)
    if args.study == "all":
        _run_all(args, setup, limit)
        return
    if args.rehearse is not None:
        raise ValueError(f"--rehearse is for the whole plan; leave it out of {args.study!r}, or sweep all")
    if args.tuning is not None and args.study not in ("power", "study", "sensitivity"):
        raise ValueError(
            f"--tuning is for power, study and sensitivity, whose settings it chose; leave it out of {args.study!r}"
        )
    if args.size is not None and args.study in ("power", "study", "sensitivity"):
        raise ValueError(f"--size {args.size} makes other runs than the plan's; leave it out of {args.study!r}")
    sets, absent = choose_sets(args.tier, args.sets, pick_device(args.device).type, args.data)
    if absent:
        print(f"without {', '.join(absent)}, which are not here; `spinalnet data list` says how to get them")
    runs = RecordFolder(args.out)
    given = None if args.tuning is None else load_records(args.tuning)

    def cells():
        search = search_records(args.out) if given is None else given
        found = []
        for tier, names in sets.items():
            listed = list_cells(args.study, tier, search, names, args.data, args.part)
            found.append(cells_to_run(args.study, tier, listed, search, runs.records()))
        return [replace(cell, size=args.size) for cells in found for cell in cells]

    if not cells():
        which = "".join([f", part {args.part!r}" * bool(args.part), f", on {', '.join(args.sets)}" * bool(args.sets)])
        raise ValueError(
            f"tier {', '.join(sets)} has no runs of {args.study!r}{which}; name another tier, part or set, or none"
        )
    if failed := _make(cells, Path(args.out), args, setup, limit)[1]:
        raise ValueError(f"{failed} runs failed, as said above; mend the cause and run again")


def _run_all(args: argparse.Namespace, setup, limit) -> None:
    """Whatever is missing of the plan, in its order, and why a step has to wait."""
    from ..checks import check_int, check_name
    from ..machine import pick_device
    from ..study.order import STUDY_ORDER
    from ..study.tiers import TIERS, choose_sets

    for option in ("part", "tuning", "size"):
        if getattr(args, option) is not None:
            raise ValueError(f"--{option} is for one study; leave it out of all")
    plans, device = TIERS, pick_device(args.device).type
    if args.rehearse is not None:
        steps = check_int("sweep", "rehearse", args.rehearse)
        plans = {name: plan.rehearsal(steps) for name, plan in TIERS.items()}
    steps = [step for step in STUDY_ORDER if plans[step.tier].device == device]
    if args.tier is not None:
        check_name(f"tier of a {device}", args.tier, {step.tier: None for step in steps})
    sets, absent = choose_sets(None if args.sets else args.tier, args.sets, device, args.data)
    if args.tier is not None and args.tier not in sets:
        raise ValueError(f"tier {args.tier} has none of {', '.join(args.sets)}; name sets of its own")
    sets = {tier: names for tier, names in sets.items() if args.tier in (None, tier)}
    if absent:
        print(f"without {', '.join(absent)}, which are not here; `spinalnet data list` says how to get them")
    if failed := make_steps(steps, sets, plans, args, setup, limit):
        raise ValueError(f"{failed} runs failed, as said above; mend the cause and run again")


def make_steps(
    steps, sets: dict[str, list[str]], plans, args: argparse.Namespace, setup, limit, before=lambda step: None
) -> int:
    """Make what `args.out` lacks of these steps, one after the other as far as the time goes; how many runs failed.

    `sets` are the data sets of each tier that are here. `before` is called with a step whose runs are to be made; a
    ValueError of it says why they have to wait.
    """
    from ..records.files import RecordFolder
    from ..study.order import undone
    from ..study.sweep import missing_cells
    from ..study.tiers import PRIMARY
    from ..study.tuning import search_records

    complete, failed, results, closed = [], 0, Path(args.out), False
    for step in steps:
        if closed and step.reads_test:
            continue
        names = [name for name in plans[step.tier].meant(sets.get(step.tier, [])) if name in (step.datasets or [name])]
        if not names:
            continue

        def cells(step=step, names=names):
            made = [run for kind in ("power", step.folder) for run in RecordFolder(results / kind).records()]
            return step.cells(search_records(results / "tuning"), names, args.data, plans, made)

        try:
            todo, out = cells(), results / step.folder
            # Without the data first: where runs are missing by that, no data set need be read to know it.
            missing = undone(todo, RecordFolder(out).records(), plans[step.tier].device, args.threads)
            done = not missing and not missing_cells(todo, out, setup)
            if not done:
                before(step)
        except ValueError as error:  # its search, or what must be written down before it, is not there yet
            print(f"{step.name}: not yet, {error}")
            if step.part == PRIMARY:  # what comes after it reads the same test sets
                print("later runs that read a test set wait for it, searches and power runs go on")
                closed = True
            continue
        if done:
            complete.append(step.name)
            continue
        if limit.is_up:
            print(f"{step.name}: the time is up; the same command goes on")
            break
        print(f"{step.name}: ", end="", flush=True)
        left, failures = _make(cells, out, args, setup, limit)
        failed += failures
        complete += [] if left or failures else [step.name]
    print(f"complete: {'; '.join(complete) or 'nothing'}")
    return failed


def _make(cells: Callable[[], list], out: Path, args: argparse.Namespace, setup, limit) -> tuple[int, int]:
    """Make the runs that `out` lacks, as far as the time goes, and say so; how many are left, and how many failed."""
    from ..records.files import RecordFolder
    from ..study.jobs import Failures, Shelf, predicted_times
    from ..study.sweep import missing_cells, prepare, sweep

    todo = cells()
    Shelf(out).check(todo)  # before anything is computed
    if not prepare(todo, setup, limit):
        print(f"{len(todo)} runs wait for features; the same command goes on with them")
        return len(todo), 0
    left, failures = missing_cells(todo, out, setup), Failures(out)
    print(f"{len(todo)} runs, {len(todo) - len(left)} of them in {out}")
    if left and limit.is_up:
        print(f"{args.time_limit:g} seconds were over before a run could begin; give more")
    elif left:  # a search whose best lies at the edge of its grid goes on beyond it
        engine = {"engine": args.engine, "workers": args.workers, "address": args.address}
        left = sweep(cells, out, time_limit=limit, setup=setup, **engine)
    failed = failures.among(left, setup)
    left = [cell for cell in left if cell not in failed]
    seconds = predicted_times(left, RecordFolder(out).records())
    if not left:
        print("0 runs are left")
    elif unknown := seconds.count(None):
        print(f"{len(left)} runs are left; none like {unknown} of them has ended, so their time is unknown")
    else:
        minutes = sum(seconds) / args.workers / 60
        print(f"{len(left)} runs are left, about {minutes:.0f} minutes with {args.workers} workers")
    return len(left), len(failed)
