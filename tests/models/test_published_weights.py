"""`load_published` against nets written here with the names and the wiring of the paper's scripts."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spinalnet_lib import SpinalHead, count_parameters, create_head, load_published


def spine(reads, layers, out, act=F.relu):
    """Logits of a chain whose layer i reads `reads[i]`."""
    outputs = []
    for read, layer in zip(reads, layers, strict=True):
        outputs.append(act(layer(torch.cat([read, *outputs[-1:]], 1))))
    return out(torch.cat(outputs, 1))


class SmallNet(nn.Module):
    """The 2-conv CNN of the folder MNIST."""

    def __init__(self, spinal):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 10, 5), nn.Conv2d(10, 20, 5)
        if spinal:
            self.fc1 = nn.Linear(160, 8)
            for i in range(1, 6):
                setattr(self, f"fc1_{i}", nn.Linear(168, 8))
        else:
            self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(48 if spinal else 50, 10)
        self.spinal = spinal

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = F.relu(F.max_pool2d(conv(x), 2))
        x = x.flatten(1)
        if not self.spinal:
            return F.log_softmax(self.fc2(F.relu(self.fc1(x))), 1)
        chain = [self.fc1, *(getattr(self, f"fc1_{i}") for i in range(1, 6))]
        return F.log_softmax(spine([x[:, :160], x[:, 160:]] * 3, chain, self.fc2), 1)


def block(*widths):
    layers = []
    for a, b in itertools.pairwise(widths):
        layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def spinal_layer(size, width, plain=False):
    if plain:
        return nn.Sequential(nn.Linear(size, width), nn.ReLU())
    return nn.Sequential(nn.Dropout(0.5), nn.Linear(size, width), nn.BatchNorm1d(width), nn.ReLU())


class FourLayers(nn.Module):
    """The head with `fc_spinal_layerN`, as in VGG-5 or, `plain`, as in the transfer scripts."""

    def __init__(self, features, width, classes, plain=False):
        super().__init__()
        half = features // 2
        for i in range(4):
            setattr(self, f"fc_spinal_layer{i + 1}", spinal_layer(half + (width if i else 0), width, plain))
        last = nn.Linear(4 * width, classes)
        self.fc_out = nn.Sequential(last) if plain else nn.Sequential(nn.Dropout(0.5), last)

    def forward(self, x):
        layers = [getattr(self, f"fc_spinal_layer{i + 1}") for i in range(4)]
        half = x.shape[1] // 2
        return spine([x[:, :half], x[:, half:]] * 2, layers, self.fc_out, act=lambda x: x)


class VGGNet(FourLayers):
    """VGG-5 of the folder MNIST_VGG."""

    def __init__(self, spinal, in_chans=1):
        super().__init__(256, 128, 10)
        self.l1, self.l2 = block(in_chans, 64, 64), block(64, 128, 128)
        self.l3, self.l4 = block(128, 256, 256, 256), block(256, 256, 256, 256)
        if not spinal:
            for name in [*self._modules][:5]:
                delattr(self, name)
            hidden = nn.Sequential(nn.Dropout(0.5), nn.Linear(256, 512), nn.BatchNorm1d(512), nn.ReLU())
            self.classifier = nn.Sequential(*hidden, nn.Dropout(0.5), nn.Linear(512, 10))
        self.spinal = spinal

    def forward(self, x):
        x = self.l4(self.l3(self.l2(self.l1(x)))).flatten(1)
        return F.log_softmax(super().forward(x) if self.spinal else self.classifier(x), 1)


class Chain(nn.Module):
    """`fc1 … fcN` and `fcx`: the customizable head, or the regressions' net, which calls its third and fourth layer twice."""

    def __init__(self, features, splits, width, depth, classes, called=None):
        super().__init__()
        self.size = round(features / splits)
        for i in range(depth):
            setattr(self, f"fc{i + 1}", nn.Linear(self.size + (width if i else 0), width))
        self.fcx = nn.Linear(depth * width, classes)
        self.called = called or range(1, depth + 1)

    def forward(self, x):
        around = x
        while around.shape[1] < self.size * len(self.called):
            around = torch.cat([around, x], 1)
        reads = [around[:, self.size * i : self.size * (i + 1)] for i in range(len(self.called))]
        return spine(reads, [getattr(self, f"fc{i}") for i in self.called], self.fcx, F.leaky_relu)


def settled(net):
    """The net with running statistics that are not those of a fresh one, in evaluation mode."""
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return net.eval()


def same(ours, theirs, x):
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-6, rtol=0)


@pytest.mark.parametrize("spinal", [True, False])
@pytest.mark.parametrize("net", [SmallNet, VGGNet])
def test_whole_nets_give_the_same_logits(net, spinal):
    theirs = settled(net(spinal))
    for state in (theirs.state_dict(), {f"module.{key}": value for key, value in theirs.state_dict().items()}):
        ours = load_published(state)
        same(lambda x, ours=ours: F.log_softmax(ours(x), 1), theirs, torch.randn(5, 1, 28, 28))
        assert count_parameters(ours) == count_parameters(theirs) and not ours.training


def test_a_loaded_net_is_the_papers_own():
    from spinalnet_lib import create_model, paper_head

    for net, body in ((SmallNet, "two_conv"), (VGGNet, "vgg5")):
        for head in ("spinal", "mlp"):
            ours = load_published(net(head == "spinal").state_dict())
            assert str(ours) == str(create_model(body, head, 10, **paper_head(body, head)).eval())


@pytest.mark.parametrize("plain", [True, False])
def test_a_head_is_read_alone_or_out_of_a_larger_model(plain):
    theirs = settled(FourLayers(12, 5, 7, plain))
    x = torch.randn(6, 12)
    same(load_published(theirs.state_dict()), theirs, x)
    larger = nn.ModuleDict({"conv": nn.Conv2d(3, 12, 3), "fc": theirs})
    same(load_published(larger.state_dict(), prefix="fc."), theirs, x)


@pytest.mark.parametrize(
    "features, splits, depth", [(12, 2, 4), (7, 2, 5), (9, 2, 4), (10, 4, 12), (200, 4, 15), (5, 2, 3)]
)
def test_the_customizable_head_wraps_around(features, splits, depth):
    theirs = Chain(features, splits, 6, depth, 3)
    sizes = {"in_features": features, "num_splits": splits, "act_layer": "LeakyReLU"}
    ours = load_published(theirs.state_dict(), head="spinal_windows", **sizes)
    same(ours, theirs, torch.randn(4, features))
    same(
        lambda x: ours(x, pre_logits=True)[:, :6],
        lambda x: F.leaky_relu(theirs.fc1(x[:, : theirs.size])),
        torch.randn(4, features),
    )


def test_equal_windows_are_the_spinal_head():
    windows, plain = create_head("spinal_windows", 12, 3, layer_width=4), SpinalHead(12, 3, layer_width=4)
    plain.load_state_dict(windows.state_dict())
    same(windows, plain, torch.randn(5, 12))


def test_the_net_of_the_regressions_keeps_what_it_calls():
    theirs = Chain(8, 2, 50, 6, 1, called=(1, 2, 3, 4, 3, 4))
    ours = load_published(theirs.state_dict(), head="spinal_tied")
    same(ours, theirs, torch.randn(9, 8))
    assert (count_parameters(theirs), count_parameters(ours)) == (14_301, 8_801)


def test_what_is_no_published_net_is_refused_with_the_remedy():
    four, chain = FourLayers(12, 5, 7).state_dict(), Chain(12, 2, 6, 4, 3).state_dict()
    for state, given, says in (
        (four, {"in_features": 13}, "in_features=13"),
        (chain, {}, "spinal_windows"),
        (chain, {"head": "spinal"}, "spinal_tied"),
        (chain, {"head": "spinal_windows"}, "num_splits"),
        (chain, {"head": "spinal_windows", "in_features": 20, "num_splits": 2, "act_layer": "ReLU"}, "in_features=20"),
        (four, {"prefix": "fc."}, "fc."),
        ({**four, "fc_out.1.weight": torch.zeros(7, 19)}, {}, "19"),
        ({**four, "conv.weight": torch.zeros(4, 3, 3, 3), "conv.bias": torch.zeros(4)}, {}, "prefix"),
        ({**four, "fc_out.1.bias": torch.zeros(3)}, {}, "bias"),
        ({key: value for key, value in four.items() if "bias" not in key}, {}, "bias"),
        (nn.LayerNorm(5).state_dict(), {}, "published"),
        (nn.Linear(5, 3).state_dict(), {}, "published"),
        ({}, {}, "no layers"),
    ):
        with pytest.raises(ValueError, match=says):
            load_published(state, **given)
    with pytest.raises(TypeError, match="state_dict"):
        load_published(nn.Linear(3, 2))
    convolutions = {key: value for key, value in SmallNet(True).state_dict().items() if key.startswith("conv")}
    with pytest.raises(ValueError, match="320 features"):
        load_published({**convolutions, **four})
