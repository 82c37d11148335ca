from spinalnet_lib import claims_table, load_bench

STATES = {"untested", "depends", "true", "false", "argued"}


def test_all_claims_are_there_with_a_state_and_evidence():
    table = claims_table(load_bench())
    assert list(table["id"]) == [f"C{i}" for i in range(1, 22)]
    assert set(table["state"]) <= STATES
    assert (table["evidence"].str.len() > 0).all()


def test_counted_evidence_is_counted():
    evidence = claims_table(load_bench()).set_index("id")["evidence"]
    assert "8,480 weights instead of 16,500 (-48.6%)" in evidence["C1"]
    assert "119,808 weights instead of 136,192 (-12.0%)" in evidence["C1"]
    assert "up to layer width 4 only" in evidence["C1"]


def test_measured_evidence_is_the_bench_record():
    row = next(row for row in load_bench() if row["name"] == "head training step, batch 100")
    assert f"{row['ratio']:.2f} times" in claims_table(load_bench()).set_index("id")["evidence"]["C2"]


def test_without_a_bench_record_the_ledger_says_so():
    assert "not timed yet" in claims_table().set_index("id")["evidence"]["C2"]
