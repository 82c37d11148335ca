"""`spinalnet power`: what the power runs say of each cell before its test set is read."""

from __future__ import annotations

import argparse
import sys


def add(commands) -> None:
    power = commands.add_parser("power", help="write δ and the power of each cell whose power runs are in data/results")
    drill = (
        "made-up studies for each planted effect of a primary cell, whose verdicts are counted (default: %(default)s)"
    )
    power.add_argument("--repeats", type=int, default=200, metavar="N", help=drill)
    power.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    from ..records.files import own_records
    from ..study.gate import power_file, write_power
    from ..study.power import RIGHT

    for name, found in write_power(own_records(), args.repeats, progress=sys.stderr.isatty()).items():
        right = {row["effect"]: row["right"] for row in found["power"] if row["sd_is"] == "estimate"}
        said = ", ".join(f"{share:.0%} at {effect:g} δ" for effect, share in right.items())
        print(f"{name}: δ {found['delta']:.3g}, sd {found['pilot_sd']:.3g}, right verdict {said}")
        if "drill" in found:
            right = {
                effect: shares.get(RIGHT[float(effect)], 0.0) for effect, shares in found["drill"]["shares"].items()
            }
            said = ", ".join(f"{share:.0%} at {effect} δ" for effect, share in right.items())
            print(f"  of {found['drill']['repeats']} planted studies: right verdict {said}")
    print(f"written to {power_file()}")
