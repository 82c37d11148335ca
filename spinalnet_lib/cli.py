"""The command `spinalnet`: data, train, records, report, sweep, bench, selftest. `python -m spinalnet_lib` is the same."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .commands import bench, data, records, report, selftest, sweep, train


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; a user's mistake is one line on stderr and exit code 2, not a traceback."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"spinalnet {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"spinalnet {args.command}: stopped; finished runs are on disk, start it again to go on", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spinalnet", description="Spinal heads: data, training runs, records and measurements."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (data, train, sweep, records, report, bench, selftest):
        command.add(commands)
    return parser
