"""`spinalnet verdicts`: what records and counts say of the paper's claims."""

from __future__ import annotations

import argparse


def add(commands) -> None:
    parser = commands.add_parser("verdicts", help="what records and counts say of the paper's claims, a line each")
    option = parser.add_argument
    option("paths", nargs="*", metavar="PATH", help="records: a .jsonl file or a folder (default: the project's own)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json", action="store_true", help="all of it: evidence, intervals, records, sensitivity, commands"
    )
    form.add_argument("--readme", metavar="FILE", help="write the list of verdicts into this page, between its markers")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    from ..records.files import load_records
    from ..show.ledger import read_page, verdict_line, verdicts_json, write_page
    from ..study.verdicts import verdicts

    if args.readme:
        read_page(args.readme)  # before the work
    found = verdicts([record for path in args.paths for record in load_records(path)] if args.paths else None)
    if args.readme:
        write_page(args.readme, found)
        print(f"written to {args.readme}")
    elif args.json:
        print(verdicts_json(found))
    else:
        for verdict in found:
            print(verdict_line(verdict))
