import copy
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spinalnet_lib import (
    LinearHead,
    MLPHead,
    SpinalHead,
    create_head,
    head_cost,
    list_heads,
    register_head,
    split_sizes,
)
from spinalnet_lib.heads.registry import _HEADS
from tests.heads.cases import REQUIRED, build, takes


@pytest.mark.parametrize("name", list_heads())
class TestEveryHead:
    def test_shapes(self, name):
        head = build(name)
        x = torch.randn(3, 20)
        assert head(x).shape == (3, 7)
        assert head(x, pre_logits=True).shape == (3, head.head_hidden_size)
        assert (head.in_features, head.num_classes) == (20, 7)

    def test_the_activation_and_the_rates_reach_every_layer(self, name):
        if takes(name, "act_layer"):
            head = build(name, act_layer=nn.Tanh)
            acts = [module for module in head.modules() if isinstance(module, (nn.Tanh, nn.ReLU))]
            assert acts and {type(act) for act in acts} == {nn.Tanh}
        if not takes(name, "drop_rate"):
            return
        linears = [module for module in build(name).modules() if isinstance(module, nn.Linear)]
        count = 5 if name == "mlp_matched" else len(linears)  # it takes the rates of the spinal head that it matches
        rates = [(i + 1) / 20 for i in range(count)]
        drops = [module.p for module in build(name, drop_rate=rates).modules() if isinstance(module, nn.Dropout)]
        # The classifier's is registered first. One hidden layer takes the first rate and the last.
        expected = [rates[-1], *rates[: len(linears) - 1]]
        assert drops == expected or (name in ("linear",) and drops == rates)

    def test_a_reset_stays_on_the_device(self, name):
        head = build(name).to("meta")
        head.reset(3)
        assert head.classifier.weight.device.type == "meta" and head.classifier.weight.shape[0] == 3

    def test_is_traced_by_fx(self, name):
        """As torchvision's feature extractors trace a model."""
        head, x = build(name).eval(), torch.randn(3, 20)
        assert torch.allclose(torch.fx.symbolic_trace(nn.Sequential(head))(x), head(x), atol=1e-6)

    def test_every_parameter_and_every_feature_gets_a_gradient(self, name):
        head = build(name, **({"act_layer": nn.Tanh} if takes(name, "act_layer") else {}))  # no unit may be dead
        x = torch.randn(5, 20, requires_grad=True)
        head(x).square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters())
        assert (x.grad.abs().sum(0) > 0).all()

    def test_no_classes_gives_the_pre_logits_without_dropout(self, name):
        head = build(name, num_classes=0, drop_rate=0.5).train()
        assert isinstance(head.classifier, nn.Identity)
        assert head.eval()(torch.randn(3, 20)).shape == (3, head.head_hidden_size)
        if type(head) is LinearHead:
            x = torch.randn(3, 20)
            assert torch.equal(head.train()(x), x)

    def test_reset_replaces_the_classifier_and_nothing_else(self, name):
        head = build(name).double()
        below = {k: v.clone() for k, v in head.state_dict().items() if not k.startswith("classifier")}
        head.reset(3)
        assert head(torch.randn(2, 20, dtype=torch.float64)).shape == (2, 3)
        assert all(torch.equal(head.state_dict()[k], v) for k, v in below.items())
        head.reset(0)
        assert head(torch.randn(2, 20, dtype=torch.float64)).shape == (2, head.head_hidden_size)

    def test_state_dict_round_trip(self, name):
        head, other = build(name), build(name)
        nn.init.normal_(other.classifier.weight)
        other.load_state_dict(head.state_dict())
        x = torch.randn(2, 20)
        assert torch.equal(head(x), other(x))
        assert torch.equal(copy.deepcopy(head)(x), head(x))

    def test_a_background_class_is_trained_and_ignored_when_predicting(self, name):
        torch.manual_seed(0)
        head = create_head(name, 20, 7, background_class=True, **REQUIRED.get(name, {}))
        x = torch.randn(3, 20)
        assert head.train()(x).shape == (3, 8)
        torch.testing.assert_close(head.eval()(x), head.train()(x)[:, :7])
        nn.functional.cross_entropy(head(x), torch.tensor([0, 6, 7])).backward()
        assert (head.classifier.weight.grad[7] != 0).any()
        assert head.num_classes == 7 and "background_class=True" in repr(head)
        head.reset(3)
        assert head.train()(x).shape == (3, 4) and head.eval()(x).shape == (3, 3)
        with pytest.raises(ValueError, match="num_classes=0 leaves no classifier for a background class"):
            create_head(name, 20, 0, background_class=True, **REQUIRED.get(name, {}))
        with pytest.raises(TypeError, match="background_class must be True or False, got 1"):
            create_head(name, 20, 7, background_class=1, **REQUIRED.get(name, {}))

    def test_dropout_draws_nothing_when_the_rate_is_zero(self, name):
        head = build(name).train()
        before = torch.get_rng_state()
        head(torch.randn(2, 20, generator=torch.Generator().manual_seed(0)))
        assert torch.equal(torch.get_rng_state(), before)

    def test_repr_names_the_sizes(self, name):
        assert "in_features=20, num_classes=7" in repr(build(name))

    @pytest.mark.parametrize(
        ("argument", "value", "error"),
        [
            ("in_features", 0, ValueError),
            ("in_features", -3, ValueError),
            ("in_features", 2.5, TypeError),
            ("in_features", True, TypeError),
            ("in_features", "20", TypeError),
            ("num_classes", -1, ValueError),
            ("num_classes", None, TypeError),
            ("drop_rate", -0.1, ValueError),
            ("drop_rate", 1.0, ValueError),
            ("drop_rate", "half", TypeError),
            ("drop_rate", [0.1] * 19, ValueError),
        ],
    )
    def test_wrong_arguments_name_the_value(self, name, argument, value, error):
        with pytest.raises(error) as caught:
            create_head(name, **{"in_features": 20, "num_classes": 7, **REQUIRED.get(name, {}), argument: value})
        assert argument in str(caught.value)
        assert str(len(value) if isinstance(value, list) else value) in str(caught.value)

    @pytest.mark.parametrize(
        ("x", "error", "says"),
        [
            (torch.zeros(3, 19), ValueError, "(3, 19)"),
            (torch.zeros(20), ValueError, "(20,)"),
            (torch.zeros(3, 5, 2, 2), ValueError, "flatten"),
            (torch.zeros(3, 20, dtype=torch.long), TypeError, "torch.int64"),
            (torch.zeros(3, 20, dtype=torch.float64), TypeError, "torch.float64"),
            (torch.zeros(3, 20, dtype=torch.bfloat16), TypeError, "x.to(torch.float32)"),
            ([[0.0] * 20], TypeError, "list"),
        ],
    )
    def test_wrong_input_names_what_came(self, name, x, error, says):
        with pytest.raises(error, match=type(build(name)).__name__) as caught:
            build(name)(x)
        assert says in str(caught.value)
        assert "20" in str(caught.value) or "float" in str(caught.value)


@pytest.mark.parametrize("name", list_heads())
def test_autocast_may_mix_dtypes(name):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert build(name)(torch.zeros(3, 20, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert build(name).double()(torch.zeros(3, 20, dtype=torch.float64)).dtype == torch.float64


def naive_spine(head: SpinalHead, x: torch.Tensor) -> torch.Tensor:
    """Feature by feature, from the definition: layer i reads feature j iff j's split is i mod num_splits."""
    sizes = [
        head.in_features // head.num_splits + (i < head.in_features % head.num_splits) for i in range(head.num_splits)
    ]
    split_of = [i for i, size in enumerate(sizes) for _ in range(size)]
    outputs, previous = [], None
    for i, layer in enumerate(head.layers):
        seen = [x[:, j] for j in range(head.in_features) if split_of[j] == i % head.num_splits]
        seen += [] if previous is None else list(previous.T)
        previous = torch.relu(torch.stack(seen, 1) @ layer.linear.weight.T + layer.linear.bias)
        outputs.append(previous)
    return torch.cat(outputs, 1) @ head.classifier.weight.T + head.classifier.bias


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_spinal_equals_its_definition_for_any_sizes(data):
    in_features = data.draw(st.integers(1, 40))
    num_splits = data.draw(st.integers(1, min(in_features, 6)))
    num_layers = data.draw(st.integers(num_splits, 8))
    sizes = (data.draw(st.integers(1, 9)), num_layers, num_splits)
    head = SpinalHead(in_features, data.draw(st.integers(1, 5)), *sizes).double()
    x = torch.randn(4, in_features, dtype=torch.float64)
    torch.testing.assert_close(head(x), naive_spine(head, x), rtol=1e-12, atol=1e-12)


@given(st.integers(1, 300), st.integers(1, 20))
def test_splits_are_cut_as_tensor_split_cuts(in_features, num_splits):
    expected = [len(part) for part in torch.arange(in_features).tensor_split(num_splits)]
    assert split_sizes(in_features, num_splits) == expected


def test_spinal_feeds_all_layers_to_the_classifier():
    head = SpinalHead(10, 3, layer_width=4, num_layers=5)
    x = torch.randn(2, 10)
    pre_logits = head(x, pre_logits=True)
    assert pre_logits.shape == (2, 20) and head.head_hidden_size == 20
    assert torch.equal(head.classifier(pre_logits), head(x))


def test_one_layer_and_one_split_is_an_mlp():
    spinal, mlp = SpinalHead(10, 3, layer_width=4, num_layers=1, num_splits=1), MLPHead(10, 3, 4)
    mlp.load_state_dict(spinal.state_dict())
    x = torch.randn(2, 10)
    assert torch.equal(spinal(x), mlp(x))


def test_layer_order_is_dropout_linear_norm_activation():
    head = SpinalHead(8, 2, layer_width=4, drop_rate=0.5, norm_layer=nn.BatchNorm1d, act_layer=nn.GELU)
    kinds = [type(m).__name__ for m in head.layers[0].children()]
    assert kinds == ["Dropout", "Linear", "BatchNorm1d", "GELU"]


def test_drop_rate_per_linear_reaches_its_layer():
    head = MLPHead(8, 2, hidden_sizes=(6, 5), drop_rate=(0.1, 0.0, 0.3))
    assert [getattr(layer.drop, "p", 0.0) for layer in head.layers] == [0.1, 0.0]
    assert head.classifier_drop.p == 0.3
    spinal = SpinalHead(8, 2, 3, num_layers=2, drop_rate=(0.1, 0.2, 0.4))
    assert [layer.drop.p for layer in spinal.layers] == [0.1, 0.2] and spinal.classifier_drop.p == 0.4


def test_layers_can_be_given_by_name():
    head = SpinalHead(8, 2, layer_width=4, norm_layer="BatchNorm1d", act_layer="Tanh")
    assert isinstance(head.layers[0].norm, nn.BatchNorm1d) and isinstance(head.layers[0].act, nn.Tanh)


@pytest.mark.parametrize(
    ("kwargs", "error", "says"),
    [
        ({"layer_width": 0}, ValueError, "layer_width must be at least 1, got 0"),
        ({"layer_width": -4}, ValueError, "-4"),
        ({"layer_width": 2.0}, TypeError, "2.0"),
        ({"num_layers": 0}, ValueError, "num_layers must be at least 1, got 0"),
        ({"num_splits": 0}, ValueError, "num_splits must be at least 1, got 0"),
        (
            {"num_layers": 2, "num_splits": 3},
            ValueError,
            "num_layers=2 cannot read num_splits=3; raise num_layers to 3",
        ),
        ({"num_layers": 30, "num_splits": 21}, ValueError, "in_features=20 cannot fill num_splits=21"),
        ({"num_layers": 4, "drop_rate": [0.1, 0.2]}, ValueError, "2 values for 5 Linear layers"),
        ({"norm_layer": "BatchNrom1d"}, ValueError, "'BatchNrom1d' is no layer"),
        ({"act_layer": 3}, ValueError, "act_layer=3 is no layer"),
        ({"act_layer": None}, ValueError, "act_layer=None is no layer; pass a class such as nn.ReLU"),
        ({"act_layer": "functional"}, ValueError, "act_layer='functional' is no layer"),
        ({"act_layer": nn.ReLU()}, TypeError, "act_layer is a built ReLU; .*pass the class"),
        (
            {"norm_layer": nn.Conv2d},
            TypeError,
            "norm_layer=<class .*Conv2d'> cannot be built as norm_layer.6.: .*pass another",
        ),
        ({"norm_layer": nn.BatchNorm1d(6)}, TypeError, "norm_layer is a built BatchNorm1d; .*pass the class"),
    ],
)
def test_wrong_spinal_arguments(kwargs, error, says):
    with pytest.raises(error) as caught:
        SpinalHead(20, 7, **{"layer_width": 6, **kwargs})
    assert re.search(says, str(caught.value))


@pytest.mark.parametrize("hidden_sizes", [0, -1, [], [3, 0], 2.5, "12", None])
def test_wrong_hidden_sizes(hidden_sizes):
    with pytest.raises((ValueError, TypeError), match="hidden_sizes"):
        MLPHead(20, 7, hidden_sizes)


def test_linear_head_is_one_linear():
    head = LinearHead(6, 2)
    x = torch.randn(3, 6)
    assert torch.equal(head(x), nn.functional.linear(x, head.classifier.weight, head.classifier.bias))


@pytest.mark.parametrize(("name", "near"), [("spinel", "spinal"), ("Linear", "linear"), ("mpl", "mlp")])
def test_unknown_head_says_the_near_one(name, near):
    with pytest.raises(ValueError, match=f"did you mean '{near}'"):
        create_head(name, 8, 2)


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_name_like_nothing_lists_all(name):
    with pytest.raises(ValueError, match=f"known: {', '.join(list_heads())}"):
        create_head(name, 8, 2)


def test_registering_a_head_makes_it_creatable_and_refuses_a_second():
    def tiny(in_features, num_classes):
        return LinearHead(in_features, num_classes)

    try:
        register_head(tiny)
        assert "tiny" in list_heads()
        assert create_head("tiny", 4, 2)(torch.zeros(1, 4)).shape == (1, 2)
        with pytest.raises(ValueError, match="'tiny' is registered already"):
            register_head(tiny)
    finally:
        _HEADS.pop("tiny", None)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: create_head("spinal", 20, 7), TypeError, "head 'spinal' needs layer_width; pass, say, layer_width=64"),
        (lambda: create_head("mlp", 20, 7), TypeError, "head 'mlp' needs hidden_sizes; pass, say, hidden_sizes=512"),
        (lambda: head_cost("spinal", 20, 7), TypeError, "head 'spinal' needs layer_width"),
        (
            lambda: create_head("spinal", 20, 7, layer_widht=3),
            TypeError,
            "head 'spinal' takes no 'layer_widht'; did you mean 'layer_width'",
        ),
        (lambda: head_cost("linear", 20, 7, layer_width=3), TypeError, "head 'linear' takes no 'layer_width'"),
        (
            lambda: SpinalHead(20, 7, 6, norm_layer="LazyBatchNorm1d"),
            ValueError,
            "norm_layer='LazyBatchNorm1d' is no layer",
        ),
        (lambda: SpinalHead(20, 7, 6, norm_layer="ReLU"), ValueError, "pass a class such as nn.BatchNorm1d"),
        (lambda: SpinalHead(20, 7, 6, norm_layer=lambda n: None), TypeError, r"gives None for norm_layer\(6\)"),
        (
            lambda: SpinalHead(20, 7, 6).to("meta")(torch.zeros(2, 20, device="meta", dtype=torch.float64)),
            TypeError,
            "has torch.float32 weights, got torch.float64",
        ),
    ],
)
def test_a_slip_is_named_with_its_remedy(call, error, message):
    with pytest.raises(error, match=message):
        call()
