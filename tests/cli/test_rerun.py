"""Runs made again by the command; among them three committed ones, others with each commit."""

import dataclasses
import hashlib
import subprocess

import pytest

from spinalnet_lib import append_record, load_records
from spinalnet_lib.cli.main import main
from spinalnet_lib.data.regression import TARGETS
from spinalnet_lib.machine import cpu_model
from spinalnet_lib.records.files import own_records

AMONG = 3
# On another CPU 160 steps at the published rate amplify rounding: to 5 % of a squared error in twelve runs tried.
ELSEWHERE = 0.1


def chosen(root):
    """Committed runs of the cheapest tier, by the commit's hash; without git by that of the records."""
    records = [r for r in own_records() if r.dataset in TARGETS and r.device == "cpu"]
    keys = sorted({record.key for record in records})
    git = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    start = git.stdout.strip() if git.returncode == 0 else hashlib.sha256("".join(keys).encode()).hexdigest()
    return sorted(keys, key=lambda key: hashlib.sha256((start + key).encode()).digest())[:AMONG]


@pytest.mark.processes
@pytest.mark.reruns
@pytest.mark.parametrize("place", range(AMONG))
def test_committed_runs_are_the_same_when_made_again(place, root, capsys):
    code = main(["rerun", chosen(root)[place], "--tolerance", str(ELSEWHERE)])
    said = capsys.readouterr()
    with capsys.disabled():
        print(f"\n{said.out}{said.err}", end="")
    assert code == 0 and "compared" in said.out


def test_what_was_checked_is_printed_and_the_code_says_whether_it_is_the_same(record, tmp_path, capsys):
    here, changed, elsewhere = (tmp_path / f"{name}.jsonl" for name in ("here", "changed", "elsewhere"))
    append_record(here, record)
    append_record(changed, dataclasses.replace(record, diverged=True))
    append_record(elsewhere, dataclasses.replace(record, device_name="x86_64"))
    assert main(["rerun", record.key[:12], str(here)]) == 0
    assert "bit for bit" in capsys.readouterr().out
    assert main(["rerun", record.key, str(changed)]) == 1
    assert "diverged" in capsys.readouterr().out
    assert main(["rerun", record.key, str(elsewhere)]) == 0
    said = capsys.readouterr().out
    assert "first evaluation" in said and "'x86_64'" in said and cpu_model() in said


def test_what_cannot_be_made_again_is_said_in_a_line(record, tmp_path, capsys):
    path = tmp_path / "runs.jsonl"
    append_record(path, dataclasses.replace(record, device="cuda", device_name="A100", key="1" * 64))
    (now,) = [
        r
        for r in load_records("first_training")
        if r.dataset == "mnist_5k" and r.arm == "mlp, dropout 0.5" and not r.seed
    ]
    append_record(path, dataclasses.replace(now, numerics_version=1, key="2" * 64))
    cases = {("1" * 9, str(path)): "A100", ("no key",): "'no key'"}
    cases["2" * 9, str(path)] = "numbers of version 1"
    for arguments, says in cases.items():
        assert main(["rerun", *arguments]) == 2
        error = capsys.readouterr().err
        assert says in error and error.count("\n") == 1
