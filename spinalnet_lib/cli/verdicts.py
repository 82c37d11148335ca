"""`spinalnet verdicts`: what records and counts say of the paper's claims."""

from __future__ import annotations

import argparse


def add(commands) -> None:
    parser = commands.add_parser("verdicts", help="what records and counts say of the paper's claims, a line each")
    option = parser.add_argument
    option("paths", nargs="*", metavar="PATH", help="records: a .jsonl file or a folder (default: the project's own)")
    option(
        "--comparisons", action="store_true", help="of each comparison of the plan instead, which the claims rest on"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json", action="store_true", help="all of it: evidence, intervals, records, sensitivity, commands"
    )
    form.add_argument("--readme", metavar="FILE", help="write the list of verdicts into this page, between its markers")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    from ..records.files import load_records
    from ..show.ledger import comparison_line, comparisons_json, read_page, verdict_line, verdicts_json, write_page
    from ..study.verdicts import comparison_verdicts, verdicts

    if args.comparisons and args.readme:
        raise ValueError("verdicts: --readme writes the claims; leave out --comparisons")
    records = [record for path in args.paths for record in load_records(path)] if args.paths else None
    if args.comparisons:
        parts = comparison_verdicts(records)
        print(comparisons_json(parts) if args.json else "\n".join(map(comparison_line, parts)))
        return
    if args.readme:
        read_page(args.readme)  # before the work
    found = verdicts(records)
    if args.readme:
        from ..show.answer import study_answers
        from ..study.tables import comparisons_table

        write_page(args.readme, found, study_answers(comparisons_table(records)))
        print(f"written to {args.readme}")
    elif args.json:
        print(verdicts_json(found))
    else:
        for verdict in found:
            print(verdict_line(verdict))
