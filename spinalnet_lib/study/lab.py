"""The lab: a data set, the paper's body for it, its spinal head and the head that this replaces, trained by one call."""

from __future__ import annotations

import io
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch

from ..checks import check_int
from ..data.cards import PHOTOGRAPHS, load_card
from ..data.splits import DataSet, Split
from ..heads.counting import HeadCost, measured_cost
from ..machine import pick_device
from ..models.bodies import Backbone, create_backbone, own_size
from ..models.sizes import list_paper_heads, paper_head
from ..records.files import RecordFolder
from ..records.record import Record
from ..training.config import TrainConfig
from ..training.evaluation import evaluate
from ..training.published_transfer import Transfer, published_transfer
from ..training.recipes import published_recipe, transfer_recipe
from .cell import Cell
from .setup import Setup, reason
from .sweep import missing_cells, sweep

SMALL_BODY = {"vgg5": "two_conv"}  # on a CPU; of all others it is:
_SMALL_TRANSFER = "torchvision:resnet18"
# Steps that three seeds of both heads take in about a minute, and validation images that they do not look at for longer.
_SMALL = {"two_conv": (200, 1000), _SMALL_TRANSFER: (10, 60)}
_SMALL_SIDE, _SMALL_BATCH = 64, 16  # pixels of photographs, images a step
_LOOKS = 4  # evaluations of a run that is counted in steps
_REHEARSED, _LOOKED_AT = 2, 50  # steps that are timed, and validation images
_USUAL = "cifar10"  # its spinal head and rival go on sets that the paper does not have


@dataclass(frozen=True)
class Lab:
    """What is trained on a data set: a body, images of some size, a spinal head and its rival, and one recipe for both."""

    dataset: str
    backbone: str
    size: int | None  # side in pixels of photographs; None: the images have one size
    heads: dict[str, dict]  # name -> arguments; the spinal head first
    config: TrainConfig
    val_per_class: int | None = None

    def cells(self, seeds: Sequence[int]) -> list[Cell]:
        """The runs, as many seeds of each head at any time."""
        cut = {} if self.val_per_class is None else {"cut_seed": 0, "val_per_class": self.val_per_class}
        return [
            Cell(self.dataset, self.backbone, head, seed, self.config, arguments, size=self.size, **cut)
            for seed in seeds
            for head, arguments in self.heads.items()
        ]


def plan_lab(
    name: str,
    body: str | None = None,
    steps: int | None = None,
    small: bool = False,
    pretrained: bool = False,
    layer_width: int | None = None,
    root: str | os.PathLike | None = None,
) -> Lab:
    """What `train_rivals` trains: by default the paper's body for the set, or a `small` one of its family for a CPU.

    Heads are the paper's for the body, else for the set; the recipe is the published one, else `transfer_recipe`. It has
    `steps` steps if they are given or the body is the small one. Raises ValueError for an unknown data set.
    """
    card = load_card(name, root)
    paper = paper_body(card)
    backbone = body or (SMALL_BODY.get(paper, _SMALL_TRANSFER) if small else paper)
    heads, config, side = _published(name, backbone, layer_width, card)
    given = {"start": "given"} if pretrained else {"start": "seed", "body_learning_rate": None}
    config = replace(config, fast=True, **given)
    few = None
    if small and body is None:
        usual_steps, looks = _SMALL[backbone]
        steps, few = steps or usual_steps, max(1, looks // card["num_classes"])
        photographs, own = card["kind"] in PHOTOGRAPHS, card["image_shape"][-1]
        side = _SMALL_SIDE if photographs or own > _SMALL_SIDE else None
        config = replace(config, batch_size=min(config.batch_size, 64 if backbone == "two_conv" else _SMALL_BATCH))
    if steps is not None:
        config = counted(config, check_int("train_rivals", "steps", steps))
    return Lab(name, backbone, _size(backbone, side, card), heads, config, few)


def _size(backbone: str, side: int | None, card: dict) -> int | None:
    """The side that images are loaded with: that of the row, else the body's own; None: as they are."""
    own = own_size(backbone)
    return None if own == card["image_shape"][-1] else own or side


def paper_body(card: dict) -> str:
    """The body behind the paper's number for a set, or that the paper has for images of this kind."""
    if card["image_shape"] == [1, 28, 28]:
        return "vgg5"
    return (find_transfer(card["name"]) or published_transfer(_USUAL)).backbone


def find_transfer(name: str, backbone: str | None = None, layer_width: int | None = None) -> Transfer | None:
    """The row of `published_transfer`, or None."""
    try:
        return published_transfer(name, backbone, layer_width)
    except ValueError:
        return None


def _published(name: str, backbone: str, layer_width: int | None, card: dict) -> tuple[dict, TrainConfig, int | None]:
    """Heads, recipe and size of images; the paper's as far as it has them."""
    paper = {head: (backbone, head) for head in ("spinal", "mlp") if (backbone, head) in list_paper_heads()}
    row = find_transfer(name, backbone, layer_width) or find_transfer(name, backbone)
    if len(paper) == 2:
        arms = {head: paper_head(*of, card["num_classes"]) for head, of in paper.items()}
        config, side = published_recipe(backbone, name), None
    else:
        heads = row or find_transfer(name) or published_transfer(_USUAL)
        arms = {heads.head: dict(heads.head_arguments), heads.rival: heads.rival_arguments}
        config, side = (row.recipe, row.size) if row else (transfer_recipe(), _usual_side(backbone))
    if layer_width is not None:
        spine = next(iter(arms))
        arms[spine] = {**arms[spine], "layer_width": layer_width}
    return arms, config, side


def _usual_side(backbone: str) -> int | None:
    """The side that a body of a library reads; None for ours, which read the images' own."""
    if ":" not in backbone:
        return None
    with torch.device("meta"):
        return create_backbone(backbone).image_size


def counted(config: TrainConfig, steps: int) -> TrainConfig:
    """The recipe with so many steps, looked at a few times."""
    looks = min(_LOOKS, steps)
    warmup = min(config.warmup, steps // 2)
    return replace(config, steps=steps, epochs=None, warmup=warmup, evaluations=looks, evals_per_epoch=1)


def lab_sizes(name: str) -> tuple[dict[str, int], dict]:
    """The paper's heads on a data set: sizes of the spine, by the names of `SpinalHead`, and what else `WeightCounter` takes.

    The body is built on the meta device, so that its features can be counted.
    """
    lab = plan_lab(name)
    (spinal, rival), card = lab.heads.values(), load_card(name)
    sizes = {"in_features": build_body(lab).num_features, "num_classes": card["num_classes"], "num_splits": 2}
    sizes |= {size: spinal[size] for size in ("layer_width", "num_layers", "num_splits") if size in spinal}
    hidden = rival.get("hidden_sizes", ())
    hidden = (hidden,) if isinstance(hidden, int) else hidden
    dense = {"hidden_layers": len(hidden)} | ({"hidden_size": hidden[0]} if hidden else {})
    norms = [head for head, arguments in (("spinal", spinal), ("dense", rival)) if arguments.get("norm_layer")]
    return sizes, {**dense, "tied": "spinal_tied" in lab.heads, "norms": norms}


@cache  # a body of torchvision takes seconds to build
def _body(backbone: str, in_chans: int, size: int | None) -> Backbone:
    with torch.device("meta"):
        return create_backbone(backbone, in_chans, size)


def body_cost(lab: Lab) -> HeadCost:
    """Weights, parameters and multiply-adds of the body for an image of the size that a run has."""
    body = build_body(lab)
    return _cost(body, (body.in_chans, body.image_size, body.image_size))


_cost = cache(measured_cost)


def build_body(lab: Lab) -> Backbone:
    """The body as a run has it, on the meta device."""
    channels, _, side = load_card(lab.dataset)["image_shape"]
    return _body(lab.backbone, channels, None if own_size(lab.backbone) else lab.size or side)


def train_rivals(
    name: str,
    body: str | None = None,
    steps: int | None = None,
    seeds: Sequence[int] = range(3),
    *,
    layer_width: int | None = None,
    pretrained: bool = False,
    save: str | os.PathLike | None = None,
    out: str | os.PathLike = "lab",
    device: str | None = None,
    threads: int = 1,
    root: str | os.PathLike | None = None,
    progress: bool = True,
) -> list[Record]:
    """Train the paper's spinal head and the head that it replaces on a data set, from each of the seeds, and return the records.

    Without `body` it is the paper's for this set where there is a GPU, and a small one of its family on a CPU, with steps
    that fit into about a minute; `steps` and `layer_width`, of the spine, change it. Both arms have the same recipe, order of images and first weights of
    the body. Weights are drawn from the seed, or with `pretrained` the body's are its publisher's, downloaded if need be.

    Two steps of each head are timed first, and the time of all runs is said before they begin. Records go to the folder `out`, a file a
    data set: a call that was cut off goes on, and finished runs are not run again. `save` is a file for the trained model of
    the spinal head, first seed. `device`, `threads` and `root` are those of a `Setup`. Raises FileNotFoundError for
    data that are not here, with what to do; ValueError for a run that does not fit its data or has failed.
    """
    small = pick_device(device).type == "cpu"
    lab = plan_lab(name, body, steps, small, pretrained, layer_width, root)
    setup = Setup(device, threads, root, progress)
    alone = len(setup.data(lab.cells([0])[0]).train) % lab.config.batch_size == 1  # no norm reads a batch of one
    lab = replace(lab, config=replace(lab.config, batch_size=lab.config.batch_size + alone))
    cells = lab.cells(list(seeds))
    keys, wrong = setup.keys(cells)
    for error in wrong.values():  # the cells differ in head and seed only
        raise error
    missing = missing_cells(cells, out, setup)
    if missing:
        print(f"{' and '.join(lab.heads)} on {lab.backbone}, {name}: timing two steps of each head …", flush=True)
        data = setup.data(missing[0])
        body = build_body(lab)
        if body.repeats_grey and body.in_chans == 1:
            print(
                f"{name} has grey images: each is repeated to the three channels that {lab.backbone} reads.", flush=True
            )
        print(_time_needed(setup, lab, missing, data), flush=True)
    with redirect_stdout(io.StringIO()), _said_already():  # a line a run, which the records say again
        if save is not None and (cells[0] in missing or not Path(save).exists()):
            keeping = replace(setup, save_as=str(save))
            sweep(cells[:1], out, setup=keeping) if cells[0] in missing else keeping.run(cells[:1])
        left = sweep(cells, out, setup=setup)
    if left:
        raise ValueError(
            f"train_rivals: {len(left)} of {len(cells)} runs have no record, as said above; call it again once the cause is mended"
        )
    found = {record.key: record for record in RecordFolder(Path(out)).records()}
    return [found[keys[cell]] for cell in cells]


@contextmanager
def _said_already() -> Iterator[None]:
    """Without the warning that images are grey, which a page would show as a line of our source."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* has grey images")
        yield


def _time_needed(setup: Setup, lab: Lab, missing: Sequence[Cell], data: DataSet) -> str:
    """What the missing runs take, in words, by two steps of each head and a look at a few validation images."""
    steps, looks = _length(lab.config, len(data.train))
    card = data.card | {"cut": {"of": data.sha256, "seed": 0, "train_per_class": None, "looked_at": _LOOKED_AT}}
    few = replace(data, val=_first(data.val, _LOOKED_AT), card=card)
    each = {}
    for cell in {cell.head: cell for cell in missing}.values():
        for _ in range(1 + (pick_device(setup.device).type == "cuda")):  # a GPU has to warm up
            step, look = _rehearse(setup, cell, few)
        each[cell.head] = steps * step + looks * look * len(data.val)
    seconds, seeds = sum(each[cell.head] for cell in missing), len({cell.seed for cell in missing})
    return (
        f"{len(missing)} runs ({seeds} seed{'s' * (seeds > 1)}) of {steps:,} steps take about {in_words(seconds)} here."
    )


def _rehearse(setup: Setup, cell: Cell, few: DataSet) -> tuple[float, float]:
    """Seconds of a step, and of looking at an image."""
    config = replace(counted(cell.config, _REHEARSED), evaluations=1)
    try:
        with _said_already():
            model, record = setup.rehearse(replace(cell, config=config), few)
    except (RuntimeError, MemoryError) as error:  # out of memory is a RuntimeError
        raise ValueError(f"train_rivals: {reason(error)}") from error
    began = time.perf_counter()
    evaluate(model, few.val)
    return record.seconds / _REHEARSED, (time.perf_counter() - began) / len(few.val)


def _first(split: Split, count: int) -> Split:
    index = torch.arange(min(count, len(split)))
    return Split(split.images.index_select(0, index), split.labels[index], split.statistics)


def _length(config: TrainConfig, images: int) -> tuple[int, int]:
    """Steps and evaluations of a run."""
    an_epoch = -(-images // config.batch_size)
    steps = config.steps or config.epochs * an_epoch
    return steps, config.evaluations or max(1, round(steps / an_epoch * config.evals_per_epoch))


def in_words(seconds: float) -> str:
    """Seconds as people say them.

    >>> in_words(41.2), in_words(600), in_words(20_000)
    ('41 s', '10 minutes', '5.6 hours')
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"
