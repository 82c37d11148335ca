"""`spinalnet sweep`: the missing runs of a study, stopped and started again at will."""

from __future__ import annotations

import argparse
import time
from collections import Counter


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
        metavar="PATH",
        help="records of the search, for study (default: those in --out; of what was not searched there the project's own)",
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
    began = time.monotonic()
    if args.engine == "process":
        from ..study.workers import start_server

        start_server()  # before torch is imported here
    from ..machine import TimeLimit, pick_device
    from ..records.files import RecordFolder
    from ..study.cells import list_cells
    from ..study.sweep import check_engine, missing_cells, prepare, sweep

    limit = TimeLimit(args.time_limit, began)
    check_engine(args.engine, args.workers, args.threads, args.address)
    where = {"device": args.device, "threads": args.threads, "root": args.data}
    engine = {"engine": args.engine, "workers": args.workers, "address": args.address}
    if args.tuning is not None and args.study != "study":
        raise ValueError(f"--tuning is for the study, whose settings it chose; leave it out of {args.study!r}")
    sets = _sets(args, pick_device(args.device).type)

    def cells():
        return [
            cell
            for tier, names in sets.items()
            for cell in list_cells(args.study, tier, _search(args, tier), names, args.data)
        ]

    todo = cells()
    if not todo:
        raise ValueError(f"tier {', '.join(sets)} has no runs of {args.study!r}; leave out --tier, or name another")
    if not prepare(todo, args.device, args.data, limit):
        print(f"{len(todo)} runs wait for features; the same command goes on with them")
        return
    left = missing_cells(todo, args.out, **where)
    print(f"{len(todo)} runs, {len(todo) - len(left)} of them in {args.out}")
    if left and limit.is_up:
        print(f"{args.time_limit:g} seconds were over before a run could begin; give more")
    elif left:  # a search whose best lies at the edge of its grid goes on beyond it
        left = sweep(cells, args.out, time_limit=limit, **engine, **where)
    _say_what_is_left(left, RecordFolder(args.out).records(), args.workers)


def _sets(args: argparse.Namespace, device: str) -> dict[str, list[str]]:
    """The data sets of each tier: those named, or all that are here; what is not here is said."""
    from ..checks import check_name
    from ..study.tiers import TIERS, list_sets

    if args.tier:
        check_name("tier", args.tier, TIERS)
    tiers = [args.tier] if args.tier else [name for name, tier in TIERS.items() if tier.device == device]
    if args.sets and args.tier:
        return {args.tier: args.sets}
    if args.sets:
        sets = {tier: [name for name in args.sets if name in TIERS[tier].names] for tier in tiers}
        lost = [name for name in args.sets if not any(name in names for names in sets.values())]
        if lost:
            raise ValueError(f"no tier for a {device} has {', '.join(lost)}; name the tier to use on it with --tier")
        return {tier: names for tier, names in sets.items() if names}
    sets, absent = {}, set()
    for tier in tiers:
        here, missing = list_sets(tier, args.data)
        absent |= {name.partition("+")[0] for name in missing}
        if here:
            sets[tier] = here
    if absent:
        print(f"without {', '.join(sorted(absent))}, which are not here; `spinalnet data list` says how to get them")
    if not sets:
        raise ValueError(f"no data set of tier {', '.join(tiers)} is here; `spinalnet data list` says how to get them")
    return sets


def _search(args: argparse.Namespace, tier: str) -> list:
    """The records of a tier's search, as far as the study needs them.

    Of a set and body that were searched in the same folder that search; else the project's own, or the one that was named.
    """
    from ..paths import data_path
    from ..records.files import RecordFolder, load_records
    from ..study.tiers import TIERS
    from ..training.recipes import TUNING_SEEDS

    if args.tuning is not None:
        return load_records(args.tuning)
    if args.study == "published" or not TIERS[tier].tuned:
        return []
    here = [record for record in RecordFolder(args.out).records() if record.seed in TUNING_SEEDS]
    if args.study == "tuning" or not data_path("results", "tuning").is_dir():
        return here
    places = {(record.dataset, record.model["backbone"]) for record in here}
    own = load_records("tuning")
    return here + [record for record in own if (record.dataset, record.model["backbone"]) not in places]


def _say_what_is_left(left: list, records: list, workers: int) -> None:
    from ..study.jobs import predicted_seconds

    # Those of a stack take the same time, and there can be thousands.
    stacks = Counter(cell.stack for cell in left)
    first = {cell.stack: cell for cell in reversed(left)}
    seconds = {stack: predicted_seconds(cell, records) for stack, cell in first.items()}
    unknown = sum(count for stack, count in stacks.items() if seconds[stack] is None)
    if not left:
        print("0 runs are left")
    elif unknown:
        print(f"{len(left)} runs are left; none like {unknown} of them has ended, so their time is unknown")
    else:
        minutes = sum(seconds[stack] * count for stack, count in stacks.items()) / workers / 60
        print(f"{len(left)} runs are left, about {minutes:.0f} minutes with {workers} worker{'s' * (workers > 1)}")
