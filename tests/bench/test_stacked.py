from spinalnet_lib.bench import stacked


def test_a_row_is_whole_runs_both_ways(monkeypatch):
    monkeypatch.setattr(stacked, "SEEDS", 2)
    monkeypatch.setattr(stacked, "_SHAPES", (("spinal", 12, {"layer_width": 4}, 3, 5),))
    (row,) = stacked.stacked_rows(pairs=1)
    assert row["name"] == "2 seeds stacked: spinal of width 4 on 12 features"
    assert row["ratio"] > 0 and row["promised"] == 0.2
