"""What further minutes decide: steps and comparisons by the window in which their last run ends."""

from spinalnet_lib.study.comparisons import COMPARISONS
from spinalnet_lib.study.next_minutes import next_decisions
from spinalnet_lib.study.order import STUDY_ORDER

ON_A_GPU = [step for step in STUDY_ORDER if step.tier in ("G", "H", "T")]


def rows(minutes, steps=ON_A_GPU):
    return [{"name": step.name, "missing": 1, "minutes": each} for step, each in zip(steps, minutes, strict=False)]


def test_every_comparison_of_a_gpu_is_decided_once():
    found = next_decisions(rows([1.0] * len(ON_A_GPU)))
    decided = [name for row in found for name in row["decides"]]
    assert sorted(decided) == sorted(each.name for each in COMPARISONS if each.tier in ("G", "H", "T"))
    assert [name for row in found for name in row["ends"]] == [step.name for step in ON_A_GPU]


def test_windows_end_where_steps_end_and_unknown_times_come_last():
    found = next_decisions(rows([4, 6, 15, None, 1]))
    assert [(row["minutes"], len(row["ends"])) for row in found] == [(10, 2), (30, 1), (None, 2)]
    done = [row | {"missing": 0} for row in rows([4, 6])]
    assert next_decisions(done) == []
