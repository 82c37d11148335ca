from spinalnet_lib import claims_table, load_bench


def test_all_claims_have_a_state_and_evidence_which_is_counted_where_it_can_be():
    table = claims_table(load_bench()).set_index("id")
    assert list(table.index) == [f"C{i}" for i in range(1, 22)]
    assert set(table["state"]) <= {"untested", "depends", "true", "false", "argued"}
    evidence = table["evidence"]
    assert all(evidence) and "not timed yet" in claims_table().set_index("id")["evidence"]["C2"]
    assert "8,480 weights instead of 16,500 (-48.6%)" in evidence["C1"]
    assert "119,808 weights instead of 136,192 (-12.0%)" in evidence["C1"]
    assert "up to layer width 4 only" in evidence["C1"]


def row(name, ratio, low, high, peer="dense head of VGG-5"):
    return {"group": "heads", "name": name, "peer": peer, "ratio": ratio, "low": low, "high": high}


def test_measured_evidence_is_read_from_the_rows():
    rows = [
        row("head training step, batch 100", 1.9, 1.8, 2.0),
        row("compiled head, evaluation, batch 100, cpu", 0.9, 0.8, 0.95, "dense head of VGG-5, compiled"),
        row("fused head, evaluation, batch 100", 1.0, 0.9, 1.1),
        row("head training step, batch 1000", 3.0, 2.0, 4.0),
        row("two_conv + spinal, training step, batch 100", 5.0, 4.0, 6.0, "the plain step"),
    ]
    evidence = claims_table(rows).set_index("id")["evidence"]["C2"]
    assert "batch 100, against dense head of VGG-5: more time, 1.90 times (1.80 to 2.00)" in evidence
    assert "less time, 0.90 times (0.80 to 0.95)" in evidence
    assert "no clear difference, 1.00 times (0.90 to 1.10)" in evidence
    assert "3.00" not in evidence and "5.00" not in evidence
