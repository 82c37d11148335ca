"""The command `gpu`: without a GPU what it would run; the same steps rehearsed on a CPU, with a tier of seconds."""

import itertools
import json
import re
import subprocess
from dataclasses import replace

import pytest
import torch

from spinalnet_lib import load_records
from spinalnet_lib.bench import run as bench
from spinalnet_lib.bench import selftest
from spinalnet_lib.cli.main import _parser, main
from spinalnet_lib.study import next_minutes, order, tiers
from spinalnet_lib.study.comparisons import COMPARISONS
from spinalnet_lib.study.order import Step
from tests.data.cases import unwritable


@pytest.fixture
def small(monkeypatch):
    """The plan of a GPU is that of tier R, whose runs take milliseconds. Of the selftest its first checks."""
    steps = (Step("tuning", "R"), Step("study", "R"))
    monkeypatch.setitem(tiers.TIERS, "R", replace(tiers.TIERS["R"], device="cuda"))
    monkeypatch.setattr(tiers, "choose_sets", lambda *asked: ({"R": ["regression_sum"]}, []))
    for module in (order, next_minutes):
        monkeypatch.setattr(module, "STUDY_ORDER", steps)
    checks = selftest._checks
    monkeypatch.setattr(selftest, "_checks", lambda device: itertools.islice(checks(device), 2))


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_without_a_gpu_it_says_so_and_what_it_would_run(tmp_path, capsys, small):
    assert main(["gpu", "--out", str(tmp_path / "runs")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("no GPU is here") and "tuning, tier R" in said and "study, tier R" in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="its records would be a GPU's")
def test_its_runs_are_rehearsed_on_a_cpu_and_merge(tmp_path, capsys, small):
    runs, into = tmp_path / "runs", tmp_path / "results"
    into.mkdir()
    command = ["gpu", "--rehearse", "2", "--out", str(runs)]
    assert main([*command, "--minutes", "1e-9"]) == 0
    assert "tuning, tier R: the time is up" in capsys.readouterr().out and not [*runs.rglob("*.jsonl")]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "ok " in said and "bench: its rows of a GPU need one" in said and "0 runs are left" in said
    records = {folder: load_records(runs / folder) for folder in ("tuning", "study")}
    assert {record.n_steps for found in records.values() for record in found} == {2}
    assert main(command) == 0
    assert "complete: tuning, tier R; study, tier R" in capsys.readouterr().out
    assert main(["records", "merge", str(runs), "--into", str(into)]) == 0
    assert {folder: load_records(into / folder) for folder in records} == records


def test_a_failed_selftest_ends_it(tmp_path, capsys, small, monkeypatch):
    monkeypatch.setattr(selftest, "_checks", lambda device: [("two is three", lambda: ("2", False))])
    assert main(["gpu", "--rehearse", "2", "--out", str(tmp_path)]) == 2
    assert "1 checks of the selftest failed" in capsys.readouterr().err and not [*tmp_path.rglob("*.jsonl")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--minutes", "0"], "0"), (["--minutes", "nan"], "nan"), (["--rehearse", "0"], "rehearse.*0"), ([], "gpu.json")],
)
def test_what_cannot_be_is_said_before_the_work(arguments, says, tmp_path, capsys, small):
    command = ["gpu", "--rehearse", "2", "--out", str(unwritable(tmp_path)), *arguments]
    assert main(command) == 2
    said = capsys.readouterr()
    assert re.search(says, said.err) and not said.out


def test_the_rows_of_a_gpu_are_measured_once_for_a_source(tmp_path, capsys, monkeypatch):
    from spinalnet_lib.cli import gpu
    from spinalnet_lib.machine import TimeLimit

    rows = [{"name": "a", "peer": "b", "ratio": 1.0, "low": 0.9, "high": 1.1, "pairs": 3}]
    lost = lambda: (_ for _ in ()).throw(FileNotFoundError("mnist is not here"))  # noqa: E731
    monkeypatch.setattr(bench, "GROUPS", {"cuda": {"one": (lambda: rows,), "two": (lost,)}})
    monkeypatch.setattr(bench, "pick_device", lambda device: torch.device(device))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    gpu._measure("cuda", tmp_path, TimeLimit(None))
    assert "two: not measured, mnist is not here" in capsys.readouterr().out
    gpu._measure("cuda", tmp_path, TimeLimit(None))
    assert "one is measured already" in capsys.readouterr().out
    gpu._measure("cuda", tmp_path, TimeLimit(1e-9))
    assert "two: the time is up" in capsys.readouterr().out


def test_study_steps_wait_for_the_power_of_all_that_they_decide(tmp_path, monkeypatch):
    from spinalnet_lib.cli import gpu

    sets = {"G": ["fashion_mnist", "mnist"], "H": ["cifar10"]}
    args = _parser().parse_args(["gpu", "--out", str(tmp_path)])
    gpu._write_power(Step("tuning", "G"), args, sets)
    told = {each.name: {} for each in COMPARISONS if each.name.startswith(("G fashion_mnist", "H vgg16"))}
    assert len(told) == 4
    monkeypatch.setattr("spinalnet_lib.study.gate.power_of_plan", lambda records: told)
    for step in (Step("study", "G", None, ("mnist",)), Step("study", "H")):
        with pytest.raises(ValueError, match=f"power of {step.tier} .* cannot be told"):
            gpu._write_power(step, args, sets)
    assert not (tmp_path / "power.json").exists()
    gpu._write_power(Step("study", "G", None, ("fashion_mnist",)), args, sets)
    assert json.loads((tmp_path / "power.json").read_text()) == told


def test_make_gpu_calls_the_command(root):
    for given, minutes in ((["MINUTES=20"], 20.0), ([], 10.0)):
        said = subprocess.run(["make", "-n", "gpu", *given], cwd=root, capture_output=True, text=True).stdout
        [line] = [line for line in said.splitlines() if "spinalnet gpu " in line]
        args = _parser().parse_args(["gpu", *line.partition("spinalnet gpu ")[2].split()])
        assert (args.minutes, args.out) == (minutes, "gpu_runs")
