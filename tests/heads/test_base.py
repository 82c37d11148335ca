"""What every head does: shapes, timm's contract, gradients, dropout, and clear words about what it cannot take."""

import pytest
import torch
from torch import nn

from spinalnet_lib import LinearHead, SpinalHead, create_head, head_cost, list_heads
from tests.heads.cases import REQUIRED, build, takes


@pytest.mark.parametrize("name", list_heads())
class TestEveryHead:
    def test_shapes(self, name):
        head = build(name)
        x = torch.randn(3, 20)
        assert head(x).shape == (3, 7)
        assert head(x, pre_logits=True).shape == (3, head.head_hidden_size)
        assert (head.in_features, head.num_classes) == (20, 7)
        assert "in_features=20, num_classes=7" in repr(head)

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
        head.to("meta").reset(4)
        assert type(head) is LinearHead or head.classifier.weight.device.type == "meta"

    def test_a_background_class_is_trained_and_ignored_when_predicting(self, name):
        torch.manual_seed(0)
        head = create_head(name, 20, 7, background_class=True, **REQUIRED[name])
        x = torch.randn(3, 20)
        assert head.train()(x).shape == (3, 8)
        torch.testing.assert_close(head.eval()(x), head.train()(x)[:, :7])
        nn.functional.cross_entropy(head(x), torch.tensor([0, 6, 7])).backward()
        assert (head.classifier.weight.grad[7] != 0).any()
        assert head.num_classes == 7 and "background_class=True" in repr(head)
        head.reset(3)
        assert head.train()(x).shape == (3, 4) and head.eval()(x).shape == (3, 3)
        with pytest.raises(ValueError, match="num_classes=0"):
            create_head(name, 20, 0, background_class=True, **REQUIRED[name])

    def test_dropout_draws_nothing_when_the_rate_is_zero(self, name):
        head = build(name).train()
        before = torch.get_rng_state()
        head(torch.randn(2, 20, generator=torch.Generator().manual_seed(0)))
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.parametrize(
        ("argument", "value", "error"),
        [
            ("in_features", -3, ValueError),
            ("in_features", "20", TypeError),
            ("num_classes", -1, ValueError),
            ("drop_rate", 1.0, ValueError),
            ("drop_rate", [0.1] * 19, ValueError),
        ],
    )
    def test_wrong_arguments_name_the_value(self, name, argument, value, error):
        with pytest.raises(error) as caught:
            create_head(name, **{"in_features": 20, "num_classes": 7, **REQUIRED[name], argument: value})
        assert argument in str(caught.value)
        assert str(len(value) if isinstance(value, list) else value) in str(caught.value)

    @pytest.mark.parametrize(
        ("x", "error", "says"),
        [
            (torch.zeros(3, 19), ValueError, "(3, 19)"),
            (torch.zeros(3, 5, 2, 2), ValueError, "flatten"),
            (torch.zeros(3, 20, dtype=torch.long), TypeError, "torch.int64"),
            (torch.zeros(3, 20, dtype=torch.float64), TypeError, "torch.float64"),
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


def test_layer_order_is_dropout_linear_norm_activation():
    head = SpinalHead(8, 2, layer_width=4, drop_rate=0.5, norm_layer="BatchNorm1d", act_layer=nn.GELU)
    kinds = [type(m).__name__ for m in head.layers[0].children()]
    assert kinds == ["Dropout", "Linear", "BatchNorm1d", "GELU"]


@pytest.mark.parametrize(
    ("kwargs", "error", "says"),
    [
        ({"norm_layer": "BatchNrom1d"}, ValueError, "norm_layer='BatchNrom1d'"),
        ({"norm_layer": "LazyBatchNorm1d"}, ValueError, "norm_layer='LazyBatchNorm1d'"),
        ({"norm_layer": "ReLU"}, ValueError, "norm_layer='ReLU'"),
        ({"norm_layer": nn.Conv2d}, TypeError, "norm_layer=<class .*Conv2d'>"),
        ({"act_layer": None}, ValueError, "act_layer=None"),
        ({"act_layer": "functional"}, ValueError, "act_layer='functional'"),
        ({"act_layer": nn.ReLU()}, TypeError, "act_layer is a built ReLU"),
    ],
)
def test_wrong_layers_are_named(kwargs, error, says):
    with pytest.raises(error, match=says):
        SpinalHead(20, 7, 6, **kwargs)


CONTROLS = [name for name in list_heads() if "layer_width" in REQUIRED[name] and name != "spinal_columns"]


@pytest.mark.parametrize(
    ("name", "in_features", "num_classes", "kwargs", "says"),
    [
        ("spinal", 256, 10, {"layer_width": 6, "num_layers": 10**9}, "num_layers=1000000000"),
        ("progressive", 256, 10, {"layer_width": 6, "num_layers": 10**9}, "num_layers=1000000000"),
        ("spinal_big", 256, 10, {"hidden_sizes": 6, "num_layers": 10**9}, "num_layers=1000000000"),
        ("spinal_columns", 20, 10, {"layer_width": 10**9, "column_sizes": (10, 10)}, "layer_width=1000000000"),
        ("spinal_columns", 20, 10, {"layer_width": 9, "column_sizes": (10, 10), "hidden_size": 10**12}, "10{12}"),
        (
            "spinal_columns",
            200,
            10,
            {"layer_width": 1, "column_sizes": [2] * 100, "num_layers": 99_999},
            "num_layers=9999900",
        ),
        ("progressive", 1, 10, {"layer_width": 1000, "num_layers": 10**4}, "num_layers=10000 make"),
        ("mlp", 256, 10, {"hidden_sizes": (10, 10**12)}, "hidden_sizes=.10, 1000000000000"),
        ("mlp", 256, 10, {"hidden_sizes": range(1, 10**9)}, "hidden_sizes=999999999"),
        *((name, 256, 10, {**REQUIRED[name], "layer_width": 10**12}, "layer_width=1000000000000") for name in CONTROLS),
        ("linear", 256, 10**9, {}, "num_classes=1000000000"),
        ("linear", 10**12, 10, {}, "in_features=1000000000000"),
    ],
)
@pytest.mark.parametrize("call", [create_head, head_cost])
def test_sizes_are_bounded_before_memory_is_taken(call, name, in_features, num_classes, kwargs, says):
    with pytest.raises(ValueError, match=says):
        call(name, in_features, num_classes, **kwargs)


def test_a_reset_is_bounded_too():
    head = LinearHead(256, 10)
    with pytest.raises(ValueError, match="num_classes=1000000000"):
        head.reset(10**9)
    assert head.num_classes == 10


def test_a_head_on_meta_checks_its_input_too():
    with pytest.raises(TypeError, match=r"float32 weights, got torch\.float64"):
        SpinalHead(20, 7, 6).to("meta")(torch.zeros(2, 20, device="meta", dtype=torch.float64))
