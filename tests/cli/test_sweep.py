"""The command `sweep` with real processes: cut off by its time limit and ended, and stopped by Ctrl-C."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from spinalnet_lib import load_records
from spinalnet_lib.cli.main import _parser, main
from spinalnet_lib.data import regression
from spinalnet_lib.data.own_sets import write_card
from spinalnet_lib.data.regression import TARGETS
from spinalnet_lib.machine import TimeLimit
from spinalnet_lib.study import setup
from spinalnet_lib.study.cell import Cell
from tests.data.cases import write_classes
from tests.study.cases import LONG_ENOUGH, QUICK


@pytest.fixture
def short_runs(monkeypatch):
    """The study has twenty runs of three steps."""
    cells = [Cell("digits", "pixels", "linear", seed, QUICK) for seed in range(20)]
    monkeypatch.setattr("spinalnet_lib.study.cells.list_cells", lambda *args: cells)


def test_a_sweep_cut_off_by_its_time_limit_ends_with_what_was_left_and_nothing_else(
    short_runs, tmp_path, capsys, monkeypatch
):
    """By the limit's clock a second passes at each look, and there are thirty."""
    command = ["sweep", "published", "--tier", "R", "--out", str(tmp_path), "--engine", "serial", "--device", "cpu"]
    with monkeypatch.context() as patch:
        clock = itertools.count()
        patch.setattr(TimeLimit, "left", property(lambda self: 30.0 - next(clock)))
        patch.setattr(TimeLimit, "is_up", property(lambda self: self.left <= 0))
        assert main([*command, "--time-limit", "30"]) == 0
    done = load_records(tmp_path)
    assert f"{20 - len(done)} runs are left, about" in capsys.readouterr().out and 0 < len(done) < 20
    lines = (tmp_path / "digits.jsonl").read_text()
    assert main(command) == 0
    said = capsys.readouterr().out
    assert f"20 runs, {len(done)} of them in" in said and "0 runs are left" in said
    assert (tmp_path / "digits.jsonl").read_text().startswith(lines)
    assert len({record.key for record in load_records(tmp_path)}) == 20
    assert main([*command, "--time-limit", "1e-9"]) == 0 and "0 runs are left" in capsys.readouterr().out
    assert main([*command, "--time-limit", "1e-9", "--out", str(tmp_path / "more")]) == 0
    said = capsys.readouterr().out
    assert "1e-09 seconds were over before a run could begin" in said and "20 runs are left; none like 20" in said


def test_runs_that_fail_are_said_and_end_the_command_with_an_error(tmp_path, capsys, monkeypatch):
    """A set that is not here, and photographs that the body reads at another size than asked for."""
    write_card(write_classes(tmp_path / "leaves", ["ash", "elm"], 12))
    cells = [Cell(name, "two_conv", "linear", 0, replace(QUICK, batch_size=4)) for name in ("leaves", "kmnist")]
    monkeypatch.setattr("spinalnet_lib.study.cells.list_cells", lambda *args: cells)
    command = ["sweep", "published", "--tier", "R", "--data", str(tmp_path), "--out", str(tmp_path / "runs")]
    for size, failed in (("16", 2), ("28", 1)):
        assert main([*command, "--engine", "serial", "--device", "cpu", "--size", size]) == 2
        said = capsys.readouterr()
        assert "0 runs are left" in said.out and f"sweep: {failed} runs failed" in said.err
        assert "kmnist" in said.err and ("--size 28" in said.err) == (size == "16")
    assert [record.dataset for record in load_records(tmp_path / "runs")] == ["leaves"]


def test_the_limit_of_a_sweep_counts_from_its_start(monkeypatch):
    began, start = [], time.monotonic()
    monkeypatch.setattr("spinalnet_lib.machine.TimeLimit", lambda seconds, began_at: began.append(began_at) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["sweep", "published", "--tier", "R", "--engine", "serial", "--time-limit", "5"])
    assert start <= began[0] <= time.monotonic()


REHEARSAL = ["sweep", "all", "--tier", "R", "--sets", "regression_sum", "--rehearse", "2", "--device", "cpu"]


def _forget_data():
    """As in a process of its own."""
    for cached in (setup._key, setup._load, setup._cut):
        cached.cache_clear()


def test_all_of_the_study_is_made_in_its_order_and_gone_on_with(tmp_path, capsys, monkeypatch):
    """Of one small tier, each run of two steps: cut off before its second step by the clock, ended, and found complete."""
    command = [*REHEARSAL, "--out", str(tmp_path), "--engine", "serial"]
    assert main([*command, "--time-limit", "1e-9"]) == 0
    assert "tuning, tier R: the time is up" in capsys.readouterr().out and not list(tmp_path.rglob("*.jsonl"))
    assert main(command) == 0
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if ", tier R: " in line]
    assert [line.partition(":")[0] for line in lines] == [
        f"{study}, tier R" for study in ("tuning", "study", "published")
    ]
    records = {folder: load_records(tmp_path / folder) for folder in ("tuning", "study", "regression")}
    assert {record.n_steps for found in records.values() for record in found} == {2}
    assert not any(record.test for record in records["tuning"]) and all(record.test for record in records["study"])
    assert {record.head for record in records["study"]} == {"mlp", "spinal", "mlp_matched", "spinal_tied", "linear"}

    path = tmp_path / "study" / "regression_sum.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))  # a run is lost
    assert main(command) == 0
    said = capsys.readouterr().out.splitlines()
    count = len(records["study"])
    assert (
        said[0] == f"study, tier R: {count} runs, {count - 1} of them in {path.parent}" and said[2] == "0 runs are left"
    )
    complete = "complete: tuning, tier R; study, tier R; published, tier R"
    assert said[3:] == [complete]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{complete}\n"
    monkeypatch.setattr(regression, "NOISE", 0.3)  # runs on other data are other runs
    _forget_data()
    assert main([*command, "--time-limit", "1e-9"]) == 0
    _forget_data()
    assert "tuning, tier R: the time is up" in capsys.readouterr().out


def test_sets_that_are_not_here_are_said_and_left_out(tmp_path, capsys, monkeypatch):
    """On a machine without data there are the regressions, which are drawn."""
    from spinalnet_lib.study import order

    kept = [step for step in order.STUDY_ORDER if step.study == "published" or step.tier == "W"]
    monkeypatch.setattr(order, "STUDY_ORDER", kept)
    command = ["sweep", "all", "--rehearse", "2", "--engine", "serial", "--device", "cpu", "--data", str(tmp_path)]
    assert main([*command, "--out", str(tmp_path / "runs")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("without ") and "mnist" in said.splitlines()[0] and "tier W" not in said
    assert {record.dataset for record in load_records(tmp_path / "runs" / "regression")} == {*TARGETS}
    assert main([*command, "--out", str(tmp_path / "runs"), "--tier", "C"]) == 2
    assert "tier C" in capsys.readouterr().err


def test_a_step_whose_search_is_incomplete_waits(tmp_path, capsys, monkeypatch):
    from spinalnet_lib.study import order

    monkeypatch.setattr(order, "STUDY_ORDER", [step for step in order.STUDY_ORDER if step.study != "tuning"])
    assert main([*REHEARSAL, "--out", str(tmp_path), "--engine", "serial"]) == 0
    said = capsys.readouterr().out
    assert "study, tier R: not yet, the search for" in said and "published, tier R: " in said
    assert [path.name for path in tmp_path.iterdir()] == ["regression"]


def test_while_the_primary_cells_wait_searches_go_on_and_no_test_set_is_read(tmp_path, capsys, monkeypatch):
    from spinalnet_lib.study import order

    waits, search, published = (
        order.Step("study", "R", "primary"),
        order.Step("tuning", "R"),
        order.Step("published", "R"),
    )
    monkeypatch.setattr(order, "STUDY_ORDER", [waits, search, published])
    command = [*REHEARSAL, "--out", str(tmp_path), "--engine", "serial"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "study, tier R, primary: not yet" in said and "wait for it" in said and "published, tier R" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["tuning"]
    assert main(command) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"tuning", "study", "regression"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["all", "--part", "primary"], "--part"),
        (["all", "--tuning", "x"], "--tuning"),
        (["all", "--rehearse", "0"], "rehearse.*0"),
        (["all", "--tier", "G", "--device", "cpu"], "'G'"),
        (["all", "--tier", "R", "--sets", "mnist", "--device", "cpu"], "tier R.*mnist"),
        (["all", "--tier", "R", "--sets", "mnits", "--device", "cpu"], "mnits"),
        (["study", "--tier", "R", "--rehearse", "3"], "--rehearse.*'study'"),
        (["study", "--tier", "R", "--part", "x"], "'x'"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments, says, capsys, tmp_path):
    assert main(["sweep", *arguments, "--engine", "serial", "--out", str(tmp_path)]) == 2
    assert re.search(says, capsys.readouterr().err)


def test_make_study_calls_the_command(root):
    """As `make` would: at the lowest priority, with what LIMIT and WORKERS say."""
    for given, expected in ((["LIMIT=60", "WORKERS=2"], (2, 60.0)), ([], (1, None))):
        said = subprocess.run(["make", "-n", "study", *given], cwd=root, capture_output=True, text=True).stdout
        [line] = [line for line in said.splitlines() if "spinalnet sweep " in line]
        priority, _, command = line.partition("spinalnet sweep ")
        args = _parser().parse_args(["sweep", *command.split()])
        assert priority.startswith("nice -n 19 ") and (args.workers, args.time_limit) == expected
        assert (args.study, args.out, args.threads) == ("all", "data/results", 1)


@pytest.mark.processes
def test_all_of_the_study_runs_in_processes(tmp_path):
    assert main([*REHEARSAL, "--out", str(tmp_path), "--workers", "2"]) == 0
    assert {path.parent.name for path in tmp_path.rglob("*.jsonl")} == {"tuning", "study", "regression"}


@pytest.mark.processes
def test_ctrl_c_ends_the_command_with_a_word_and_whole_records(tmp_path):
    command = [sys.executable, "-m", "spinalnet_lib", "sweep", "published", "--tier", "R", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [*command, "--device", "cpu"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    until = time.monotonic() + LONG_ENOUGH
    while not (tmp_path / "regression_sum.jsonl").exists() and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, errors = process.communicate(timeout=LONG_ENOUGH)
    assert process.returncode == 130 and " runs, 0 of them" in out
    assert errors == "spinalnet sweep: stopped; finished runs are on disk, start it again to go on\n"
    assert load_records(tmp_path / "regression_sum.jsonl")
