import json
import subprocess
import sys

import pytest

import spinalnet_lib

HEAVY = (
    "torchvision",
    "matplotlib",
    "pandas",
    "scipy",
    "sklearn",
    "mlxtend",
    "anywidget",
    "ipywidgets",
    "seaborn",
)


def run(code: str, *options: str, **kwargs) -> str:
    return subprocess.run(
        [sys.executable, *options, "-c", code], check=True, capture_output=True, text=True, **kwargs
    ).stdout


def test_every_public_name_exists_and_is_documented():
    for name in spinalnet_lib.__all__:
        value = getattr(spinalnet_lib, name)
        assert value.__doc__, f"{name} has no docstring"
    assert set(spinalnet_lib.__all__) <= set(dir(spinalnet_lib))


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'SpinelHead'"):
        spinalnet_lib.SpinelHead  # noqa: B018


@pytest.mark.processes
def test_heads_models_and_training_import_nothing_heavy():
    code = "import sys, spinalnet_lib as s; s.SpinalHead, s.create_model, s.train, s.load_dataset, s.append_record, s.head_cost\n"
    code += "import spinalnet_lib.bench, spinalnet_lib.cli\n"
    loaded = json.loads(run(code + "import json; print(json.dumps(sorted(sys.modules)))"))
    assert not [name for name in loaded if name.split(".")[0] in HEAVY]


@pytest.mark.processes
def test_import_takes_less_than_three_tenths_of_a_second_beyond_torch():
    code = "import torch, time; t = time.perf_counter(); import spinalnet_lib; spinalnet_lib.SpinalHead; print(time.perf_counter() - t)"
    assert min(float(run(code)) for _ in range(2)) < 0.3


@pytest.mark.processes
def test_training_runs_from_a_plain_source_folder_with_torch_and_numpy_alone(tmp_path, root):
    """On a rented machine: the folder copied, nothing installed; everything else is hidden from the import."""
    import shutil

    shutil.copytree(root / "spinalnet_lib", tmp_path / "spinalnet_lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root / "data" / "cards", tmp_path / "data" / "cards")
    code = f"""
import sys
for name in {(*HEAVY, "tqdm")}: sys.modules[name] = None
import torch
from spinalnet_lib import DataSet, Split, TrainConfig, create_model, train
import spinalnet_lib
assert spinalnet_lib.__file__.startswith({str(tmp_path)!r}), spinalnet_lib.__file__
images = torch.randint(0, 256, (60, 1, 28, 28), dtype=torch.uint8)
split = Split(images, torch.arange(60) % 10)
data = DataSet(split, split, split, dict(name="noise", num_classes=10))
record = train(create_model("two_conv", "spinal", 10, layer_width=8), data, TrainConfig(epochs=1), 0, device="cpu")
print(record.n_steps)
"""
    assert run(code, cwd=tmp_path, env={"PATH": "/usr/bin", "PYTHONPATH": str(tmp_path)}).strip() == "1"
