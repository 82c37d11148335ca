"""`spinalnet records`: files of records shown, checked and merged."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add(commands) -> None:
    records = commands.add_parser("records", help="show, check and merge files of records")
    actions = records.add_subparsers(dest="action", required=True)
    action = actions.add_parser("show", help="one line a run")
    action.add_argument("paths", nargs="+", metavar="PATH", help="a .jsonl file, a folder, or a name in data/results")
    action.set_defaults(run=_records_show)
    action = actions.add_parser("check", help="name every damaged line and every run with two results")
    action.add_argument("paths", nargs="*", metavar="PATH", help="all of data/results, if none is named")
    action.set_defaults(run=_records_check)
    merge = (
        "add the runs of files and folders to one file, in one move, or those of a sweep's folder to a folder's files"
    )
    action = actions.add_parser("merge", help=merge)
    action.add_argument("paths", nargs="+", metavar="PATH")
    action.add_argument("--into", required=True, metavar="FILE|FOLDER")
    action.set_defaults(run=_records_merge)


def _records_show(args: argparse.Namespace) -> None:
    from ..records.files import load_records
    from ..study.blindness import HIDDEN, hidden

    records = [record for path in args.paths for record in load_records(path)]
    blind = hidden(records)
    lines = [
        f"{r.key[:10]}  {r.dataset:10} {r.model['backbone']:9} {r.arm:24} seed {r.seed:4}  {HIDDEN if r.key in blind else r.outcome}"
        for r in records
    ]
    once = dict.fromkeys(lines)  # a run with two results is shown with both
    print(*once, sep="\n")
    if len(once) < len(lines):
        print(
            f"{len(lines) - len(once)} records are of runs that are there already; each run is shown once",
            file=sys.stderr,
        )


def _records_check(args: argparse.Namespace) -> None:
    from ..paths import data_path
    from ..records.files import check_records

    count, problems = check_records(args.paths or [data_path("results")])
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise ValueError(f"{len(problems)} problems, {count} sound records")
    print(f"{count} records, sound")


def _records_merge(args: argparse.Namespace) -> None:
    from ..files import check_writable
    from ..records.files import merge_records

    if Path(args.into).is_dir():
        _merge_folders(args)
        return
    check_writable(args.into)
    if not args.into.endswith((".jsonl", ".jsonl.gz")):
        raise ValueError(f"{args.into} is no folder that is there, and no .jsonl file; make the folder, or name a file")
    added, count = merge_records(args.paths, args.into)
    print(f"{args.into}: {added} runs added, {count} in all")


def _merge_folders(args: argparse.Namespace) -> None:
    """A sweep's folders, and the measurements beside their records."""
    from ..bench.reports import merge_reports
    from ..records.folders import merge_folder

    for source in map(Path, args.paths):
        if not source.is_dir():
            raise ValueError(f"{source} is no folder, and {args.into} is one; name a file in it")
        for path, (added, count) in merge_folder(source, args.into).items():
            print(f"{path}: {added} runs added, {count} in all")
        for report in merge_reports(source / "bench", Path(args.into) / "bench"):
            print(f"{report}: its groups are those of {source}")
