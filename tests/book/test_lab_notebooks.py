"""The lab: files in step with the template, and each notebook executed, cell by cell, on small files of its publisher's format.

They run here one after the other in one process; `test_standalone.py` runs one of each kind alone, with the wheel.
"""

import ast
import json
import re
from functools import partial

import lab_notebooks
import pytest
import yaml
from prose_numbers import typed_numbers

from spinalnet_lib.cli.main import main
from spinalnet_lib.data import cards
from spinalnet_lib.show import data_cards, lab_page
from spinalnet_lib.study import lab
from spinalnet_lib.training.published_transfer import TRANSFERS
from tests.book.book_site import LAB, ROOT
from tests.data.cases import (
    write_cifar10,
    write_cifar100,
    write_flowers,
    write_folders,
    write_idx,
    write_stl10,
    write_svhn,
)

NAMES = lab_notebooks.names()
WRITERS = {
    "cifar10": write_cifar10,
    "cifar100": write_cifar100,
    "flowers102": partial(write_flowers, per_class=2),
    "stl10": write_stl10,
    "svhn": write_svhn,
}
WRITE_KIND = {"idx": write_idx, "photographs": write_folders}


def sources(name):
    cells = json.loads((ROOT / "book/lab" / f"{name}.ipynb").read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_files_are_what_the_template_makes_of_the_cards():
    for name in NAMES:
        made = json.loads(lab_notebooks.write(name))
        assert made == json.loads((ROOT / "book/lab" / f"{name}.ipynb").read_text()), f"run {lab_notebooks.__file__}"
        story = cards.load_card(name)["story"]
        assert ["".join(cell["source"]) for cell in made["cells"]].count(story) == 1 and not typed_numbers(story), name
    assert (ROOT / "book/lab/index.md").read_text() == lab_notebooks.write_index()


def test_each_has_its_place_in_the_book():
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    [chapter] = next(part for part in parts if part["caption"] == "Lab")["chapters"]
    assert sorted(section["file"] for section in chapter["sections"]) == sorted(LAB)
    assert {f"book/lab/{name}" for name in NAMES} < {*LAB}


def test_every_row_of_the_papers_fine_tuning_has_its_call():
    for row in TRANSFERS:
        notebook = lab_notebooks.write(row.dataset)
        plan = lab.plan_lab(row.dataset)
        if (row.backbone, row.head_arguments) != (plan.backbone, plan.heads.get(row.head)):
            width = row.head_arguments["layer_width"]
            again = lab.plan_lab(row.dataset, row.backbone, layer_width=width, pretrained=True)
            assert again.heads == {row.head: row.head_arguments, row.rival: row.rival_arguments}
            assert (again.config.batch_size, again.config.epochs) == (row.recipe.batch_size, row.recipe.epochs)
            assert again.size == row.size and f'body=\\"{row.backbone}\\", layer_width={width}' in notebook


@pytest.mark.parametrize("name", NAMES)
def test_what_to_change_is_a_change_with_a_gpu_and_without(name):
    changes = lab_notebooks.changes(name, False)
    width, body = (re.search(f'{key}="?([^,")]+)', changes)[1] for key in ("layer_width", "body"))
    steps = int(re.search(r"ten times as long.*steps=(\d+)", changes)[1])
    for small in (False, True):
        plan = lab.plan_lab(name, small=small)
        assert plan.backbone != body and int(width) < next(iter(plan.heads.values()))["layer_width"]
    assert plan.config.steps * 10 == steps


def test_a_new_card_gets_its_notebook(monkeypatch):
    monkeypatch.setattr(lab_notebooks, "official_names", lambda: [*NAMES, "new"])
    card = cards.load_card("stl10") | {"name": "new", "title": "A new set"}
    for module in (lab_notebooks, lab):
        monkeypatch.setattr(module, "load_card", lambda name, root=None: card)
    assert "new" in lab_notebooks.names() and "# A new set" in lab_notebooks.write("new")


def execute(code, scope):
    """Run a cell as a notebook does: what its last line gives is shown."""
    *statements, last = (tree := ast.parse(code)).body
    if not isinstance(last, ast.Expr):
        return exec(compile(tree, "cell", "exec"), scope)
    exec(compile(ast.Module(statements, []), "cell", "exec"), scope)
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), scope)
    for method in ("_repr_mimebundle_", "_repr_html_"):
        if hasattr(value, method):
            return getattr(value, method)()
    return value


@pytest.fixture
def in_fast_mode(tmp_path, monkeypatch):
    monkeypatch.setenv("BOOK_FAST", "1")
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    lab._body.cache_clear()
    yield
    lab._body.cache_clear()


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_trains_and_predicts(name, in_fast_mode, tmp_path, monkeypatch, capsys):
    """On the small set the page says how many images it ran on, the model knows its classes, and all runs have records."""
    write = WRITERS.get(name) or WRITE_KIND[cards.load_card(name)["kind"]]
    write(tmp_path, name, monkeypatch) if write in WRITE_KIND.values() else write(tmp_path, monkeypatch)
    for module in (data_cards, lab, lab_page):
        monkeypatch.setattr(module, "load_card", cards.load_card)
    scope = {}
    for code in sources(name):
        execute(code, scope)
    plan, records = lab.plan_lab(name, small=True), scope["records"]
    assert [(r.head, r.seed) for r in records] == [(head, seed) for seed in range(2) for head in plan.heads]
    assert all(r.n_steps == 2 and r.test is None for r in records)
    assert f"{records[0].split_sizes['train']:,} training" in scope["describe_rivals"](records)
    assert scope["classes"][0] in scope["model"].trained_on["classes"]
    assert "4 runs (2 seeds) of 2 steps" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["mnist", "cars"])
def test_a_notebook_without_its_images_shows_its_card_and_claims_nothing(name, in_fast_mode, monkeypatch):
    scope, shown = {}, []
    monkeypatch.setattr("IPython.display.display", lambda *values: shown.extend(values))
    shown += [execute(code, scope) for code in sources(name)]
    assert scope["here"] is False and scope["records"] == []
    assert any("claims nothing" in getattr(value, "data", "") for value in shown)


def test_the_commands_for_the_ten_monkeys_work(in_fast_mode, tmp_path, monkeypatch, capsys):
    """Those of the page of practice, but from random weights, at few pixels, one step long."""
    write_folders(tmp_path, "monkeys10", monkeypatch)
    quick = "--start seed --size 64 --steps 1 --batch-size 6 --device cpu"
    cells = json.loads((ROOT / "book/lab/own_pictures.ipynb").read_text())["cells"]
    blocks = re.findall(r"```\n(.*?)```", "".join(line for cell in cells for line in cell["source"]), re.DOTALL)
    [block] = [block for block in blocks if "monkeys10" in block]
    for line in block.replace("\\\n", "").splitlines():
        program, *command = line.replace("--pretrained", quick).split()
        assert program == "spinalnet" and main(command) == 0, capsys.readouterr().err
    said = capsys.readouterr().out.splitlines()
    predicted = [line for line in said if line.startswith("10-monkey-species/validation/")]
    assert len(predicted) == len([*tmp_path.glob("10-monkey-species/validation/*/*")])
    species = [cards.load_card("monkeys10")["names"][folder] for folder in ("n0", "n1", "n2")]
    assert all(any(name in line for name in species) for line in predicted)
    assert (tmp_path / "monkeys.csv").exists() and (tmp_path / "monkeys.png").exists()
