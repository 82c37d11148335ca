"""The library grows by one new file and one line: a head, an arm of the study, a data set and a widget, on a copy of it."""

import difflib
import json
import os
import shutil
import subprocess
import sys

import pytest

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
ADDED = {  # what is added: new files, the line that changes in which file and how, and what must then work
    "head": (
        {"spinalnet_lib/heads/late.py": HEAD},
        ("spinalnet_lib/heads/__init__.py", "from . import ", "from . import late, "),
        "import torch, spinalnet_lib as s\n"
        "assert 'spinal_late' in s.list_heads() and s.head_cost('spinal_late', 20, 7, layer_width=6).weights\n"
        "model = s.create_model('pixels', 'spinal_late', 10, image_size=8, layer_width=4)\n"
        "config = s.TrainConfig(steps=2)\n"
        "assert s.train(model, s.load_dataset('digits'), config, 0, 'cpu', progress=False).head == 'spinal_late'\n",
    ),
    "arm": (
        {},
        ("spinalnet_lib/models/sizes.py", '("mlp_deep", ', '("mlp_deep", "spinal_columns", '),
        "from spinalnet_lib.models.sizes import OTHER, arm_arguments\n"
        "assert 'spinal_columns' in OTHER and arm_arguments('spinal_columns', 0.5)\n",
    ),
    "data set": (
        {"data/cards/other_digits.json": None},
        None,
        "import spinalnet_lib as s\n"
        "assert 'other_digits' in s.list_datasets() and 'Other digits' in s.card_html('other_digits')\n",
    ),
    "widget": (
        {
            "spinalnet_lib/widgets/layer_counter.py": WIDGET,
            "spinalnet_lib/widgets/layer_counter.js": "// its script\n",
        },
        (
            "spinalnet_lib/__init__.py",
            '"widgets.error_curves"',
            '"widgets.layer_counter": "LayerCounter", "widgets.error_curves"',
        ),
        "import spinalnet_lib as s\nassert 'spinal-widget' in s.LayerCounter(splits=3).to_html()\n",
    ),
}


@pytest.mark.processes
@pytest.mark.parametrize("what", ADDED)
def test_it_grows_by_one_file_and_one_line(what, root, tmp_path):
    for folder in ("spinalnet_lib", "data/cards", "data/paper", "data/results"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    files, line, check = ADDED[what]
    assert len({name.rpartition(".")[0] for name in files}) <= 1  # a widget's two files are one
    for name, content in files.items():
        if content is None:
            card = json.loads((tmp_path / "data/cards/mnist.json").read_bytes())
            content = json.dumps(card | {"name": "other_digits", "title": "Other digits", "places": ["other"]})
        (tmp_path / name).write_text(content)
    if line:
        path, old, new = line
        before = (tmp_path / path).read_text()
        after = before.replace(old, new, 1)
        changed = [d for d in difflib.ndiff(before.splitlines(), after.splitlines()) if d.startswith("+ ")]
        assert len(changed) == 1
        (tmp_path / path).write_text(after)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", check], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
