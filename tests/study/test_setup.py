"""A cell on this machine: its key before it is run, its record, or why there is none."""

from dataclasses import replace

import pytest

from spinalnet_lib.machine import OutOfTime
from spinalnet_lib.study.cells import Cell
from spinalnet_lib.study.setup import Setup
from spinalnet_lib.study.sweep import sweep
from tests.study.cases import QUICK, OneStep, cells, job


@pytest.mark.parametrize("stacked", [False, True])
def test_the_key_is_known_before_the_run(stacked):
    todo = cells([0, 1], replace(QUICK, stacked=stacked), heads=["mlp"])[: 1 + stacked]
    assert [record.key for record in Setup().run(todo)] == [Setup().key(cell) for cell in todo]
    assert Setup(threads=2).key(todo[0]) != Setup().key(todo[0]) == Setup(progress=True).key(todo[0])


def test_a_cell_that_does_not_fit_fails_with_its_reason():
    bad = Cell("digits", "pixels", "spinal", 0, replace(QUICK, batch_size=2000), {"layer_width": 4, "num_layers": 1})
    (reason,) = Setup().run([bad])
    assert reason.startswith("ValueError: ") and "num_layers" in reason


def test_a_damaged_checkpoint_is_named_and_its_run_begun_again(tmp_path):
    todo = cells([0], heads=["mlp"])
    for claim in job([todo], tmp_path).claims():
        with claim.held:
            path = claim.checkpoint
            (cut_off,) = Setup().run(todo, path, OneStep())
    assert isinstance(cut_off, OutOfTime)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.warns(UserWarning, match=path.name):
        assert sweep(todo, tmp_path) == []
    assert not path.exists()
