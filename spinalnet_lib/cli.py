"""The command `spinalnet`: data, train, sweep, records, bench. `python -m spinalnet_lib` is the same."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


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

    train = commands.add_parser(
        "train", help="train one head on one data set, one record a seed; finished runs are skipped"
    )
    train.add_argument("--data", default="mnist_5k", metavar="NAME")
    train.add_argument(
        "--size", type=int, metavar="PIXELS", help="side of photographs (default: what the backbone reads)"
    )
    train.add_argument("--backbone", default="two_conv")
    train.add_argument("--head", default="spinal", help="a head of the paper on this backbone (default: %(default)s)")
    train.add_argument(
        "--drop-rate",
        type=_rates,
        metavar="P[,P…]",
        help="instead of the paper's: one rate, or one a Linear, the classifier last",
    )
    train.add_argument(
        "--classifier-drop-rate",
        type=float,
        metavar="P",
        help="instead of the paper's: dropout before the classifier only",
    )
    train.add_argument(
        "--seeds", type=_seeds, default=[0], metavar="A-B", help="a seed or a range, both ends included (default: 0)"
    )
    train.add_argument("--epochs", type=int, default=8)
    train.add_argument("--evals-per-epoch", type=int, default=1)
    train.add_argument("--read-test", action="store_true", help="open the test set (closed by default)")
    train.add_argument("--device", help="cuda or cpu (default: cuda where there is one)")
    train.add_argument("--threads", type=int, help="CPU threads; part of a run's identity")
    train.add_argument(
        "--out", default="runs.jsonl", metavar="FILE", help="records are appended here (default: %(default)s)"
    )
    train.set_defaults(run=_train)

    records = commands.add_parser("records", help="show, check and merge files of records")
    actions = records.add_subparsers(dest="action", required=True)
    action = actions.add_parser("show", help="one line a run")
    action.add_argument("paths", nargs="+", metavar="PATH", help="a .jsonl file, a folder, or a name in data/results")
    action.set_defaults(run=_records_show)
    action = actions.add_parser("check", help="name every damaged line and every run with two results")
    action.add_argument("paths", nargs="*", metavar="PATH", help="all of data/results, if none is named")
    action.set_defaults(run=_records_check)
    action = actions.add_parser("merge", help="add the runs of files and folders to one file, in one move")
    action.add_argument("paths", nargs="+", metavar="PATH")
    action.add_argument("--into", required=True, metavar="FILE")
    action.set_defaults(run=_records_merge)

    sweep = commands.add_parser("sweep", help="make the missing runs of a study; stop and start again at will")
    sweep.add_argument(
        "study",
        help="tuning: the search over learning rate and dropout; study: the tiers' own runs, with what it chose",
    )
    sweep.add_argument(
        "--tier", help="R, C on a CPU; G, H on a GPU; an unknown one lists them (default: all of the device)"
    )
    sweep.add_argument("--sets", nargs="+", metavar="NAME", help="only these data sets (default: all that are here)")
    sweep.add_argument("--data", metavar="DIR", help="the data root (default: $SPINALNET_DATA, or data/cache)")
    sweep.add_argument(
        "--tuning",
        default="tuning",
        metavar="PATH",
        help="records of the search, for study (default: the project's own)",
    )
    sweep.add_argument("--out", default="runs", metavar="DIR", help="folder of the records (default: %(default)s)")
    sweep.add_argument("--engine", choices=("serial", "process", "ray"), default="process")
    sweep.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster (default: one on this machine)")
    sweep.add_argument("--workers", type=int, default=1)
    sweep.add_argument("--threads", type=int, default=1, help="CPU threads a run; part of its identity (default: 1)")
    sweep.add_argument(
        "--time-limit", type=float, metavar="SECONDS", help="stop in time; what runs is saved and gone on with"
    )
    sweep.add_argument("--device", help="cuda or cpu (default: cuda where there is one)")
    sweep.set_defaults(run=_sweep)

    bench = commands.add_parser("bench", help="measure every performance row as a ratio and write a table")
    bench.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    bench.add_argument(
        "--only", nargs="+", default=(), metavar="GROUP", help="some rows of a CPU: heads, training, stacked, runs"
    )
    bench.add_argument("--out", metavar="FOLDER", help="also write the rows as JSON, to cpu.json or gpu.json in it")
    bench.set_defaults(run=_bench)

    selftest = commands.add_parser("selftest", help="is this machine fit? every recipe 20 steps, in about a minute")
    selftest.add_argument("--device", help="cuda or cpu (default: cuda where there is one)")
    selftest.set_defaults(run=_selftest)
    return parser


def _data_list(args: argparse.Namespace) -> None:
    from .datasets import list_datasets, load_card
    from .fetching import size_on_disk
    from .paths import data_root

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


def _data_fetch(args: argparse.Namespace) -> None:
    from .datasets import list_datasets, load_dataset

    if not args.names:
        raise ValueError(f"fetch needs a name: {', '.join(list_datasets())}")
    for name in args.names:
        data = load_dataset(name, download=True)
        print(f"{name}: {len(data.train)} train, {len(data.val)} validation, {len(data.test)} test images; verified")


def _data_check(args: argparse.Namespace) -> None:
    from .datasets import list_datasets
    from .fetching import check_dataset

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
    from .own_sets import write_card
    from .paths import data_root

    card = write_card(args.folder, args.title)
    folder = Path(args.folder).expanduser().resolve()
    print(f"{folder / 'card.json'}: {card['num_classes']} classes, images: {card['splits']}")
    print("fill in licence and note, for whoever reads your results")
    inside = folder.parent == data_root().resolve()
    print(f"load it with load_dataset({folder.name!r}{'' if inside else f', root={str(folder.parent)!r}'})")


def _data_measure(args: argparse.Namespace) -> None:
    from .data_cards import write_readme
    from .data_facts import measure_facts, write_facts

    print(f"written to {write_facts(measure_facts())} and {write_readme()}")


def _train(args: argparse.Namespace) -> None:
    import torch

    from .backbones import create_backbone
    from .checks import check_int
    from .datasets import load_card, load_dataset
    from .models import create_model, paper_head
    from .record_files import append_record, load_records
    from .train_config import TrainConfig
    from .training import pick_device, run_key, train

    if args.threads is not None:
        torch.set_num_threads(check_int("train", "--threads", args.threads))
    photographs = load_card(args.data)["kind"] in ("photographs", "folder")
    size = create_backbone(args.backbone).image_size if photographs and args.size is None else args.size
    data = load_dataset(args.data, size=size)
    num_classes = data.card["num_classes"]
    head_arguments = paper_head(args.backbone, args.head, num_classes)
    if args.drop_rate is not None:
        head_arguments["drop_rate"] = args.drop_rate
    if args.classifier_drop_rate is not None:
        hidden_layers = head_arguments.get("num_layers", 1)
        head_arguments["drop_rate"] = [0.0] * hidden_layers + [args.classifier_drop_rate]
    config = TrainConfig(epochs=args.epochs, evals_per_epoch=args.evals_per_epoch, read_test=args.read_test)
    out = Path(args.out)
    done = {record.key for record in load_records(out)} if out.exists() else set()
    _check_writable(out)
    for seed in args.seeds:
        channels = data.train.images.shape[1]
        model = create_model(args.backbone, args.head, num_classes, in_chans=channels, **head_arguments)
        if run_key(model, data, config, seed, pick_device(args.device)) in done:
            print(f"{args.head}, seed {seed}: already in {out}")
            continue
        record = train(model, data, config, seed, device=args.device, progress=sys.stderr.isatty())
        append_record(out, record)
        print(f"{record.arm}, seed {seed}: {record.outcome}, {record.seconds:.1f} s")


def _check_writable(path: Path) -> None:
    """A place that cannot be written to is found out before the training, not after; nothing is left there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    existed = path.exists()
    path.open("a").close()
    if not existed:
        path.unlink()


def _records_show(args: argparse.Namespace) -> None:
    from .record_files import load_records

    for r in (record for path in args.paths for record in load_records(path)):
        print(f"{r.key[:10]}  {r.dataset:10} {r.model['backbone']:9} {r.arm:24} seed {r.seed:4}  {r.outcome}")


def _records_check(args: argparse.Namespace) -> None:
    from .paths import data_path
    from .record_files import check_records

    paths = args.paths or sorted({file.parent for file in data_path("results").rglob("*.jsonl")})
    count, problems = check_records(paths)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise ValueError(f"{len(problems)} problems, {count} sound records")
    print(f"{count} records, sound")


def _records_merge(args: argparse.Namespace) -> None:
    from .record_files import merge_records

    added, count = merge_records(args.paths, args.into)
    print(f"{args.into}: {added} runs added, {count} in all")


def _sweep(args: argparse.Namespace) -> None:
    from .record_files import RecordFolder, load_records
    from .study import TIERS, list_cells, present_sets
    from .sweeps import TimeLimit, missing_cells, predicted_seconds, sweep
    from .training import pick_device

    kind = pick_device(args.device).type
    tiers = [args.tier] if args.tier else [name for name, tier in TIERS.items() if tier.device == kind]
    where = {"device": args.device, "threads": args.threads, "root": args.data}
    engine = {"engine": args.engine, "workers": args.workers, "address": args.address}

    def cells():
        search = RecordFolder(args.out).records() if args.study == "tuning" else load_records(args.tuning)
        return [
            cell
            for tier in tiers
            for cell in list_cells(args.study, tier, search, args.sets or present_sets(tier, args.data))
        ]

    limit, todo = TimeLimit(args.time_limit), cells()
    left = missing_cells(todo, args.out, **where)
    print(f"{len(todo)} runs, {len(todo) - len(left)} of them in {args.out}")
    while left and (limit.left is None or limit.left > 0):
        before = len(left)
        sweep(todo, args.out, time_limit=limit.left, **engine, **where)
        todo = cells()  # a search whose best lies at the edge of its grid goes on beyond it
        left = missing_cells(todo, args.out, **where)
        if len(left) >= before:  # what fails, fails again
            break
    records = RecordFolder(args.out).records()
    seconds = sum(predicted_seconds(cell, records) for cell in left) / args.workers
    print(
        f"{len(left)} runs are left"
        + (f", about {seconds / 60:.0f} minutes with {args.workers} workers" if left else "")
    )


def _bench(args: argparse.Namespace) -> None:
    from .benchmarks import run_benchmarks

    run_benchmarks(args.device, args.out, args.only)


def _selftest(args: argparse.Namespace) -> None:
    from .selftest import selftest

    failed = selftest(args.device)
    if failed:
        raise ValueError(f"{failed} checks failed; see the lines above, do not train here")


def _rates(text: str) -> float | list[float]:
    try:
        rates = [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; write 0.5, or one a Linear: 0,0.5") from None
    return rates[0] if len(rates) == 1 else rates


def _seeds(text: str) -> list[int]:
    first, _, last = text.partition("-")
    if not first.isdecimal() or (last and (not last.isdecimal() or int(last) < int(first))):
        raise argparse.ArgumentTypeError(f"{text!r} is no range of seeds; write 3 for one seed or 0-9 for ten")
    return list(range(int(first), int(last or first) + 1))
