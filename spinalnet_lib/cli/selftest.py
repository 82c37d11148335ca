"""`spinalnet selftest`: is this machine fit for the study?"""

from __future__ import annotations

import argparse


def add(commands) -> None:
    selftest = commands.add_parser("selftest", help="is this machine fit? every recipe 20 steps, in about a minute")
    selftest.add_argument("--device", help="cuda or cpu (default: cuda where there is one)")
    selftest.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    from ..bench.selftest import selftest

    failed = selftest(args.device)
    if failed:
        raise ValueError(f"{failed} checks failed; see the lines above, do not train here")
