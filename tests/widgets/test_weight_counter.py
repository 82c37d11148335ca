import pytest

from spinalnet_lib import WeightCounter, create_head
from spinalnet_lib.heads.counting import count_parameters, count_weights
from spinalnet_lib.widgets.weight_counter import weight_counter_state
from tests.widgets.cases import CASES, still_of


def test_counter_counts_what_is_built():
    for values in CASES["weight-counter"].grid[::53]:
        state = weight_counter_state(values)
        d, c = values["in_features"], values["num_classes"]
        sizes = {k: values[k] for k in ("layer_width", "num_layers", "num_splits")}
        if state["error"]:
            with pytest.raises(ValueError):
                create_head("spinal", d, c, **sizes)
            assert state["error"] == state["summary"]
            continue
        if d * sizes["layer_width"] > 100_000:
            continue
        for name, head in (
            ("spinal", create_head("spinal", d, c, **sizes)),
            ("dense", create_head("mlp", d, c, hidden_sizes=values["hidden_size"])),
            ("linear", create_head("linear", d, c)),
        ):
            built = count_weights(head), count_parameters(head)
            assert (state["weights"][name], state["parameters"][name]) == built
        assert sum(state["split_sizes"]) == d


def test_the_counters_still_shows_its_state():
    counter = WeightCounter(in_features=17, num_splits=3, num_layers=5, layer_width=9, num_classes=4, hidden_size=33)
    bars, curve = still_of(counter)
    assert [p.get_width() for p in bars.patches] == list(counter.state()["weights"].values())
    for width, weights in zip(*curve.lines[0].get_data(), strict=True):
        assert weights == weight_counter_state({**counter.values(), "layer_width": int(width)})["weights"]["spinal"]
