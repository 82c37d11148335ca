"""A cell on this machine: its key before it is run, its record, or why there is none."""

import errno
from dataclasses import replace

import pytest

from spinalnet_lib.data.own_sets import write_card
from spinalnet_lib.machine import OutOfTime
from spinalnet_lib.study.cell import Cell
from spinalnet_lib.study.setup import Setup
from spinalnet_lib.study.sweep import sweep
from tests.data.cases import write_classes
from tests.study.cases import QUICK, OneStep, cells, expected, job


@pytest.mark.parametrize("stacked", [False, True])
def test_the_key_is_known_before_the_run(stacked):
    todo = cells([0, 1], replace(QUICK, stacked=stacked), heads=["mlp"])[: 1 + stacked]
    assert [record.key for record in Setup().run(todo)] == expected(todo)
    assert expected(todo, threads=2) != expected(todo) == expected(todo, progress=True)


@pytest.mark.parametrize(
    ("cell", "kind", "says"),
    [
        (Cell("digits", "pixels", "spinal", 0, QUICK, {"layer_width": 4, "num_layers": 1}), ValueError, "num_layers"),
        (Cell("kmnist", "two_conv", "linear", 0, QUICK), FileNotFoundError, "spinalnet data fetch kmnist"),
        (Cell("nowhere", "two_conv", "linear", 0, QUICK), ValueError, "nowhere"),
        (Cell("leaves", "two_conv", "linear", 0, QUICK, size=16), ValueError, "size=28 (in a command: --size 28)"),
        (Cell("leaves", "two_conv", "linear", 0, QUICK, size=28), ValueError, "image_0000.png"),
    ],
)
def test_a_cell_that_does_not_fit_or_whose_data_cannot_be_read_fails_with_its_reason(cell, kind, says, tmp_path):
    write_card(write_classes(tmp_path / "leaves", ["ash", "elm"], 12))
    if says == "image_0000.png":
        (tmp_path / "leaves" / "ash" / says).write_text("no image")
    setup = Setup(root=tmp_path)
    (reason,) = setup.run([cell])
    assert reason.startswith(kind.__name__) and says in reason
    keys, wrong = setup.keys([cell])
    assert not keys and isinstance(wrong[cell], kind) and says in str(wrong[cell])


def test_what_is_not_the_cells_own_is_raised(monkeypatch):
    (cell,) = cells([0], heads=["mlp"])
    for setup, change in ((Setup("gpu"), {}), (Setup(), {"head_arguments": {"hidden_sizes": 1.5}})):
        with pytest.raises((ValueError, TypeError), match=r"gpu|hidden_sizes"):
            setup.keys([replace(cell, **change)])

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("spinalnet_lib.study.setup.load_dataset", full)
    with pytest.raises(OSError, match="No space"):
        Setup().run([replace(cell, dataset="mnist")])


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


def test_a_cell_is_run_on_the_cut_of_its_seed(tmp_path):
    first, other = (replace(cells([0])[0], cut_seed=seed, train_per_class=20) for seed in (0, 1))
    (record,) = Setup().run([first])
    assert (record.split_sizes["seed"], record.split_sizes["train"]) == (0, 200)
    known = expected([first, other, cells([0])[0]])
    assert record.key == known[0] and len({*known}) == 3


def test_threads_are_bounded():
    with pytest.raises(ValueError, match="threads=999999999"):
        Setup(threads=999_999_999)
