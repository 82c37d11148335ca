import json
import time

import pytest

from spinalnet_lib import bench, describe_bench, load_bench


def test_a_slower_function_has_a_ratio_above_one():
    row = bench.compare_times("slow", "fast", lambda: time.sleep(0.006), lambda: time.sleep(0.002), pairs=5)
    assert 1.8 < row["ratio"] < 4 and row["low"] <= row["ratio"] <= row["high"]


def test_report_is_written_whole_with_its_method(tmp_path, monkeypatch, capsys):
    rows = [{"name": "a", "peer": "b", "ratio": 1.0, "low": 0.9, "high": 1.1, "pairs": 3}]
    monkeypatch.setattr(bench, "_head_rows", lambda: rows)
    monkeypatch.setattr(bench, "_large_rows", lambda: [])
    monkeypatch.setattr(bench, "_compiled_rows", lambda: [])
    monkeypatch.setattr(bench, "_augmentation_rows", lambda: [])
    monkeypatch.setattr(bench, "_cnn_row", lambda: rows[0])
    monkeypatch.setattr(bench, "_import_row", lambda: rows[0])
    bench.run_bench(str(tmp_path / "deep" / "cpu.json"))
    report = json.loads((tmp_path / "deep" / "cpu.json").read_text())
    assert len(report["rows"]) == 3 and "in turn" in report["method"] and report["torch"] and report["date"]
    assert "0.90 to 1.10" in capsys.readouterr().out


def test_committed_report_has_the_rows_the_book_reads():
    names = [row["name"] for row in load_bench()]
    assert "head training step, batch 100" in names and "head evaluation, batch 1" in names
    assert load_bench("no_such_machine") == []
    assert "2 cores" in describe_bench() and "40 pairs" in describe_bench()
    assert "2 cores" in describe_bench("builds")
    assert describe_bench("no_such_machine") == "Not measured yet."


def test_the_measured_steps_train_and_evaluate():
    head = bench.create_head("spinal", 8, 10, layer_width=4)
    before = [p.clone() for p in head.parameters()]
    bench._training_step(head, 5, 8)()
    assert any((a != b).any() for a, b in zip(before, head.parameters(), strict=True))
    bench._evaluation(head, 1, 8)()
    assert not head.training


@pytest.mark.parametrize("name", ["_head_rows", "_cnn_row"])
def test_rows_run(name, monkeypatch):
    monkeypatch.setattr(bench, "PAIRS", 2)
    monkeypatch.setattr(bench, "compare_times", lambda name, peer, ours, theirs, **pairs: (ours(), theirs(), name)[-1])
    assert getattr(bench, name)()
