"""What a sweep does with a cell: claims it, has time for it or not, writes down that it failed."""

from dataclasses import replace

import pytest

from spinalnet_lib.machine import TimeLimit
from spinalnet_lib.records.files import append_record
from spinalnet_lib.study import setup as study_setup
from spinalnet_lib.study.jobs import failures_in, grouped, predicted_seconds, predicted_times
from spinalnet_lib.study.sweep import sweep
from tests.study.cases import QUICK, OneStep, cells, job, load_sweep


def claimed(a_job, **options):
    """The first cells that a job claims, and lets go again."""
    for claim in a_job.claims(**options):
        with claim.held:
            return claim.missing
    return []


class Left(TimeLimit):
    """A limit whose clock stands."""

    def __init__(self, left):
        self.fixed = left

    left = property(lambda self: self.fixed)
    is_up = property(lambda self: self.fixed <= 0)


def test_what_cannot_be_saved_is_begun_only_if_it_would_end_in_time(record, tmp_path):
    """19 seconds are left; runs like it took 5 seconds for 20 steps."""
    like_it = {"dataset": "digits", "model": {**record.model, "head": "mlp"}, "curve": [{**record.last, "step": 20}]}
    known = replace(record, **like_it, recipe={**record.recipe, "batch_size": 100}, seconds=5.0)
    append_record(tmp_path / "long.jsonl", known)

    def is_begun(steps, can_be_saved=False, left=19.0):
        todo = cells([1], replace(QUICK, steps=steps), ["mlp"])
        return claimed(job([todo], tmp_path, Left(left)), can_be_saved=can_be_saved) == todo

    assert is_begun(20) and is_begun(70)
    assert not is_begun(90)  # 22.5 seconds
    assert is_begun(90, can_be_saved=True)
    assert not is_begun(20, can_be_saved=True, left=0.0)


@pytest.mark.parametrize("damage", ["[]", "3", '{"key": []}', "[" * 100_000, '{"ke', "\0"])
def test_lines_that_are_no_failures_are_left_out_and_their_file_is_named(damage, tmp_path):
    (cell,) = todo = cells([0], heads=["mlp"])
    now = job([todo], tmp_path)
    now.failures.add("a key", cell, "RuntimeError: out of memory")
    with (tmp_path / "failed.jsonl").open("a") as file:
        file.write(damage + "\n")
    with pytest.warns(UserWarning, match=r"failed\.jsonl"):
        assert now.failures.new_keys() == {"a key"}
    with pytest.warns(UserWarning, match=r"failed\.jsonl"):
        assert [failure["key"] for failure in failures_in(tmp_path)] == ["a key"]


def test_a_stack_is_claimed_whole_or_not_at_all(tmp_path):
    todo = cells(range(4), replace(QUICK, stacked=True), heads=["mlp"])
    for claim in job([todo[1:]], tmp_path).claims():
        with claim.held:
            assert claim.cells == todo[1:]
            assert claimed(job([todo], tmp_path)) == []
    assert claimed(job([todo], tmp_path)) == todo  # nothing is held any more


def test_a_stack_killed_between_two_of_its_records_goes_on_as_the_stack_it_was(tmp_path, monkeypatch):
    todo = cells(range(3), replace(QUICK, stacked=True), heads=["spinal"])
    assert sweep(todo, tmp_path / "whole") == []
    whole = load_sweep(tmp_path / "whole")
    cut = job([todo], tmp_path / "cut", OneStep())
    for claim in cut.claims():
        with claim.held:
            cut.setup.run(claim.cells, claim.checkpoint, cut.limit)  # saved after a step
    append_record(tmp_path / "cut" / "digits.jsonl", whole[0])
    members, take = [], study_setup.train_stacked
    monkeypatch.setattr(
        study_setup,
        "train_stacked",
        lambda data, them, *a, **k: (members.append(len(them)), take(data, them, *a, **k))[1],
    )
    assert sweep(todo, tmp_path / "cut") == []
    assert members == [3]  # from where it was saved, with all that was saved
    assert [(r.key, r.curve) for r in load_sweep(tmp_path / "cut")] == [(r.key, r.curve) for r in whole]
    assert not list(tmp_path.rglob("*.npz"))


def test_stacks_have_sixteen_members_of_one_kind_at_most():
    recipe = replace(QUICK, stacked=True)
    groups = grouped(cells(range(20), recipe))
    assert [len(group) for group in groups] == [16, 16, 4, 4]
    assert all(len({cell.head for cell in group}) == 1 for group in groups)
    assert [len(group) for group in grouped(cells(range(3)))] == [1] * 6
    sizes = [replace(cell, size=size) for size in (16, 32) for cell in cells([0], recipe, ["mlp"])]
    assert [len(group) for group in grouped(sizes)] == [1, 1]


def test_times_are_predicted_from_the_runs_most_like_it(tmp_path):
    assert predicted_seconds(cells()[0], []) is None and predicted_times(cells(), []) == [None] * 6
    sweep(cells(seeds=[0]), tmp_path)
    records = [replace(record, seconds=1.0 + (record.head == "mlp")) for record in load_sweep(tmp_path)]
    assert predicted_seconds(cells(seeds=[5])[0], records) == pytest.approx(2.0)
    longer = cells([5], replace(QUICK, steps=9))[0]
    assert predicted_seconds(longer, records) == pytest.approx(6.0)
    stacked = cells([5], replace(QUICK, stacked=True))
    assert predicted_seconds(stacked[0], records) is None
    at_once = predicted_times([*cells([5, 6]), *stacked], records)
    assert at_once == [predicted_seconds(cell, records) for cell in [*cells([5, 6]), *stacked]]
    assert predicted_times(stacked, records, lambda cell: 7.0) == [7.0] * len(stacked)
