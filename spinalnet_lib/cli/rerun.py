"""`spinalnet rerun`: a recorded run made again from its record, and compared with it."""

from __future__ import annotations

import argparse

_CHECKED = {
    "bit for bit": "every result was compared bit for bit",
    "first evaluation": "only the first evaluation was compared",
}


def add(commands) -> None:
    rerun = commands.add_parser("rerun", help="make a recorded run again and compare; exit code 1 where it differs")
    rerun.add_argument("key", metavar="KEY", help="its key, or how it begins")
    rerun.add_argument("paths", nargs="*", metavar="PATH", help="where its record is (default: data/results)")
    rerun.add_argument("--data", metavar="DIR", help="the data root (default: $SPINALNET_DATA, or data/cache)")
    tolerance = (
        "how far the first evaluation may lie from the record's where sums round otherwise, as on another CPU; "
        "training amplifies that (default: 0.001)"
    )
    rerun.add_argument("--tolerance", type=float, default=0.001, metavar="SHARE", help=tolerance)
    rerun.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ..records.files import load_records, own_records
    from ..records.record import differing_results
    from ..study.rerun import find_record, rerun

    given = [record for place in args.paths for record in load_records(place)]
    record = find_record(args.key, given if args.paths else own_records())
    done = rerun(record, args.data, args.tolerance)
    because = f" ({done.because})" if done.because else ""
    print(f"{record.dataset}, {record.head}, seed {record.seed}: {_CHECKED[done.check]}{because}")
    if done.again.key != record.key:
        print("the data are computed, and round otherwise here: so the key is another one")
    more = "" if differing_results(record, done.again) else ", and so is every result"
    print(f"differs in {', '.join(done.differences)}" if done.differences else f"it is the same{more}")
    return int(bool(done.differences))
