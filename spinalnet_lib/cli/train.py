"""`spinalnet train`: one head on one data set, a record a seed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_MOST_SEEDS = 100_000


def add(commands) -> None:
    train = commands.add_parser("train", help="train a head on a data set, a record a seed; finished runs are skipped")
    option, paper, recipe = train.add_argument, "instead of the paper's: ", "instead of the recipe's"
    option(
        "--data", default="mnist_5k", metavar="NAME", help="or the folder of a set of your own (default: %(default)s)"
    )
    option("--size", type=int, metavar="PIXELS", help="side of the images (default: what the backbone or recipe reads)")
    option("--backbone", default="two_conv", help="ours, or torchvision:NAME or timm:NAME (default: %(default)s)")
    weights = train.add_mutually_exclusive_group()
    start = "weights to begin with: drawn from the seed, or the backbone's published ones (default: as the recipe says)"
    weights.add_argument("--start", choices=("seed", "given"), help=start)
    weights.add_argument(
        "--pretrained", dest="start", action="store_const", const="given", help="the same as --start given"
    )
    option("--head", default="spinal", help="of the paper's sizes where it has them (default: %(default)s)")
    example = "layer_width=16, hidden_sizes=64,32, norm_layer=BatchNorm1d"
    option("--head-argument", type=_argument, action="append", default=[], metavar="NAME=VALUE", help=paper + example)
    option("--drop-rate", type=_rates, metavar="P[,P…]", help=f"{paper}one rate, or one a Linear, the classifier last")
    option("--classifier-drop-rate", type=float, metavar="P", help=f"{paper}dropout before the classifier only")
    option("--seeds", type=_seeds, default=[0], metavar="A-B", help="one or a range, both ends included (default: 0)")
    recipes = (
        "default: the paper's for its 2-conv CNN; published: for this backbone, and of torchvision's on these data, with "
        "its head and size; tuned: the study's, 2,000 fast steps; transfer: ours to fine-tune published weights "
        "(default: transfer for a backbone that has such, default for others)"
    )
    option("--recipe", choices=("default", "published", "tuned", "transfer"), help=recipes)
    length = train.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, help=recipe)
    length.add_argument("--steps", type=int, help=recipe)
    option("--learning-rate", type=float, metavar="RATE", help=recipe)
    option("--batch-size", type=int, help=recipe)
    option("--body-learning-rate", type=float, metavar="RATE", help="of the backbone (default: that of the head)")
    trainable = "what is trained: all, head, or parts by name, head,body.layers.9 (default: %(default)s)"
    option("--trainable", default="all", metavar="PARTS", help=trainable)
    option("--fast", action=argparse.BooleanOptionalAction, help="faster at the price of other rounding")
    option("--evals-per-epoch", type=float, default=1)
    option("--read-test", action="store_true", help="open the test set (closed by default)")
    option("--device", help="cuda or cpu (default: cuda where there is one)")
    option("--threads", type=int, help="CPU threads; part of a run's identity")
    saving = "how often a run is saved; one that was cut off goes on by the same command (default: %(default)g)"
    option("--checkpoint-seconds", type=float, default=60.0, metavar="SECONDS", help=saving)
    option("--save", metavar="FILE.npz", help="save the trained model; of several seeds one each, FILE-SEED.npz")
    option("--out", default="runs.jsonl", metavar="FILE", help="records are appended here (default: %(default)s)")
    train.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    import torch

    from ..checks import check_name
    from ..data.cards import PHOTOGRAPHS, find_set, load_card
    from ..datasets import split_name
    from ..files import check_writable
    from ..heads.registry import list_heads
    from ..models.bodies import create_backbone, list_backbones
    from ..records.files import check_appendable
    from ..study.cell import Cell
    from ..study.jobs import Failures
    from ..study.setup import Setup
    from ..study.sweep import missing_cells, sweep

    threads = torch.get_num_threads() if args.threads is None else args.threads
    if ":" not in args.backbone:
        check_name("backbone", args.backbone, list_backbones())
    check_name("head", args.head, list_heads())
    images, extractor = split_name(args.data)
    images, root = find_set(images)
    card, dataset = load_card(images, root), images if extractor is None else f"{images}+{extractor}"
    photographs = extractor is None and card["kind"] in PHOTOGRAPHS
    with torch.device("meta"):
        body = create_backbone(args.backbone)
    has_weights = hasattr(body, "load_pretrained")
    config, transfer = _recipe(args, has_weights), _transfer(args)
    size = transfer.size if transfer and args.size is None else args.size
    if size is None and photographs:
        size = body.image_size
        print(f"size: every picture is resized to {size} × {size} pixels, as {args.backbone} reads it")
    arguments = _head_arguments(args, card["num_classes"], transfer, has_weights)
    cells = [Cell(dataset, args.backbone, args.head, seed, config, arguments, size=size) for seed in args.seeds]
    setup = Setup(args.device, threads, root, sys.stderr.isatty(), args.checkpoint_seconds, _save_as(args))
    check_appendable(args.out)
    for cell in cells if args.save else ():
        check_writable(setup.model_file(cell))
    try:
        cells = _fitted(cells, setup)
        _, wrong = setup.keys(cells)
    except TypeError as error:
        raise TypeError(f"{error}; here as --head-argument NAME=VALUE") from error
    for error in wrong.values():  # the cells differ in their seeds only: none could be run
        raise error
    missing, failures = {*missing_cells(cells, args.out, setup)}, Failures(Path(args.out).resolve().parent)
    for cell in cells:
        if cell not in missing:
            print(f"{args.head}, seed {cell.seed}: already in {args.out}")
            if args.save and not setup.model_file(cell).exists():
                print("its model is not there: it is trained again")
                [result] = setup.run([cell])
                if isinstance(result, str):
                    failures.add(None, cell, result)
    left = sweep([cell for cell in cells if cell in missing], args.out, one_file=True, setup=setup)
    failed = failures.among(left, setup)
    if len(left) > len(failed):
        print(f"{len(left) - len(failed)} of the runs are being made by another process")
    if failed:
        raise ValueError(f"{len(failed)} runs failed, as said above; mend the cause and run again")


def _fitted(cells: list, setup) -> list:
    """The runs with a recipe that fits the number of images, said where it is not the one that was asked for."""
    from dataclasses import replace

    config = setup.fitting(cells[0])
    for name, unit in (("batch_size", "batch size"), ("warmup", "warm-up")):
        if (fits := getattr(config, name)) != (asked := getattr(cells[0].config, name)):
            print(f"{unit}: {fits}, as {asked} does not fit the number of images")
    return [replace(cell, config=config) for cell in cells]


def _save_as(args: argparse.Namespace) -> str | None:
    if args.save is None or len(args.seeds) == 1:
        return args.save
    place = Path(args.save)
    return str(place.with_name(f"{place.stem}-{{seed}}{place.suffix}"))


def _transfer(args: argparse.Namespace):
    """What the paper fine-tunes here, if that is asked for."""
    from ..training.published_transfer import published_transfer

    asked = args.recipe == "published" and ":" in args.backbone
    return published_transfer(args.data, args.backbone) if asked else None


def _head_arguments(args: argparse.Namespace, num_classes: int, transfer, has_weights: bool) -> dict:
    """The paper's for this head on this backbone, if it has them and none is given, and what was given instead."""
    from ..models.sizes import list_paper_heads, paper_head
    from ..training.published_transfer import published_transfer

    paper = (args.backbone, args.head) in list_paper_heads()
    arguments = paper_head(args.backbone, args.head, num_classes) if paper else {}
    for head, sizes in (
        ((transfer.head, transfer.head_arguments), (transfer.rival, transfer.rival_arguments)) if transfer else ()
    ):
        arguments |= sizes if args.head == head else {}
    given, usual = dict(args.head_argument), published_transfer("cifar10")
    if has_weights and not arguments and args.head == usual.head and "layer_width" not in given:
        arguments = dict(usual.head_arguments)
        sizes = ", ".join(f"{name} {value}" for name, value in (arguments | given).items())
        print(f"{args.head}: {sizes}, the paper's where it fine-tunes; --head-argument layer_width=NUMBER is another")
    arguments |= given
    if args.drop_rate is not None:
        arguments["drop_rate"] = args.drop_rate
    if args.classifier_drop_rate is not None:
        sizes = arguments.get("hidden_sizes", ())
        hidden_layers = arguments.get("num_layers") or (len(sizes) if isinstance(sizes, (list, tuple)) else 1)
        arguments["drop_rate"] = [0.0] * hidden_layers + [args.classifier_drop_rate]
    return arguments


def _recipe(args: argparse.Namespace, has_weights: bool):
    """The named recipe with what was given instead; without a name that of the backbone's kind, which downloads nothing unasked."""
    from dataclasses import replace

    from ..training.config import TrainConfig
    from ..training.recipes import published_recipe, transfer_recipe, tuned_recipe

    recipes = {
        "default": TrainConfig,
        "published": lambda: published_recipe(args.backbone, args.data),
        "tuned": lambda: tuned_recipe(0.003),
        "transfer": transfer_recipe,
    }
    config = recipes[args.recipe or ("transfer" if has_weights else "default")]()
    if has_weights and args.recipe is None:
        begin = "the publisher's weights"
        if args.start != "given":
            config = replace(config, start="seed", body_learning_rate=None)
            begin = "weights drawn from the seed; --pretrained begins with the publisher's"
        print(f"recipe: transfer, as none is named, from {begin}")
    parts = args.trainable.split(",")
    config = replace(
        config,
        start=args.start or config.start,
        trainable=parts[0] if parts in (["all"], ["head"]) else tuple(parts),
    )
    given = {name: getattr(args, name) for name in ("learning_rate", "body_learning_rate", "batch_size", "fast")}
    changes = {name: value for name, value in given.items() if value is not None}
    if args.epochs is not None:
        changes |= {"epochs": args.epochs, "steps": None}
    if args.steps is not None:
        changes |= {"steps": args.steps, "epochs": None, "warmup": min(config.warmup, max(args.steps // 2, 0))}
    return replace(config, evals_per_epoch=args.evals_per_epoch, read_test=args.read_test, **changes)


def _rates(text: str) -> float | list[float]:
    try:
        rates = [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; write 0.5, or one a Linear: 0,0.5") from None
    return rates[0] if len(rates) == 1 else rates


def _seeds(text: str) -> Sequence[int]:
    first, _, last = text.partition("-")
    if not first.isdecimal() or (last and (not last.isdecimal() or int(last) < int(first))):
        raise argparse.ArgumentTypeError(f"{text!r} is no range of seeds; write 3 for one seed or 0-9 for ten")
    first, last = int(first), int(last or first)
    if last >= 2**32 or last - first >= _MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"{text!r} is too much; seeds are below 2**32, {_MOST_SEEDS:,} at most")
    return range(first, last + 1)


def _argument(text: str) -> tuple[str, object]:
    name, sign, value = text.partition("=")
    if not (name.isidentifier() and sign and value):
        raise argparse.ArgumentTypeError(f"{text!r} is no argument of a head; write layer_width=16")
    parts = [_number_or_word(part) for part in value.split(",")]
    return name, parts[0] if len(parts) == 1 else parts


def _number_or_word(text: str) -> int | float | str:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text
