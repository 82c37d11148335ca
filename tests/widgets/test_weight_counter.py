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


@pytest.mark.parametrize(
    "of", [{"hidden_layers": 0}, {"hidden_layers": 2}, {"tied": True}, {"norms": ["spinal", "dense"], "tied": True}]
)
def test_other_heads_are_counted_as_they_are_built_up_to_their_crossing(of):
    counter = WeightCounter(
        in_features=31, num_splits=2, num_layers=6, layer_width=5, num_classes=3, hidden_size=7, **of
    )
    state = counter.state()
    sizes = {"num_layers": 6, "num_splits": 2, "norm_layer": "BatchNorm1d" if of.get("norms") else None}
    name, hidden = "spinal_tied" if of.get("tied") else "spinal", (7,) * of.get("hidden_layers", 1)
    heads = {"spinal": create_head(name, 31, 3, layer_width=5, **sizes), "linear": create_head("linear", 31, 3)}
    norm = sizes["norm_layer"]
    heads |= {"dense": create_head("mlp", 31, 3, hidden_sizes=hidden, norm_layer=norm)} if hidden else {}
    assert state["weights"] == {part: count_weights(head) for part, head in heads.items()}
    assert state["parameters"] == {part: count_parameters(head) for part, head in heads.items()}
    for rival, width in state["crossings"].items():
        for each, less in ((width, True), (width + 1, False)):
            built = create_head(name, 31, 3, layer_width=each, **sizes) if each else None
            assert not built or (count_weights(built) < state["weights"][rival]) == less
    assert len(still_of(counter)[0].patches) == len(heads)


def test_the_counters_still_shows_its_state():
    counter = WeightCounter(in_features=17, num_splits=3, num_layers=5, layer_width=9, num_classes=4, hidden_size=33)
    bars, curve = still_of(counter)
    assert [p.get_width() for p in bars.patches] == list(counter.state()["weights"].values())
    for width, weights in zip(*curve.lines[0].get_data(), strict=True):
        assert weights == weight_counter_state({**counter.values(), "layer_width": int(width)})["weights"]["spinal"]
