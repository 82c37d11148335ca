from spinalnet_lib.bench import measure


def test_a_ratio_is_our_time_over_theirs_pair_by_pair(monkeypatch):
    clock = iter(range(10_000))
    ours, theirs = (lambda: next(clock), lambda: None)  # ours takes one tick more than the clock's own reading
    monkeypatch.setattr(measure.time, "perf_counter", lambda: next(clock))
    row = measure.compare_times("slow", "fast", ours, theirs, pairs=5)
    assert (row["ratio"], row["low"], row["high"], row["pairs"]) == (2, 2, 2, 5)


def test_short_calls_are_repeated():
    calls = []
    measure.compare_times("a", "b", lambda: calls.append("a"), lambda: calls.append("b"), pairs=2)
    assert calls.count("a") > 10 and calls.count("b") == calls.count("a") + 3


def test_a_row_tells_the_median_and_the_spread():
    row = measure.ratio_row("a", "b", [1.0, 3.0, 2.0])
    assert (row["ratio"], row["low"], row["high"], row["pairs"]) == (2.0, 1.2, 2.8, 3)
    assert measure.ratio_row("a", "b", [0.5])["low"] == 0.5 and "promised" not in row
    assert measure.ratio_row("a", "b", [0.5], promised=1 / 3)["promised"] == 0.3333
