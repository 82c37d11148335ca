"""`spinalnet bench`: every performance row as a ratio."""

from __future__ import annotations

import argparse


def add(commands) -> None:
    bench = commands.add_parser("bench", help="measure every performance row as a ratio and write a table")
    bench.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    names = "heads, steps, training, photographs, stacked, runs, costs; with cuda: gpu, photographs"
    bench.add_argument("--only", nargs="+", default=(), metavar="GROUP", help=f"some groups of rows: {names}")
    bench.add_argument(
        "--out", metavar="FOLDER", help="put the groups into the reports cpu.json, costs.json or gpu.json in it"
    )
    bench.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    from ..bench.run import run_benchmarks

    run_benchmarks(args.device, args.out, args.only)
