import json
import subprocess
import sys
from pathlib import Path

import pytest

import spinalnet_lib
from spinalnet_lib.checks import how_to_install
from spinalnet_lib.data import publishers
from spinalnet_lib.data.own_sets import write_card
from tests.data.cases import write_classes

HEAVY = ["torchvision", "matplotlib", "pandas", "scipy", "sklearn", "mlxtend", "anywidget", "ipywidgets", "seaborn"]


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
def test_a_system_without_locks_and_memory_counts_can_read_the_book():
    """Windows has no `fcntl` and no `resource`: records, cards, sets and heads do without."""
    code = """
import sys
sys.modules["fcntl"] = sys.modules["resource"] = None
import torch
from spinalnet_lib import SpinalHead, card_html, load_dataset, load_records
print(len(load_records("first_training")), len(load_dataset("digits").val))
print(tuple(SpinalHead(8, 3, layer_width=4)(torch.zeros(2, 8)).shape), "<table" in card_html("digits"))
"""
    assert run(code).split("\n")[:2] == ["80 239", "(2, 3) True"]


def _look_at_photographs(folder: Path) -> None:
    spinalnet_lib.load_dataset("leaves", folder).train.images[0]


MISSING = [  # a package, the extra that brings it, and what needs it
    ("pandas", "book", lambda _: spinalnet_lib.records_frame([])),
    ("pandas", "book", lambda _: spinalnet_lib.claims_table()),
    ("scipy", "book", lambda _: spinalnet_lib.mean_interval([1.0, 2.0])),
    ("IPython", "book", lambda _: spinalnet_lib.show_card("digits")),
    ("matplotlib", "book", lambda _: spinalnet_lib.show_card("digits")),
    ("seaborn", "book", lambda _: spinalnet_lib.plot_needle),
    ("anywidget", "book", lambda _: spinalnet_lib.ErrorCurves),
    ("sklearn", "data", lambda _: spinalnet_lib.load_dataset("digits")),
    ("mlxtend", "data", lambda _: publishers._mnist_5k.cache_clear() or spinalnet_lib.load_dataset("mnist_5k")),
    ("PIL", "data", _look_at_photographs),
    ("tqdm", "data", _look_at_photographs),
    ("torchvision", "data", lambda _: spinalnet_lib.create_extractor("torchvision:resnet18")),
    ("torchvision", "data", lambda folder: spinalnet_lib.load_dataset("kmnist", folder, download=True)),
    ("efficientnet_lite_pytorch", "features", lambda _: spinalnet_lib.create_extractor("efficientnet_lite0")),
    ("timm", "timm", lambda _: spinalnet_lib.create_extractor("timm:resnet18")),
]


@pytest.mark.parametrize(("package", "extra", "use"), MISSING)
def test_what_needs_more_packages_says_how_to_install_them(package, extra, use, monkeypatch, tmp_path):
    if use is _look_at_photographs:
        write_card(write_classes(tmp_path / "leaves", ["ash", "elm"], 6))
    for name in [*sys.modules, package]:
        if f"{name}.".startswith(f"{package}."):
            monkeypatch.setitem(sys.modules, name, None)
        if name.startswith(("spinalnet_lib.show.", "spinalnet_lib.widgets.")):  # they import it at their top
            monkeypatch.delitem(sys.modules, name)
    for name in ("plot_needle", "ErrorCurves"):
        monkeypatch.delitem(vars(spinalnet_lib), name, raising=False)
    with pytest.raises(ModuleNotFoundError, match=package) as caught:
        use(tmp_path)
    assert how_to_install(extra) in str(caught.value)


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
