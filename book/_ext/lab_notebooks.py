"""The notebooks of the lab, one a data set, from one template and the cards: `python book/_ext/lab_notebooks.py`.

A new card gets its notebook by the same command, and a line in `_toc.yml`; a test holds files and template together.
"""

from __future__ import annotations

import json
from pathlib import Path

from spinalnet_lib.data.cards import load_card, official_names
from spinalnet_lib.study.lab import plan_lab
from spinalnet_lib.training.published_transfer import TRANSFERS

BOOK = Path(__file__).resolve().parents[1]
FOLDER = BOOK / "lab"
SETUP_OF = BOOK / "introduction.ipynb"  # all notebooks install the library by the same cell
NOT_IN_THE_PAPER = ("digits", "mnist_5k", "qmnist_labels")
OTHER_BODY = "torchvision:resnet34"
HANDS = {"10 monkey species": "Ten monkey species"}  # a number in prose is written by code, or by hand in letters

OPENING = """# {title}

**One call trains the paper's spinal head and its rival on {title}: the paper's network on a GPU, a small one elsewhere.**"""
CARD = """from spinalnet_lib import list_datasets, show_card

name = "{name}"
# {how}
here = name in list_datasets(present=True)
show_card(name)"""
NETWORK = """## The paper's network

As the authors' scripts have it; then what was published."""
TABLES = """from IPython.display import HTML

from spinalnet_lib import lab_html

HTML(lab_html(name))"""
COUNTER = """from spinalnet_lib import WeightCounter, lab_sizes

spine, more = lab_sizes(name)
WeightCounter(**spine, **more)"""
EXPLORER = """from spinalnet_lib import SplitExplorer

SplitExplorer(**spine)"""
TRAIN = """## Train both

Both heads get the same images, order and first weights of the body. The first line says how long it takes; finished runs \
are kept. Without a GPU the runs are short: they show how, not who wins."""
SEEDS = """seeds = range(3)
steps = None  # as published on a GPU, a few on a CPU"""
FAST = """import os

if os.environ.get("BOOK_FAST"):
    # the fast mode of the tests: same cells, less training
    seeds, steps = range(2), 2"""
CALL = """from spinalnet_lib import train_rivals

records = []
if here:
    records = train_rivals(name, steps=steps, seeds=seeds, save=f"{name}.npz")"""
CALL_TRANSFER = """import torch

from spinalnet_lib import train_rivals

gpu = torch.cuda.is_available()  # then the body's weights are downloaded
records = []
if here:
    records = train_rivals(
        name, steps=steps, seeds=seeds, pretrained=gpu, save=f"{name}.npz"
    )"""
CURVES = """from spinalnet_lib import ErrorCurves

ErrorCurves(records) if records else None"""
READING = """from IPython.display import Markdown, display

from spinalnet_lib import CsvLink, describe_rivals, records_frame

display(Markdown(describe_rivals(records)))
CsvLink(records_frame(records), f"{name}.csv") if records else None"""
OURS = """## Our own runs"""
RECORDS = """from spinalnet_lib import lab_records, load_bench_report

Markdown(lab_records(name, load_bench_report("gpu")))"""
NEXT = """## Change one thing

{changes}"""
KEEP = """## Keep the model

`{name}.npz` holds weights, class names and how images are prepared; `predict` takes pictures, folders or a tensor."""
PREDICT = """from spinalnet_lib import load_dataset, load_model, predict

if here:
    model = load_model(f"{name}.npz")
    data = load_dataset(name, size=model.body.image_size)
    classes, probabilities = predict(model, data.val.images[:1])
    print(classes[0], f"{probabilities.max():.0%}")"""

INDEX = """# The lab

One notebook a data set of the paper. Each shows the images, the paper's network and what was published, counts its weights, trains
the spinal head and the head that it replaces by one call, draws both, and keeps a model that names the classes of your
pictures. Open one in Colab, choose a GPU, and run it from top to bottom.

Where this site was built without the images of a set, its page shows the code, the card and our records, and claims nothing.

| data set | the paper's body | spinal head | rival |
|---|---|---|---|
{rows}

Three more are practice: [the head in your own model](own_model.ipynb), [your own pictures](own_pictures.ipynb),
[a sweep](sweep.ipynb).
"""


def names() -> list[str]:
    """The data sets that have a notebook."""
    return [name for name in official_names() if name not in NOT_IN_THE_PAPER]


def title_of(card: dict) -> str:
    return HANDS.get(card["title"], card["title"])


def write(name: str) -> str:
    """The notebook of a data set as a file holds it."""
    card = load_card(name)
    title, plan = title_of(card), plan_lab(name)
    transfer = ":" in plan.backbone
    fetched = f"load_dataset(name, download=True) gets it, {card['download_mb']:,} MB" if "torchvision" in card else ""
    cells = [
        text(OPENING.format(title=title)),
        setup_cell(),
        text(card["story"]),
        code(CARD.format(name=name, how=fetched or "its card says how to get it"), "remove-stderr"),
        text(NETWORK),
        code(TABLES),
        code(COUNTER, "hide-input"),
        *([] if "spinal_tied" in plan.heads else [code(EXPLORER, "hide-input")]),  # it draws layers that are not shared
        text(TRAIN),
        code(SEEDS),
        code(FAST, "remove-cell"),
        code(CALL_TRANSFER if transfer else CALL, "remove-stderr"),
        code(CURVES, "hide-input"),
        code(READING, "remove-input"),
        text(OURS),
        code(RECORDS, "remove-input"),
        text(NEXT.format(changes=changes(name, transfer))),
        text(KEEP.format(name=name)),
        code(PREDICT, "remove-stderr"),
    ]
    for position, cell in enumerate(cells):
        cell["id"] = str(position)
    download = (
        "nothing where the images are at hand" if not fetched else f"{card['download_mb']:,} MB, if you ask for it"
    )
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "spinalnet": {"download": download, "gpu": "used where there is one, not measured yet"},
    }
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def write_index() -> str:
    """The page in front of the notebooks."""
    rows = []
    for name in names():
        lab = plan_lab(name)
        (head, spine), (rival, _) = lab.heads.items()
        size = f"{head}, {spine['num_layers']} × {spine['layer_width']}"
        rows.append(f"| [{title_of(load_card(name))}]({name}.ipynb) | `{lab.backbone}` | {size} | {rival} |")
    return INDEX.format(rows="\n".join(rows))


def changes(name: str, transfer: bool) -> str:
    """A list of calls, among them one for each further row that the paper has for a set."""
    start = ", pretrained=True" if transfer else ""
    plan, small = plan_lab(name), plan_lab(name, small=True)
    narrow = min(next(iter(lab.heads.values()))["layer_width"] for lab in (plan, small)) // 2
    steps = small.config.steps
    lines = [
        f'- more seeds, and an interval worth reading: `train_rivals("{name}", seeds=range(8){start})`',
        f'- without a GPU, ten times as long: `train_rivals("{name}", steps={10 * steps})`',
        f'- a narrower spine: `train_rivals("{name}", layer_width={narrow}{start})`',
        f'- another body, for a few steps: `train_rivals("{name}", body="{OTHER_BODY}", steps=10)`',
    ]
    for row in TRANSFERS:
        width = row.head_arguments["layer_width"]
        if row.dataset == name and (row.backbone, row.head_arguments) != (plan.backbone, plan.heads.get(row.head)):
            call = f'train_rivals("{name}", body="{row.backbone}", layer_width={width}, pretrained=True)'
            lines.append(f"- the paper's other network for this set: `{call}`")
    return "\n".join(lines)


def text(source: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def code(source: str, *tags: str) -> dict:
    """A code cell without outputs."""
    metadata = {"tags": list(tags)} if tags else {}
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": lines}


def setup_cell() -> dict:
    cells = json.loads(SETUP_OF.read_bytes())["cells"]
    return next(cell for cell in cells if "find_spec" in "".join(cell["source"]))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in names():
        (FOLDER / f"{name}.ipynb").write_text(write(name), encoding="utf-8")
    (FOLDER / "index.md").write_text(write_index(), encoding="utf-8")
    print(f"{len(names())} notebooks are in {FOLDER}")


if __name__ == "__main__":
    main()
