"""The command `spinalnet`, a file of this room for each subcommand. `python -m spinalnet_lib` is the same."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import warnings
from collections.abc import Sequence

from ..checks import needs
from . import bench, data, export, gpu, power, predict, records, report, rerun, selftest, spines, sweep, train, verdicts


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; a user's mistake is one line on stderr and exit code 2, not a traceback."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as by `>&-`: what is said there goes nowhere
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    try:
        try:
            return _run(_parser().parse_args(argv), own_program=argv is None)
        finally:
            sys.stdout.flush()
    except OSError as error:  # of stdout itself
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes once more when it ends
        if isinstance(error, BrokenPipeError):  # who read this, `head` say, has enough
            return 141  # as the shell says of a program that this ended
        print(f"spinalnet: {error.strerror}; send what is printed to another place", file=sys.stderr)
        return 2


def _run(args: argparse.Namespace, own_program: bool) -> int:
    try:
        with warnings.catch_warnings():  # without the line of our source that warns
            warnings.showwarning = lambda message, *_: print(f"spinalnet {args.command}: {message}", file=sys.stderr)
            with needs("book"):
                return args.run(args) or 0
    except BrokenPipeError:
        raise
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"spinalnet {args.command}: {_say(error).removeprefix(f'{args.command}: ')}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"spinalnet {args.command}: stopped; finished runs are on disk, start it again to go on", file=sys.stderr)
        if own_program:  # all is on disk, and Ray's goodbye would take another second
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(130)
        return 130


_REMEDIES = {
    errno.ENOENT: "correct the name",
    errno.EEXIST: "a file is there already; name another place",
    errno.ENOTDIR: "name another place",
    errno.EISDIR: "name a file in it",
    errno.EACCES: "name a place that you may write to",
    errno.EROFS: "name a place that can be written to",
    errno.ENOSPC: "make room there",
}


def _say(error: Exception) -> str:
    """An error in words, with its remedy: those of Python itself have none."""
    if isinstance(error, OSError) and error.filename and error.errno in _REMEDIES and "; " not in error.strerror:
        return f"{error.filename}: {error.strerror}; {_REMEDIES[error.errno]}"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spinalnet", description="Spinal heads: data, training runs, records and measurements."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (
        data,
        train,
        predict,
        export,
        sweep,
        power,
        records,
        report,
        verdicts,
        rerun,
        bench,
        selftest,
        spines,
        gpu,
    ):
        command.add(commands)
    return parser
