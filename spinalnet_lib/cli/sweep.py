"""`spinalnet sweep`: the missing runs of a study, stopped and started again at will."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path


def add(commands) -> None:
    sweep = commands.add_parser("sweep", help="make the missing runs of a study; stop and start again at will")
    option = sweep.add_argument
    studies = (
        "tuning: the search over learning rate and dropout; power: with what it chose the validation runs that say how small "
        "a difference can be told; study: the tiers' own runs; "
    )
    option("study", help=studies + "published: the paper's heads and recipes, few seeds")
    tiers = "R, C, P, W, F on a CPU; G, H, T on a GPU; an unknown one lists them (default: all of the device)"
    option("--tier", help=tiers)
    sets = "only these data sets, all features of theirs included (default: all that are here)"
    option("--sets", nargs="+", metavar="NAME", default=[], help=sets)
    option("--size", type=int, metavar="PIXELS", help="side of photographs (default: their card's)")
    option("--data", metavar="DIR", help="the data root (default: $SPINALNET_DATA, or data/cache)")
    search = (
        "records of the search, for study (default: those in --out; of what was not searched there the project's own)"
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
    sweep.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    began = time.monotonic()
    if args.engine == "process":
        from ..study.workers import start_server

        start_server()  # before torch is imported here
    from ..machine import TimeLimit, pick_device
    from ..records.files import RecordFolder, load_records
    from ..study.blindness import own_records
    from ..study.cells import list_cells
    from ..study.gate import cells_to_run
    from ..study.jobs import Failures, Shelf, time_left
    from ..study.setup import Setup
    from ..study.sweep import check_engine, missing_cells, prepare, sweep
    from ..study.tiers import choose_sets
    from ..study.tuning import search_records
    from ..training.recipes import TUNING_SEEDS

    limit = TimeLimit(args.time_limit, began)
    check_engine(args.engine, args.workers, args.address)
    setup = Setup(args.device, args.threads, args.data)
    if args.tuning is not None and args.study not in ("power", "study"):
        raise ValueError(f"--tuning is for power and study, whose settings it chose; leave it out of {args.study!r}")
    sets, absent = choose_sets(args.tier, args.sets, pick_device(args.device).type, args.data)
    if absent:
        print(f"without {', '.join(absent)}, which are not here; `spinalnet data list` says how to get them")
    runs = RecordFolder(args.out)
    given = None if args.tuning is None else load_records(args.tuning)

    def cells():
        search = search_records(args.out) if given is None else given
        listed = ((tier, list_cells(args.study, tier, search, names, args.data)) for tier, names in sets.items())
        beside = [record for record in [*own_records(), *runs.records()] if record.seed not in TUNING_SEEDS]
        found = (cells_to_run(args.study, tier, cells, [*search, *beside]) for tier, cells in listed)
        return [replace(cell, size=args.size) for cells in found for cell in cells]

    todo = cells()
    if not todo:
        raise ValueError(f"tier {', '.join(sets)} has no runs of {args.study!r}; leave out --tier, or name another")
    Shelf(Path(args.out)).check(todo)  # before anything is computed
    if not prepare(todo, setup, limit):
        print(f"{len(todo)} runs wait for features; the same command goes on with them")
        return
    left, failures = missing_cells(todo, args.out, setup), Failures(Path(args.out))
    print(f"{len(todo)} runs, {len(todo) - len(left)} of them in {args.out}")
    if left and limit.is_up:
        print(f"{args.time_limit:g} seconds were over before a run could begin; give more")
    elif left:  # a search whose best lies at the edge of its grid goes on beyond it
        engine = {"engine": args.engine, "workers": args.workers, "address": args.address}
        left = sweep(cells, args.out, time_limit=limit, setup=setup, **engine)
    failed = failures.among(left, setup)
    left = [cell for cell in left if cell not in failed]
    seconds, unknown = time_left(left, runs.records())
    if not left:
        print("0 runs are left")
    elif unknown:
        print(f"{len(left)} runs are left; none like {unknown} of them has ended, so their time is unknown")
    else:
        minutes = seconds / args.workers / 60
        print(f"{len(left)} runs are left, about {minutes:.0f} minutes with {args.workers} workers")
    if failed:
        raise ValueError(f"{len(failed)} runs failed, as said above; mend the cause and run again")
