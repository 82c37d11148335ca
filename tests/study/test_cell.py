"""One run of a sweep: what it is in a line, what it shares with others, and the setup of its record."""

from dataclasses import replace

from spinalnet_lib import TrainConfig
from spinalnet_lib.study.cell import Cell

CONFIG = TrainConfig(stacked=True)
CELL = Cell("digits", "pixels", "spinal", 3, CONFIG, {"layer_width": 4, "num_layers": 2, "drop_rate": [0.0, 0.0, 0.5]})


def test_a_cell_is_described_in_one_line_however_many_layers_it_has():
    assert CELL.describe() == (
        "digits, pixels + spinal (layer_width 4, num_layers 2, drop_rate [0.0, 0.0, 0.5]), rate 0.01, seed 3"
    )
    deep = replace(CELL, head_arguments={"drop_rate": [0.0] * 30 + [0.5]})
    assert "drop_rate 0.0 … 0.5" in deep.describe()
    assert "(" not in replace(CELL, head="linear", head_arguments={}).describe()


def test_cells_that_differ_in_seed_rate_and_dropout_are_stacked_together_and_others_are_not():
    other = replace(
        CELL, seed=4, config=replace(CONFIG, learning_rate=0.1), head_arguments=CELL.head_arguments | {"drop_rate": 0}
    )
    assert other.stack == CELL.stack and other.setup != CELL.setup
    for change in (
        {"dataset": "mnist"},
        {"head_arguments": {"layer_width": 5}},
        {"cut_seed": 1},
        {"train_per_class": 9},
    ):
        assert replace(CELL, **change).stack != CELL.stack
    assert replace(CELL, config=replace(CONFIG, epochs=9)).stack != CELL.stack
