"""`spinalnet data`: what is here, and fetching, checking and describing what is not."""

from __future__ import annotations

import argparse
import shlex
import sys
from contextlib import suppress
from pathlib import Path


def add(commands) -> None:
    data = commands.add_parser("data", help="what is here, and fetching what is not")
    actions = data.add_subparsers(dest="action", required=True)
    action = actions.add_parser("list", help="what is here, what is missing, and how much it is")
    action.set_defaults(run=_data_list)
    action = actions.add_parser("fetch", help="download official sets, check their hashes, put them in their place")
    action.add_argument("names", nargs="*", metavar="NAME")
    action.set_defaults(run=_data_fetch)
    action = actions.add_parser("check", help="read sets whole, compare hashes, count images and classes")
    action.add_argument("names", nargs="*", metavar="NAME", help="all that are here, if none is named")
    action.set_defaults(run=_data_check)
    action = actions.add_parser("new", help="write a card for your own class folders, so that they load by name")
    action.add_argument("folder", metavar="FOLDER", help="FOLDER/CLASS/image or FOLDER/{train,val,test}/CLASS/image")
    action.add_argument("--title", help="what the pictures are (default: the folder's name)")
    action.set_defaults(run=_data_new)
    action = actions.add_parser("measure", help="count sets that are here and what they share; write the facts")
    action.set_defaults(run=_data_measure)
    action = actions.add_parser(
        "thumbnails", help="cut eight small pictures from each set whose licence lets them be shipped"
    )
    action.set_defaults(run=_data_thumbnails)


def _data_list(args: argparse.Namespace) -> None:
    from ..data.cards import list_datasets, list_own, load_card
    from ..data.checking import size_on_disk
    from ..paths import data_root

    here = list_datasets(present=True)
    print(f"data root: {data_root()}")
    for name in list_datasets():
        try:
            card = load_card(name)
        except ValueError as error:  # one bad card does not hide the others
            print(f"  {name:24} bad card           {error}")
            continue
        if card["kind"] == "embedded":
            state, size = "embedded" if name in here else "missing", ""
        elif name in here:
            state, size = "here", f"{size_on_disk(name) / 2**20:,.0f} MB"
        else:
            state, size = "missing", f"{card['download_mb']:,} MB" if card.get("download_mb") else ""
        how = "" if name in here else f"; {card['how_to_get']}"
        print(f"  {name:24} {state:8} {size:>8}  {card['title']}{how}")
    if beside := {*list_own(Path())} - {*list_datasets()}:
        print(f"in this folder, and known here by name: {', '.join(sorted(beside))}")


def _data_fetch(args: argparse.Namespace) -> None:
    from ..data.cards import list_datasets
    from ..datasets import load_dataset

    if not args.names:
        raise ValueError(f"fetch needs a name: {', '.join(list_datasets())}")
    for name in args.names:
        data = load_dataset(name, download=True)
        print(f"{name}: {len(data.train)} train, {len(data.val)} validation, {len(data.test)} test images; verified")


def _data_check(args: argparse.Namespace) -> None:
    from ..data.cards import list_datasets
    from ..data.checking import check_dataset

    failed = []
    for name in args.names or list_datasets(present=True):
        try:
            data, compared = check_dataset(name)
        except (ValueError, OSError, ImportError) as error:
            failed.append(name)
            print(f"{name}: {error}", file=sys.stderr)
            continue
        sizes = f"{len(data.train):,} train, {len(data.val):,} validation, {len(data.test):,} test"
        print(f"{name} ({data.source}): {sizes} images in {data.card['num_classes']} classes; {compared}")
        print(f"  sha256 {data.sha256}")
    if failed:
        raise ValueError(f"not sound: {', '.join(failed)}")


def _data_new(args: argparse.Namespace) -> None:
    from ..data.class_folders import list_class_folders, list_left_out, why_left_out
    from ..data.own_sets import write_card
    from ..files import check_writable

    check_writable(Path(args.folder).expanduser() / "card.json")
    card = write_card(args.folder, args.title)
    folder = Path(args.folder).expanduser().resolve()
    print(f"{folder / 'card.json'}: {card['num_classes']} classes, images: {card['splits']}")
    taken = [
        path for part in card["parts"].values() for of in list_class_folders(folder / part).values() for path in of
    ]
    if why := why_left_out(list_left_out(folder, taken)):
        print(f"left out: {why}")
    if grey := card.get("grey_pictures"):
        print(f"{grey:,} of {sum(card['splits'].values()):,} pictures are grey: they load as three equal channels")
    print("fill in licence and note, for whoever reads your results")
    name = _name_from_here(folder)
    print(f"load it with load_dataset({name!r}), or train a head on it:")
    body = "--backbone torchvision:resnet18 --head spinal"
    print(f"spinalnet train --data {shlex.quote(name)} {body} --save model.npz")


def _name_from_here(folder: Path) -> str:
    """What `load_dataset` finds a set by: the folder's name, or where that is unknown here, or another set's, its path."""
    from ..data.cards import find_set

    with suppress(ValueError):
        name, root = find_set(folder.name)
        if (root / name).resolve() == folder:
            return folder.name
    return str(folder)


def _data_measure(args: argparse.Namespace) -> None:
    from ..data.facts import measure_facts, write_facts
    from ..files import check_writable
    from ..paths import data_path
    from ..show.data_cards import write_readme

    for path in (data_path("results", "datasets.json"), data_path("README.md")):
        check_writable(path)
    print(f"written to {write_facts(measure_facts())} and {write_readme()}")


def _data_thumbnails(args: argparse.Namespace) -> None:
    from ..files import check_writable
    from ..paths import data_path
    from ..show.thumbnails import write_thumbnails

    data_path("thumbnails").mkdir(exist_ok=True)
    check_writable(data_path("thumbnails", "shown.json"))
    print(f"written to {data_path('thumbnails')}: {', '.join(write_thumbnails())}")
