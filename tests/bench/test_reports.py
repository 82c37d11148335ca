import json

import pytest

from spinalnet_lib import describe_bench, load_bench, load_bench_report
from spinalnet_lib.bench import reports

ROW = {"name": "a", "peer": "b", "ratio": 1.0, "low": 0.9, "high": 1.1, "pairs": 3}


def test_each_group_has_its_own_provenance_and_the_others_stay(tmp_path):
    path = tmp_path / "deep" / "cpu.json"
    reports.write_group(path, "one", [ROW], figures=[1])
    before = json.loads(path.read_text())
    reports.write_group(path, "two", [ROW, ROW])
    report = json.loads(path.read_text())
    assert report["groups"]["one"] == before["groups"]["one"] and report["figures"] == [1]
    two = report["groups"]["two"]
    assert len(two["rows"]) == 2 and two["date"] and two["machine"] and two["torch"] and len(two["source_sha256"]) == 64
    assert "in turn" in report["method"]


@pytest.mark.parametrize("damage", ["{", "[]", "3", "{}", '{"groups": []}', "[" * 100_000, "\udcff"])
def test_a_damaged_report_is_named(damage, tmp_path):
    path = tmp_path / "cpu.json"
    path.write_text(damage, errors="surrogateescape")
    for use in (reports.read_report, lambda path: reports.write_group(path, "one", [ROW])):
        with pytest.raises(ValueError, match=r"cpu\.json"):
            use(path)
    assert path.read_text(errors="surrogateescape") == damage


@pytest.mark.parametrize("name", ["cpu", "gpu", "builds", "pages"])
def test_committed_reports_hold_rows_of_ratios(name):
    rows = load_bench(name)
    assert rows and all(row["group"] and row["name"] and row["peer"] and row["ratio"] > 0 for row in rows)
    assert all(row["low"] <= row["ratio"] <= row["high"] for row in rows if "low" in row)
    for measured in load_bench_report(name)["groups"].values():
        assert measured["date"] in describe_bench(name) and measured["machine"] in describe_bench(name)


@pytest.mark.parametrize("read", [load_bench, load_bench_report, describe_bench])
def test_an_unknown_report_is_refused_and_the_known_are_named(read):
    with pytest.raises(ValueError, match=r"'nope'.*builds, costs, cpu, gpu, pages"):
        read("nope")


def test_groups_of_several_days_are_told_apart_and_what_was_not_measured_names_its_command(monkeypatch, tmp_path):
    first = {"date": "2026-01-01", "machine": "m", "torch": "2", "rows": [ROW]}
    report = {"method": "", "groups": {"one": first, "two": first, "three": {**first, "date": "2026-01-02"}}}
    with monkeypatch.context() as patch:
        patch.setattr(reports, "load_bench_report", lambda name: report)
        said = describe_bench()
    assert "2026-01-01 (m, torch 2): one, two" in said and "2026-01-02 (m, torch 2): three" in said
    assert said.endswith("3 pairs a row.")
    monkeypatch.setattr(reports, "data_path", lambda *parts: tmp_path / parts[-1])
    assert load_bench("gpu") == [] and "`spinalnet bench --device cuda" in describe_bench("gpu")
    assert load_bench("costs") == [] and "--only costs" in describe_bench("costs")


def test_reports_of_a_folder_are_merged_group_by_group(tmp_path):
    source, into = tmp_path / "source", tmp_path / "into"
    for folder, groups, ratio in ((source, ("b", "c"), 2.0), (into, ("a", "b"), 1.0)):
        folder.mkdir()
        for group in groups:
            reports.write_group(folder / "gpu.json", group, [{"name": group, "ratio": ratio}], figures=[ratio])
    assert reports.merge_reports(source, into) == [into / "gpu.json"]
    merged = reports.read_report(into / "gpu.json")
    assert {group: measured["rows"][0]["ratio"] for group, measured in merged["groups"].items()} == {
        "a": 1,
        "b": 2,
        "c": 2,
    }
    assert merged["figures"] == [2.0] and reports.merge_reports(tmp_path / "none", into) == []
