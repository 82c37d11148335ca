"""`spinalnet report`: what records hold, as tables and figures."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(commands) -> None:
    report = commands.add_parser("report", help="what records hold, as a Markdown page with figures")
    report.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a .jsonl file, a folder, or a name in data/results (default: all of it)",
    )
    report.add_argument("--out", default="report", metavar="DIR", help="folder of the page (default: %(default)s)")
    report.add_argument("--read-test", action="store_true", help="show test results, too (left out by default)")
    report.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    from ..files import check_writable
    from ..show.report import write_report

    check_writable(Path(args.out) / "report.md")
    print(f"written to {write_report(args.paths, args.out, args.read_test)}")
