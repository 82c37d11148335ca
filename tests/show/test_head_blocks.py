import itertools

import numpy as np
import pytest

from spinalnet_lib import head_cost
from spinalnet_lib.show.head_blocks import arm_arguments_of, arms, cheaper_up_to, head_blocks
from spinalnet_lib.show.head_presets import DIRECT, HEADS, LAST, SMALL

SIZES = [
    dict(
        zip(
            ("in_features", "num_classes", "layer_width", "num_layers", "num_splits", "hidden_size"), sizes, strict=True
        )
    )
    for sizes in itertools.product((1, 7, 12, 61), (1, 10), (1, 9), (1, 2, 5), (1, 2, 3), (4, 30))
]


def counts_of(matrix):
    return matrix["weights"], matrix["parameters"], matrix["macs"]


@pytest.mark.parametrize("name", HEADS)
def test_blocks_are_named_counted_and_refused_as_the_head_is(name):
    refused = 0
    for sizes in SIZES:
        v = {**sizes, **HEADS[name]}
        assert arms(v)[0] == name
        for arm in arms(v):
            try:
                cost = head_cost(arm, v["in_features"], v["num_classes"], **arm_arguments_of(arm, v))
            except ValueError:
                if arm == name:
                    refused += 1
                    with pytest.raises(ValueError, match=r"\d"):
                        head_blocks(v)
                continue
            assert counts_of(head_blocks(v)) == (cost.weights, cost.parameters, cost.macs), (arm, v)
    dense = name.startswith("mlp") and HEADS[name]["twist"] == "none"
    assert bool(refused) == (not dense and name not in ("linear", "progressive", "spinal_full"))


def test_blocks_do_not_overlap_and_what_is_off_takes_their_place():
    on_and_off = []
    for blocks in ([1, 3, 5, 6], [0, 1, 2, 3, 4, 5, 6, 7], [0, 3, 5, 7]):
        matrix = head_blocks({**SMALL, "blocks": blocks, "twist": "none"})
        cells = np.zeros((matrix["top"] + 3, 12 + matrix["top"]), int)
        for _, _, row, rows, column, columns, *_ in matrix["blocks"]:
            cells[row : row + rows, column : column + columns] += 1
        assert cells.max() == 1 and cells.sum() == matrix["weights"] == matrix["filled"]
        for _, _, row, rows, column, columns, *_ in matrix["off"]:
            cells[row : row + rows, column : column + columns] += 1
        assert cells.max() == 1
        on_and_off.append(cells)
    assert all((cells == on_and_off[0]).all() for cells in on_and_off)


@pytest.mark.parametrize("twist", ["none", "shared", "tied", "windows", "columns", "arch2"])
def test_each_split_is_what_some_layer_reads_of_the_features(twist):
    for features, splits in ((2544, 2),) if twist == "arch2" else ((12, 2), (13, 3), (61, 4), (8, 5), (14, 5)):
        sizes = {"in_features": features, "num_splits": splits, "num_layers": 6, "blocks": [1, 3, 5, 6]}
        matrix = head_blocks({**SMALL, **sizes, "twist": twist})
        read = {(b[4], b[4] + b[5]) for b in matrix["blocks"] if b[9] == -1}
        named = set(map(tuple, matrix["splits"]))
        assert named <= read and (named == read or twist == "windows")  # windows run on past the end


def test_the_largest_cheaper_width_is_where_the_count_passes():
    for name in ("spinal", "progressive", "spinal_shared", "spinal_columns", "mlp"):
        v = {**SMALL, "in_features": 40, **HEADS[name]}
        widths = range(1, 200)
        counted = [head_blocks({**v, "layer_width": width})["weights"] for width in widths]
        for most in (1, 300, 2_000):
            assert cheaper_up_to(v, [most]) == [sum(weights < most for weights in counted)]
    assert cheaper_up_to({**SMALL, **HEADS["mlp_deep"]}, [100]) is None


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"blocks": [1, 3]}, "logits"),
        ({"blocks": [1, 3, 6]}, "last layer"),
        ({"blocks": [1, LAST]}, "layer before"),
        ({"blocks": [3, LAST]}, "split 0"),
        ({"num_splits": 5}, "5"),
        ({"in_features": 2, "num_splits": 3}, "3 input splits"),
        ({"in_features": 7, "twist": "cells"}, "7"),
        ({"twist": "arch2"}, "2,544"),
    ],
)
def test_what_makes_no_head_is_refused_in_words_of_the_controls(changed, named):
    with pytest.raises(ValueError, match=named):
        head_blocks({**SMALL, **HEADS["spinal"], **changed})


def test_one_block_alone_is_one_linear():
    v = {**SMALL, "blocks": [DIRECT], "twist": "none"}
    assert arms(v) == ["linear"] and head_blocks(v)["cells"] == head_blocks(v)["weights"] == 36
