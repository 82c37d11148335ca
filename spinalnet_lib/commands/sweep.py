"""`spinalnet sweep`: the missing runs of a study, stopped and started again at will."""

from __future__ import annotations

import argparse


def add(commands) -> None:
    sweep = commands.add_parser("sweep", help="make the missing runs of a study; stop and start again at will")
    sweep.add_argument(
        "study",
        help="tuning: the search over learning rate and dropout; study: the tiers' own runs, with what it chose; "
        "published: the paper's heads and recipes, few seeds",
    )
    sweep.add_argument(
        "--tier", help="R, C, F on a CPU; G, H, T on a GPU; an unknown one lists them (default: all of the device)"
    )
    sweep.add_argument(
        "--sets",
        nargs="+",
        metavar="NAME",
        help="only these data sets, all features of theirs included (default: all that are here)",
    )
    sweep.add_argument("--data", metavar="DIR", help="the data root (default: $SPINALNET_DATA, or data/cache)")
    sweep.add_argument(
        "--tuning",
        default="tuning",
        metavar="PATH",
        help="records of the search, for study (default: the project's own)",
    )
    sweep.add_argument("--out", default="runs", metavar="DIR", help="folder of the records (default: %(default)s)")
    sweep.add_argument("--engine", choices=("serial", "process", "ray"), default="process")
    sweep.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster (default: one on this machine)")
    sweep.add_argument("--workers", type=int, default=1)
    sweep.add_argument("--threads", type=int, default=1, help="CPU threads a run; part of its identity (default: 1)")
    sweep.add_argument(
        "--time-limit", type=float, metavar="SECONDS", help="stop in time; what runs is saved and gone on with"
    )
    sweep.add_argument("--device", help="cuda or cpu (default: cuda where there is one)")
    sweep.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    if args.engine == "process":
        from ..workers import start_server

        start_server()  # before torch is imported here
    from ..record_files import RecordFolder, load_records
    from ..study import list_cells
    from ..sweeps import TimeLimit, missing_cells, predicted_seconds, prepare, sweep
    from ..tiers import TIERS, list_sets
    from ..training import pick_device

    limit = TimeLimit(args.time_limit)
    kind = pick_device(args.device).type
    tiers = [args.tier] if args.tier else [name for name, tier in TIERS.items() if tier.device == kind]
    where = {"device": args.device, "threads": args.threads, "root": args.data}
    engine = {"engine": args.engine, "workers": args.workers, "address": args.address}
    sets = {tier: (args.sets, []) if args.sets else list_sets(tier, args.data) for tier in tiers}
    absent = sorted({name.partition("+")[0] for _, names in sets.values() for name in names})
    if absent:
        print(f"without {', '.join(absent)}, which are not here; `spinalnet data list` says how to get them")

    def cells():
        search = RecordFolder(args.out).records() if args.study == "tuning" else load_records(args.tuning)
        present = [(tier, sets[tier][0]) for tier in tiers if sets[tier][0]]
        return [cell for tier, names in present for cell in list_cells(args.study, tier, search, names, args.data)]

    todo = cells()
    if not prepare(todo, args.device, args.data, limit):
        print(f"{len(todo)} runs wait for features; the same command goes on with them")
        return
    left = missing_cells(todo, args.out, **where)
    print(f"{len(todo)} runs, {len(todo) - len(left)} of them in {args.out}")
    while left and (limit.left is None or limit.left > 0):
        before = len(left)
        sweep(todo, args.out, time_limit=limit.left, **engine, **where)
        todo = cells()  # a search whose best lies at the edge of its grid goes on beyond it
        left = missing_cells(todo, args.out, **where)
        if len(left) >= before:  # what fails, fails again
            break
    records = RecordFolder(args.out).records()
    seconds = [predicted_seconds(cell, records) for cell in left]
    if not left:
        print("0 runs are left")
    elif None in seconds:
        print(f"{len(left)} runs are left; none like {seconds.count(None)} of them has ended, so their time is unknown")
    else:
        minutes = sum(seconds) / args.workers / 60
        print(f"{len(left)} runs are left, about {minutes:.0f} minutes with {args.workers} workers")
