import pytest
import traitlets

from spinalnet_lib import OneMatrix, create_head, head_cost
from spinalnet_lib.show.head_presets import HEADS, paper_networks
from tests.widgets.cases import CASES, still_of


def test_the_matrix_counts_what_head_cost_counts():
    case, data = CASES["one-matrix"], OneMatrix().data()
    counted = 0
    for values in case.grid[::3]:
        state = case.state(values, data)
        if state["error"] or not state["arms"]:
            continue
        v = {**values, **data["presets"].get(values["preset"], {})}
        cost = head_cost(state["arms"][0], v["in_features"], v["num_classes"], **state["arguments"])
        assert (state["weights"], state["parameters"], state["macs"]) == (cost.weights, cost.parameters, cost.macs)
        twin = head_cost("mlp", v["in_features"], v["num_classes"], hidden_sizes=v["hidden_size"])
        assert (state["twin"]["weights"], state["twin"]["parameters"]) == (twin.weights, twin.parameters)
        counted += 1
    assert counted > 200


@pytest.mark.parametrize("preset", [*HEADS, *paper_networks()])
def test_the_line_of_code_builds_the_head_that_is_named(preset):
    widget = OneMatrix(preset=preset)
    rows = dict(widget.state()["rows"])
    head = eval(rows["in code"], {"create_head": create_head})
    assert widget.state()["arms"][0] == rows["head"].partition(";")[0] == preset.rpartition(": ")[2].partition(",")[0]
    assert sum(p.numel() for p in head.parameters()) == widget.state()["parameters"]


def test_a_block_that_is_switched_from_python_leaves_the_preset_for_the_head_that_it_makes():
    widget = OneMatrix()
    widget.blocks = [1, 5, 6]
    assert widget.preset == "spinal_no_chain"
    widget.blocks = [0, 1, 5, 6]
    assert widget.preset == "own" and widget.state()["arms"] == []
    widget.preset = "vgg5: mlp"
    assert widget.state()["arguments"] == {"hidden_sizes": [512]}
    widget.num_classes = 37
    assert widget.preset == "mlp" and widget.layer_width == 512 and widget.num_layers == 1
    assert OneMatrix(blocks=[5, 3, 1, 3]).blocks == [1, 3, 5]
    with pytest.raises(traitlets.TraitError, match="blocks"):
        widget.blocks = [8]


def test_a_layer_and_a_split_say_what_they_read_and_feed():
    assert dict(OneMatrix(look="layer-2").state()["rows"])["layer 2"] == (
        "reads 128 features and layer 1; feeds layer 3 and the logits"
    )
    assert dict(OneMatrix(look="split-1").state()["rows"])["split 1"] == "features 128 to 255, read by layers 1, 3"
    three_spines = OneMatrix(preset="arch2: spinal_columns", look="split-3").state()
    assert dict(three_spines["rows"])["split 3"] == "features 1,504 to 2,223, read by layers 11, 13, 15, 17"
    assert "at random" in dict(OneMatrix(preset="spinal_random_mask", look="split-0").state()["rows"])["split 0"]
    assert dict(OneMatrix(look="layer-9").state()["rows"])["layer 9"] == "there is none"


def test_sizes_that_make_no_head_say_which_controls_to_move():
    state = OneMatrix(num_layers=2, num_splits=3).state()
    assert "2 layers" in state["error"] and "input splits" in state["error"] and state["rows"] == []


def test_the_still_shows_the_blocks_of_the_head_and_of_its_twin():
    widget = OneMatrix(preset="spinal_direct")
    for axes, matrix in zip(still_of(widget), (widget.state(), widget.state()["twin"]), strict=True):
        drawn = {(p.get_y(), p.get_height(), p.get_x(), p.get_width()) for p in axes.patches}
        assert {tuple(block[2:6]) for block in matrix["blocks"]} < drawn
