import torch

from spinalnet_lib import SplitExplorer, create_head
from spinalnet_lib.heads.counting import count_weights
from spinalnet_lib.widgets.split_explorer import split_explorer_state
from tests.widgets.cases import CASES, still_of


def test_explorer_blocks_are_the_built_weights():
    for values in CASES["split-explorer"].grid[::8]:
        state = split_explorer_state(values)
        if state["error"]:
            continue
        d, c = values["in_features"], values["num_classes"]
        sizes = {k: values[k] for k in ("layer_width", "num_layers", "num_splits")}
        head = create_head("spinal", d, c, **sizes)
        assert state["weights"] == count_weights(head)
        parts = torch.arange(d).tensor_split(values["num_splits"])
        assert [stop - start for start, stop in state["splits"]] == [len(part) for part in parts]
        start, stop = state["splits"][state["feature_split"]]
        assert start <= values["feature"] < stop
        assert state["feature_layers"] == [
            i for i in range(values["num_layers"]) if i % values["num_splits"] == state["feature_split"]
        ]


def test_the_explorers_still_shows_its_blocks():
    explorer = SplitExplorer(in_features=17, num_splits=3, num_layers=4, feature=5)
    (axes,) = still_of(explorer)
    drawn = {(p.get_y(), p.get_height(), p.get_x(), p.get_width()) for p in axes.patches}
    assert {tuple(block[1:]) for block in explorer.state()["blocks"]} < drawn
