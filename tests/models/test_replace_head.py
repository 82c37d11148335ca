"""`replace_head` on small models: what it must refuse leaves them as they were. Whole families are in tests/interop."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.optim.swa_utils import AveragedModel

from spinalnet_lib import SpinalHead, create_model, replace_head


def test_the_callers_gradient_modes_do_not_matter():
    with torch.inference_mode():
        model = replace_head(create_model("two_conv", "linear", 5), "spinal", 7, layer_width=4)
        model = replace_head(model, "spinal", 7, layer_width=4)
    assert not model.head.classifier.weight.is_inference()


def test_our_own_classifier_keeps_its_books():
    model = replace_head(create_model("vgg5", "linear", 10), "spinal", 3, layer_width=8, norm_layer=nn.BatchNorm1d)
    expected = create_model("vgg5", "spinal", 3, layer_width=8, norm_layer=nn.BatchNorm1d)
    assert model.arguments == expected.arguments
    assert str(model) == str(expected)


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, 5)

    def features(self, x):
        return self.conv(x).mean((2, 3))

    def forward(self, x):
        return self.fc(self.features(x))


def test_a_pruned_model_is_told_what_makes_it_plain():
    model = Toy()
    prune.random_unstructured(model.conv, "weight", amount=0.5)
    with pytest.raises(ValueError, match=r"prune\.remove"):
        replace_head(model, "spinal", 4, layer_width=4)
    prune.remove(model.conv, "weight")
    assert replace_head(model, "spinal", 4, layer_width=4)(torch.zeros(2, 3, 32, 32)).shape == (2, 4)


class IgnoresItsFc(Toy):
    def forward(self, x):
        return self.features(x)[:, :5]


class Tokens(Toy):
    def forward(self, x):
        return self.fc(self.conv(x).flatten(2).mT).mean(1)


class Doubled(Toy):
    def forward(self, x):
        return torch.cat([self.fc(self.features(x))] * 2, dim=1)


class Dict(Toy):
    def forward(self, x):
        return {"logits": super().forward(x)}


class SmallImagesOnly(Toy):
    def forward(self, x):
        assert x.shape[2:] == (32, 32), "reads 32 × 32"
        return super().forward(x)


class NeedsNumbers(Toy):
    def forward(self, x):
        return super().forward(x) * (2 if x.sum().item() else 1)


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (IgnoresItsFc, "fc: 10 of 10 parameters of a head there get no gradient"),
        (Tokens, r"fc: the classifier reads \(2, 49284, 8\); a head reads one vector per image"),
        (Doubled, r"fc: forward gives \(2, 10\), not \(2, 5\)"),
        (Dict, "fc: forward gives dict in evaluation mode"),
        (SmallImagesOnly, r"fc: an image of \(3, 224, 224\) fails with AssertionError: reads 32 × 32.*input_size"),
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 3)), "None of fc, classifier, head, heads holds a Linear"),
        (lambda: create_model("vgg5", "linear", 0), "pass num_classes"),
        (lambda: nn.DataParallel(Toy()), r"DataParallel .*model\.module"),
        (lambda: AveragedModel(Toy()), r"AveragedModel .*model\.module"),
        (lambda: torch.compile(Toy()), r"OptimizedModule .*model\._orig_mod"),
    ],
)
def test_a_refused_model_is_as_it_was(build, match):
    model = build()
    modules = list(model.named_modules())
    state = {key: (id(value), value.clone()) for key, value in model.state_dict(keep_vars=True).items()}
    generator = torch.get_rng_state()
    with pytest.raises(ValueError, match=match):
        replace_head(model, "spinal", layer_width=4)
    assert torch.equal(torch.get_rng_state(), generator)
    assert [(name, id(module)) for name, module in model.named_modules()] == [(name, id(m)) for name, m in modules]
    assert all(module.training and not module._forward_pre_hooks for _, module in modules)
    after = model.state_dict(keep_vars=True)
    assert {key: id(value) for key, value in after.items()} == {key: value[0] for key, value in state.items()}
    assert all(torch.equal(after[key], value) for key, (_, value) in state.items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_remedies_work():
    replace_head(SmallImagesOnly(), "spinal", 7, input_size=(3, 32, 32), layer_width=4)
    model = AveragedModel(Toy())
    replace_head(model.module, "spinal", 7, layer_width=4)
    assert isinstance(model.module.fc, SpinalHead)
    own = Toy()
    own.module = nn.Identity()  # a name that a model may use for a part of its own
    replace_head(own, "spinal", 7, layer_width=4)


class Wrapped(nn.Module):
    """A model that keeps another one, and its classifier under a name of its own."""

    def __init__(self):
        super().__init__()
        self.net, self._fc, self.aux = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), nn.Linear(8, 5), nn.Linear(8, 2)

    def forward(self, x):
        return self._fc(self.net(x).mean((2, 3)))


def test_a_place_is_taken_by_its_name():
    model = replace_head(Wrapped(), "spinal", 7, where="_fc", layer_width=4)
    assert isinstance(model._fc, SpinalHead) and model(torch.zeros(2, 3, 8, 8)).shape == (2, 7)
    deeper = nn.Sequential(Wrapped(), nn.Softmax(1))
    assert isinstance(replace_head(deeper, "spinal", 7, where="0._fc", layer_width=4)[0]._fc, SpinalHead)
    wrapper = replace_head(nn.DataParallel(Toy()), "spinal", 7, where="module.fc", layer_width=4)
    assert isinstance(wrapper.module.fc, SpinalHead)


def test_the_last_linear_is_tried_where_nothing_has_a_usual_name():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    replace_head(model, "spinal", 7, layer_width=4)
    assert isinstance(model[3], SpinalHead) and model(torch.zeros(2, 3, 8, 8)).shape == (2, 7)


def test_a_refusal_names_the_places_that_could_do():
    for where, says in (
        (None, "aux: .* has the Linears '_fc', or"),
        ("aux", "aux: .* has the Linears '_fc', or"),
        ("fc", "where='fc' is no part of the model; pass where, as it has the Linears '_fc', 'aux', or"),
        ("net", "net.* without a Linear; pass where.*'_fc'"),
        ("", "where='' is no part"),
    ):
        with pytest.raises(ValueError, match=says):
            replace_head(Wrapped(), "spinal", 7, where=where, layer_width=4)
    with pytest.raises(TypeError, match=r"where=4 .*pass a string"):
        replace_head(Wrapped(), "spinal", 7, where=4, layer_width=4)


class ConvolvedClasses(nn.Sequential):
    """A 1 × 1 convolution gives the classes of each place, and the mean of these is taken."""

    def forward(self, x):
        return super().forward(x).mean((2, 3))


def test_a_model_without_another_place_is_told_the_way_by_hand():
    model = ConvolvedClasses(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 5, 1))
    for where in ("1", None):
        with pytest.raises(ValueError, match=r"input_size=\(C, H, W\); if not, put create_head\(...\) into its code"):
            replace_head(model, "spinal", 7, where=where, layer_width=4)


def test_code_that_reads_numbers_is_run_on_a_real_copy():
    model = replace_head(NeedsNumbers(), "spinal", 7, layer_width=4)
    assert model(torch.ones(2, 3, 8, 8)).shape == (2, 7)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"model": "resnet18"}, TypeError, "takes a built model, got 'resnet18'"),
        ({"head": "spinel"}, ValueError, "did you mean 'spinal'"),
        ({"num_classes": 0}, ValueError, "num_classes must be at least 1, got 0; pass 1 or more, or None"),
        ({"num_classes": 2.5}, TypeError, "num_classes must be an integer, got 2.5"),
        ({"layer_widht": 4}, TypeError, "layer_widht"),
        ({"num_splits": 9}, ValueError, "in_features=8 cannot fill num_splits=9"),
        ({"input_size": (32, 32)}, ValueError, r"input_size=\(32, 32\) is not \(C, H, W\)"),
        ({"input_size": (3, 32, 0)}, ValueError, "every number of input_size must be at least 1, got 0"),
        ({"input_size": (1, 32, 32)}, ValueError, r"an image of \(1, 32, 32\) fails"),
    ],
)
def test_wrong_arguments(arguments, error, match):
    model = Toy()
    with pytest.raises(error, match=match):
        replace_head(**{"model": model, "head": "spinal", "layer_width": 4, **arguments})
    assert type(model.fc) is nn.Linear


def test_it_works_where_autograd_looks_for_anomalies():
    with torch.autograd.set_detect_anomaly(True):
        model = replace_head(Toy(), "spinal", 7, layer_width=4)
        assert torch.is_anomaly_enabled()
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 7)
