"""What a page of the lab says of its data set: the paper's network and figures, what was run here, and how the rivals did."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence

from torch import nn

from ..data.cards import PHOTOGRAPHS, is_present, list_own, load_card, load_own_card, whole_set
from ..data.published import published_table
from ..heads.counting import head_cost
from ..models.bodies import create_backbone
from ..paths import data_root
from ..records.files import own_records
from ..records.record import Record
from ..study.blindness import shown
from ..study.compare import compare
from ..study.lab import Lab, body_cost, build_body, find_transfer, in_words, plan_lab
from ..training.config import TrainConfig
from ..words import signed
from .provenance import describe_mean, describe_records

_RUNS = 6  # of the page's cell: three seeds of two heads
_SEVERAL = 5  # seeds of one setting; a search tries each with fewer
_SHORT_STEPS, _STEPS_OF_IT = ("VGG-5 with augmentation, an epoch of 60,000, batch 100", "s"), 600
_FIGURES = ("mnist_family", "transfer")  # files of published figures with spinal heads of the authors


def lab_html(name: str) -> str:
    """The paper's body, head, rival and recipe for a data set, and what was published on it, as two tables."""
    lab, card = plan_lab(name), load_card(name)
    row, small = find_transfer(name, lab.backbone), plan_lab(name, small=True)
    body = build_body(lab)
    cost = body_cost(lab)
    spinal, rival = ((f"{head}: {_sizes(of)}", head, of) for head, of in lab.heads.items())
    whose = (
        ""
        if row or ":" not in lab.backbone
        else " (the paper has no script for this set; these are those for CIFAR-10)"
    )
    rows = {
        "Body": f"{_body_name(lab.backbone)}, {cost.parameters / 1e6:,.1f} million parameters, {cost.macs / 1e9:,.2f} billion "
        f"multiply-adds an image of {body.image_size} pixels{whose}",
        "Spinal head": _with_count(*spinal, body.num_features, card["num_classes"]),
        "Its rival": _with_count(*rival, body.num_features, card["num_classes"]),
        "Recipe": _recipe(lab.config),
        "Source": row.source if row else "the authors' scripts for this body",
        "Without a GPU": f"{_body_name(small.backbone)}, images of {_side(small, card)} pixels, {small.config.steps} steps of "
        f"{small.config.batch_size} images: enough to see it run, not to learn",
    }
    rows |= _enlarged(lab, card)
    cells = "".join(f'<tr><th scope="row">{a}</th><td>{html.escape(b)}</td></tr>' for a, b in rows.items())
    caption = f"<caption>{html.escape(card['title'])}, as the paper has it</caption>"
    return f'<table class="dataframe spinal-card">{caption}{cells}</table>{_figures(name)}'


def _enlarged(lab: Lab, card: dict) -> dict[str, str]:
    """A row for photographs that are at hand in a smaller form than the recipe reads; none for all others."""
    root, name = data_root(), lab.dataset
    if lab.size is None or name not in list_own(root) or is_present(root, card):
        return {}
    kept = load_own_card(root, name)["shorter_side"]
    said = f"have {kept} pixels here: enlarged to {lab.size}, so that a run on them is not the paper's"
    return {"Images": said} if card["kind"] in PHOTOGRAPHS and kept < lab.size else {}


def _body_name(backbone: str) -> str:
    library, colon, model = backbone.partition(":")
    return f"{model} of {library}" if colon else backbone


def _side(lab: Lab, card: dict) -> int:
    return lab.size or card["image_shape"][-1]


def _sizes(arguments: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in arguments.items()) or "one Linear"


def _with_count(said: str, head: str, arguments: dict, features: int, classes: int) -> str:
    return f"{said}; {head_cost(head, features, classes, **arguments).parameters:,} parameters"


def _recipe(config: TrainConfig) -> str:
    falls = {"step": f"stepped at the epochs {', '.join(str(epoch) for epoch, _ in config.milestones)}"}
    said = [
        f"{config.optimizer}, learning rate {config.learning_rate:g}, {falls.get(config.schedule, config.schedule)}",
        f"{config.batch_size} images a step, {config.epochs} epochs",
        "from the body's published weights" if config.statistics else "from random weights",
    ]
    return "; ".join(said)


def _figures(name: str) -> str:
    found = [row for file in _FIGURES for row in published_table(file, unsure=True).to_dict("records")]
    rows = [row for row in found if row["dataset"] == name]
    if not rows:
        return "<p>We know of no figure that was published on this set with a spinal head.</p>"
    cells = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(str(row[key]))}</td>" for key in ("figure", "network", "head", "measure", "whose"))
        + "</tr>"
        for row in rows
    )
    head = "".join(f'<th scope="col">{word}</th>' for word in ("figure", "body", "head", "which reading", "whose"))
    caption = "<caption>Published figures; each is of one run</caption>"
    return f'<table class="dataframe">{caption}<thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table>'


def lab_records(name: str, gpu: dict) -> str:
    """Which runs of ours are on a set, in Markdown, and what the paper's own would take on a GPU, by a report of the bench.

    `gpu` is `load_bench_report("gpu")`: the rate at which VGG-5 trains stands for that of any body.
    """
    ours = [record for record in own_records() if whole_set(record.dataset) == name]
    known = shown(ours)
    said = f"{describe_records(ours)}" if ours else "**Not run here yet.**"
    if len(known) < len(ours):
        said += f" Results of {len(ours) - len(known)} of them are not shown until their comparison is complete."
    lab = plan_lab(name)
    command = f'train_rivals("{name}"{", pretrained=True" if ":" in lab.backbone else ""})'
    return f"{said} The paper's own network: `{command}`{_gpu_time(lab, gpu)}.{_errors(known)}"


def _errors(records: Sequence[Record]) -> str:
    """A list of the errors of settings that were run from several seeds; those of a search are run from one or two."""
    settings: dict[tuple, list[Record]] = {}
    for record in records:
        asked = {**record.recipe, **record.model["head_arguments"]}
        key = record.dataset, record.model["backbone"], record.arm, json.dumps(asked, sort_keys=True)
        settings.setdefault(key, []).append(record)
    lines = [
        f"- `{arm}` on {body}, {dataset}, {_length(found[0])}: {_mean_error(found)}"
        for (dataset, body, arm, _), found in sorted(settings.items())
        if len(found) >= _SEVERAL
    ]
    return (
        f"\n\nLast validation errors of settings with {_SEVERAL} seeds or more:\n\n" + "\n".join(lines) if lines else ""
    )


def _length(record: Record) -> str:
    epochs = record.curve[-1]["epoch"]
    return f"{record.recipe['optimizer']}, rate {record.recipe['learning_rate']:g}, {epochs:.3g} epochs"


def _mean_error(records: Sequence[Record]) -> str:
    errors = [math.inf if record.diverged else record.last["val_error"] for record in records]
    return describe_mean(errors, ".2%", f"{len(records)} seeds")


def _gpu_time(lab: Lab, gpu: dict) -> str:
    """How long the page's runs take on the GPU of a report, in words; nothing below a minute, where other things take longer.

    A step takes what its multiply-adds take at the rate of VGG-5, and no less than a step of VGG-5, times the layers.
    """
    figures = {(figure["name"], figure["unit"]): figure["value"] for figure in gpu.get("figures", [])}
    rates = [value for (name, unit), value in figures.items() if unit == "TFLOP/s" and name.startswith("VGG-5")]
    if not rates:
        return ""
    operations = 6 * body_cost(lab).macs * lab.config.batch_size  # two each, three times
    layers = _count_layers(build_body(lab)) / _count_layers(create_backbone("vgg5"))
    least = layers * figures.get(_SHORT_STEPS, 0) / _STEPS_OF_IT
    steps = lab.config.epochs * math.ceil(load_card(lab.dataset)["sizes"]["train"] / lab.config.batch_size)
    seconds = _RUNS * steps * max(least, operations / (min(rates) * 1e12))
    machine = gpu["groups"]["gpu"]["machine"].partition(";")[0]
    if seconds < 60:
        return ""
    return f", at least {in_words(seconds)} for {_RUNS} runs on {machine}, more on most GPUs of Colab"


def _count_layers(body: nn.Module) -> int:
    return sum(isinstance(module, (nn.Conv2d, nn.Linear)) for module in body.modules())


def describe_rivals(records: Sequence[Record]) -> str:
    """How two heads did that were trained together, in Markdown: the difference, its interval, and what it does not say."""
    if not records:
        return (
            "*The images are not at hand where this page was built: nothing was trained, and the page claims nothing.*"
        )
    spine, rival = dict.fromkeys(record.head for record in records)
    seeds, images = {record.seed for record in records}, records[0].split_sizes["val"]
    ran = f"{describe_records(records)} "
    if len(seeds) < 2 or any(record.diverged for record in records):
        return f"{ran}With one seed, or a run that diverged, there is no interval: pass more seeds, or a lower rate."
    gain = compare(records, spine, rival)
    inside = "zero lies in it" if gain.low <= 0 <= gain.high else "zero lies outside"
    return (
        f"{ran}\n\nAfter the last step the error of `{rival}` less that of `{spine}` is {signed(100 * gain.mean, '+.1f')} points on average "
        f"(above zero: `{spine}` is better); with {len(gain.seeds)} seeds its interval goes from {signed(100 * gain.low, '+.1f')} to "
        f"{signed(100 * gain.high, '+.1f')}, and {inside}. **So few seeds, on {images:,} images, settle nothing**, and short runs say "
        "little about long ones."
    )
