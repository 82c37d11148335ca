"""The self-test passes here, in an environment of torch and numpy alone, and fails where something is wrong."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from spinalnet_lib import Augmentation
from spinalnet_lib.bench import selftest
from spinalnet_lib.heads.spinal import SpinalHead
from spinalnet_lib.study.tiers import TIERS

CPU = torch.device("cpu")


def test_each_kind_of_check_passes_on_this_cpu(capsys, monkeypatch):
    kept = ("head spinal equals", "warp", "goes on", "tuned recipe", "two_conv", "quick", "regressions", "stacked")
    monkeypatch.setattr(selftest, "STEPS", 3)
    every = list(selftest._checks(CPU))
    monkeypatch.setattr(selftest, "_checks", lambda device: [c for c in every if any(word in c[0] for word in kept)])
    assert selftest.selftest("cpu") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 10 and all(line.startswith("ok") for line in lines[1:-1])


def test_every_head_recipe_and_body_is_among_the_checks():
    names = {part for name, _ in selftest._checks(CPU) for part in (name, name.partition(" + ")[0])}
    wanted = {f"head {head} equals its reference" for head in selftest.list_heads()}
    wanted |= {f"published recipe, {body} + {head}" for body, head in selftest.list_paper_heads()}
    wanted |= {f"tier {t}, {body}" for t in "GHT" for body in TIERS[t].backbones(TIERS[t].datasets[0])}
    assert names >= wanted | {"quick recipe", "recipe of the regressions", "stacked recipe", "redraws, vgg5"}


def test_a_body_whose_packages_are_missing_is_left_out_and_said(monkeypatch):
    monkeypatch.setattr(selftest.importlib.util, "find_spec", lambda name: None)
    (check,) = (check for name, check in selftest._checks(CPU) if name.startswith("tier T, efficientnet_lite0"))
    assert check() == ("left out, as its packages are not installed", True)


def test_a_batch_that_is_warped_otherwise_than_its_images_is_found(monkeypatch):
    assert selftest._warp_equals_cpu(CPU)[1]
    right = Augmentation._apply
    wrong = lambda self, images, warps: right(self, images, warps) * (1 + 0.01 * (len(images) > 1))  # noqa: E731
    monkeypatch.setattr(Augmentation, "_apply", wrong)
    assert not selftest._warp_equals_cpu(CPU)[1]


def test_a_wrong_head_is_found(monkeypatch):
    assert selftest._head_equals_reference("spinal", CPU)[1]
    right = SpinalHead.hidden
    wrong = lambda self, x: right(self, x) * (1.01 if x.dtype == torch.float32 else 1)  # noqa: E731
    monkeypatch.setattr(SpinalHead, "hidden", wrong)
    assert not selftest._head_equals_reference("spinal", CPU)[1]


def test_failures_and_errors_are_counted_and_the_rest_goes_on(capsys, monkeypatch):
    checks = [("one", lambda: 1 / 0), ("two", lambda: ("fine", True)), ("three", lambda: ("off", False))]
    monkeypatch.setattr(selftest, "_checks", lambda device: checks)
    assert selftest.selftest("cpu") == 2
    assert re.findall("FAILED one: ZeroDivisionError|ok *two|FAILED three", capsys.readouterr().out)[2:]


@pytest.fixture(scope="module")
def bare(tmp_path_factory, root):
    """A folder of the source and packed data, and one of the packages that torch and numpy declare, nothing else."""
    bare = tmp_path_factory.mktemp("bare")
    shutil.copytree(root / "spinalnet_lib", bare / "spinalnet_lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root / "data" / "cards", bare / "data" / "cards")
    packages, wanted = bare / "packages", ["torch", "numpy"]
    packages.mkdir()
    for name in wanted:  # which grows
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # of another platform
            continue
        for top in {Path(file).parts[0] for file in distribution.files if not str(file).startswith("..")}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(distribution.locate_file(top)).resolve())
        needs = [re.match(r"[\w.-]+", need)[0] for need in distribution.requires or () if "extra ==" not in need]
        wanted += [need for need in needs if need not in wanted]
    assert not (packages / "PIL").exists() and not (packages / "tqdm").exists()
    return bare


def run(bare, code, check=True):
    """Python without site packages but those of the folder."""
    paths = f"import sys; sys.path[:0] = {[str(bare), str(bare / 'packages')]!r}; "
    home = {"HOME": str(bare), "SPINALNET_DATA": str(bare / "data" / "cache")}
    env = {"PATH": os.defpath, "OMP_NUM_THREADS": "1", **home}
    command = [sys.executable, "-I", "-S", "-c", paths + code]
    return subprocess.run(command, cwd=bare, env=env, capture_output=True, text=True, check=check)


def call(bare, *arguments, **options):
    return run(bare, f"from spinalnet_lib.cli.main import main; sys.exit(main({list(arguments)!r}))", **options)


def write_images(folder, count=120):
    """Grey images with a card."""
    folder.mkdir(parents=True)
    for part in ("train", "test"):
        np.save(folder / f"{part}_images.npy", np.random.default_rng(0).integers(256, size=(count, 28, 28), dtype="u1"))
        np.save(folder / f"{part}_labels.npy", np.arange(count, dtype="u1") % 10)
    card = {"kind": "arrays", "num_classes": 10, "splits": {"train": count, "test": count}, "shape": [1, 28, 28]}
    (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.processes
def test_train_and_sweep_run_with_torch_and_numpy_alone(bare):
    assert run(bare, "import PIL", check=False).returncode == 1  # the isolation is one
    write_images(bare / "data" / "cache" / "glyphs")
    trained = call(bare, "train", "--data", "glyphs", "--epochs", "1", "--out", "runs.jsonl")
    assert "seed 0: validation error" in trained.stdout
    swept = call(bare, "sweep", "tuning", "--tier", "C", "--sets", "glyphs", "--time-limit", "10", "--engine", "serial")
    assert " runs, 0 of them" in swept.stdout and "runs are left" in swept.stdout
    assert "tuning" in call(bare, "sweep", "--help").stdout


@pytest.mark.processes
def test_the_self_test_starts_with_torch_and_numpy_alone(bare):
    if not torch.cuda.is_available():
        refused = call(bare, "selftest", "--device", "cuda", check=False)
        assert refused.returncode == 2 and "device 'cuda' cannot be used" in refused.stderr
    code = "import spinalnet_lib.bench.selftest as s; print([c[1]() for c in s._checks(s.pick_device('cpu')) if 'tuned' in c[0]])"
    assert run(bare, code).stdout.count("True") == 2


@pytest.mark.full
def test_the_whole_self_test_with_torch_and_numpy_alone(bare):
    assert "all good" in call(bare, "selftest", "--device", "cpu").stdout
