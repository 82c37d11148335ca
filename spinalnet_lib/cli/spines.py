"""`spinalnet spines`: the small spines of the chapter *A letter on your back*, trained and packed anew."""

from __future__ import annotations

import argparse


def add(commands) -> None:
    spines = commands.add_parser("spines", help="train and pack the small spines of the book's first chapter")
    spines.add_argument("alphabets", nargs="*", metavar="ALPHABET", help="digits, letters, kuzushiji; all of them")
    spines.add_argument("--out", default="data/weights", metavar="FOLDER")
    spines.set_defaults(run=_spines)


def _spines(args: argparse.Namespace) -> None:
    import json
    from pathlib import Path

    from ..checks import check_name
    from ..files import check_writable, write_whole
    from ..models.small_spine import ALPHABETS
    from ..study.small_spines import make_spine

    alphabets = [check_name("alphabet", name, ALPHABETS) for name in args.alphabets] or ALPHABETS
    paths = {alphabet: Path(args.out) / f"{alphabet}.json" for alphabet in alphabets}
    for path in paths.values():
        check_writable(path)
    for alphabet, path in paths.items():
        content = make_spine(alphabet)
        write_whole(path, json.dumps(content, separators=(",", ":")) + "\n")
        card = content["card"]
        print(
            f"{path}: {card['parameters']:,} parameters, {card['bytes']:,} bytes, validation accuracy "
            f"{card['validation_accuracy']:.2%}, in int8 {card['validation_accuracy_int8']:.2%}, {card['sha256'][:12]}"
        )
