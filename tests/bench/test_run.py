import json

import pytest

from spinalnet_lib.bench import run


def _rows(name="a"):
    yield {"name": name, "peer": "b", "ratio": 1.0, "low": 0.9, "high": 1.1, "pairs": 3}


@pytest.fixture(autouse=True)
def groups(monkeypatch):
    groups = {"one": (_rows, lambda: _rows("c")), "two": (_rows,)}
    monkeypatch.setattr(run, "GROUPS", {"cpu": groups, "cuda": {}})
    return groups


def names(path):
    groups = json.loads(path.read_text())["groups"]
    return {group: [row["name"] for row in measured["rows"]] for group, measured in groups.items()}


def test_all_groups_are_printed_and_written(tmp_path, capsys):
    rows = run.run_benchmarks("cpu", tmp_path / "deep")
    assert [row["group"] for row in rows] == ["one", "one", "two"]
    assert names(tmp_path / "deep" / "cpu.json") == {"one": ["a", "c"], "two": ["a"]}
    assert "0.90 to 1.10" in capsys.readouterr().out


def test_one_group_measured_anew_leaves_the_others(tmp_path, groups):
    run.run_benchmarks("cpu", tmp_path)
    groups["two"] = (lambda: _rows("new"),)
    assert len(run.run_benchmarks(out=tmp_path, only=["two"])) == 1
    assert names(tmp_path / "cpu.json") == {"one": ["a", "c"], "two": ["new"]}


def test_what_was_measured_before_a_failure_is_kept(tmp_path, groups):
    groups["two"] = (lambda: iter([1 / 0]),)
    with pytest.raises(ZeroDivisionError):
        run.run_benchmarks("cpu", tmp_path)
    assert names(tmp_path / "cpu.json") == {"one": ["a", "c"]}


def test_an_unknown_group_or_a_damaged_report_is_said_before_anything_is_measured(tmp_path, groups, capsys):
    groups["one"] = (lambda: pytest.fail("measured in vain"),)
    with pytest.raises(ValueError, match=r"'three'.*one, two"):
        run.run_benchmarks(only=["three"])
    (tmp_path / "cpu.json").write_text("{")
    with pytest.raises(ValueError, match=r"cpu\.json"):
        run.run_benchmarks("cpu", tmp_path)


def test_costs_have_a_report_of_their_own(tmp_path, groups):
    groups["costs"] = (lambda: _rows("dear"),)
    run.run_benchmarks("cpu", tmp_path)
    assert names(tmp_path / "costs.json") == {"costs": ["dear"]} and "costs" not in names(tmp_path / "cpu.json")
    (tmp_path / "cpu.json").write_text("{")  # which nobody asks for
    run.run_benchmarks("cpu", tmp_path, only=["costs"])
