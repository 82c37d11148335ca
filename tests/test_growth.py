"""The library grows by one new file and one line: a head, an arm of the study, a data set and a widget, on a copy of it."""

import difflib
import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.data.cases import idx_bytes

HEAD = '''"""A spinal head that forgets its first layer."""

from .registry import register_head
from .spinal import SpinalHead


@register_head("spinal_late")
class LateSpinalHead(SpinalHead):
    """A spinal head whose first layer is not heard."""

    def hidden(self, x):
        hidden = super().hidden(x).clone()
        hidden[:, : self.layer_width] = 0
        return hidden
'''
WIDGET = '''"""How many splits make how many layers."""

import traitlets

from .base import Widget, slider


class LayerCounter(Widget):
    """As many layers as splits."""

    kind = "layer-counter"
    title = "Layers"
    splits = traitlets.Int(2, min=1, max=8).tag(sync=True)

    def controls(self):
        return [slider("splits", "splits", 1, 8)]

    def state(self):
        return {"error": None, "rows": [["layers", str(self.splits)]], "summary": f"{self.splits} layers"}

    def draw(self, figure, state):
        figure.text(0.5, 0.5, state["summary"])
'''
HEADS = ("spinalnet_lib/heads/__init__.py", "from . import ", "from . import late, ")
ADDED = {  # what is added: new files, the line that changes in which file and how, and what must then work
    "head": (
        {"spinalnet_lib/heads/late.py": HEAD},
        [HEADS],
        "import torch, spinalnet_lib as s\n"
        "assert 'spinal_late' in s.list_heads() and s.head_cost('spinal_late', 20, 7, layer_width=6).weights\n"
        "model = s.create_model('pixels', 'spinal_late', 10, image_size=8, layer_width=4)\n"
        "config = s.TrainConfig(steps=2)\n"
        "assert s.train(model, s.load_dataset('digits'), config, 0, 'cpu', progress=False).head == 'spinal_late'\n",
    ),
    "arm": (
        {"spinalnet_lib/heads/late.py": HEAD},
        [HEADS, ("spinalnet_lib/models/sizes.py", '("mlp_deep", ', '("spinal_late", "mlp_deep", ')],
        "from dataclasses import replace\n"
        "from spinalnet_lib.study import cells, setup, tuning\n"
        "cells.Search.chosen = lambda self, arm, rate=None: tuning.Setting(0.01, 0.5, 'a search')\n"
        "arms = {cell.head: cell for cell in cells.list_cells('study', 'C', (), ['mnist'])}\n"
        "short = replace(arms['spinal_late'].config, steps=1, warmup=0, evaluations=1)\n"
        "cell = replace(arms['spinal_late'], dataset='mnist_5k', config=short)\n"
        "assert setup.Setup('cpu').run([cell])[0].head == 'spinal_late'\n",
    ),
    "data set": (
        {"data/cards/other_digits.json": None},
        [],
        "import spinalnet_lib as s\n"
        "assert 'other_digits' in s.list_datasets(present=True) and 'Other digits' in s.card_html('other_digits')\n"
        "model, config = s.create_model('two_conv', 'linear', 10), s.TrainConfig(steps=1)\n"
        "record = s.train(model, s.load_dataset('other_digits'), config, 0, 'cpu', progress=False)\n"
        "assert (record.dataset, record.dataset_source) == ('other_digits', 'official')\n",
    ),
    "widget": (
        {
            "spinalnet_lib/widgets/layer_counter.py": WIDGET,
            "spinalnet_lib/widgets/layer_counter.js": "// its script\n",
        },
        [
            (
                "spinalnet_lib/__init__.py",
                '"widgets.error_curves"',
                '"widgets.layer_counter": "LayerCounter", "widgets.error_curves"',
            )
        ],
        "import spinalnet_lib as s\nassert 'spinal-widget' in s.LayerCounter(splits=3).to_html()\n",
    ),
}


def other_digits(root):
    """A card of MNIST's kind, and its files."""
    card, files = json.loads((root / "data/cards/mnist.json").read_bytes()), {}
    (root / "other").mkdir()
    for stem in card["files"]:
        numbers = np.arange(60, dtype=np.uint8) % 10
        array = numbers if "labels" in stem else np.broadcast_to(numbers[:, None, None], (60, 28, 28))
        content = idx_bytes(array)
        (root / "other" / stem).write_bytes(content)
        files[stem] = {"shape": list(array.shape), "sha256": hashlib.sha256(content).hexdigest()}
    return card | {"name": "other_digits", "title": "Other digits", "places": ["other"], "files": files}


@pytest.mark.processes
@pytest.mark.parametrize("what", ADDED)
def test_it_grows_by_one_file_and_one_line(what, root, tmp_path):
    for folder in ("spinalnet_lib", "data/cards", "data/paper", "data/results"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    files, lines, check = ADDED[what]
    assert len({name.rpartition(".")[0] for name in files}) <= 1  # a widget's two files are one
    for name, content in files.items():
        if content is None:
            content = json.dumps(other_digits(tmp_path))
        (tmp_path / name).write_text(content)
    for path, old, new in lines:
        before = (tmp_path / path).read_text()
        after = before.replace(old, new, 1)
        changed = [d for d in difflib.ndiff(before.splitlines(), after.splitlines()) if d.startswith("+ ")]
        assert len(changed) == 1
        (tmp_path / path).write_text(after)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "SPINALNET_DATA": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", check], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
