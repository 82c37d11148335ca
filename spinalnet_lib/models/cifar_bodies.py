"""The bodies for 32×32 colour images: modules from `(N, in_chans, 32, 32)` to `(N, num_features)`.

Source: the scripts of github.com/dipuk0506/SpinalNet, folders CIFAR-10 and CIFAR-100, which share their bodies;
DenseNet after its paper. Weights are torch's defaults, also
where a script draws its own (ResNet: He's normal over the outputs): one rule for all bodies, and `train` draws anew.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .bodies import Backbone, register_backbone
from .mnist_bodies import VGG


@register_backbone
class CifarCNN(Backbone):
    """The six-convolution CNN of `CIFAR-10/CNN_dropout_CIFAR10.py`: 32×32 images to 4096 features.

    Only the first convolution of each block has a BatchNorm; whole channels are dropped after the second block.
    """

    name = "cifar_cnn"
    image_size = 32
    num_features = 4096

    def __init__(self, in_chans: int = 3):
        super().__init__(in_chans)
        self.layers = nn.Sequential(
            *self._block(in_chans, 32, 64),
            *self._block(64, 128, 128),
            nn.Dropout2d(0.05),
            *self._block(128, 256, 256),
        )

    @staticmethod
    def _block(in_chans: int, middle: int, out_chans: int) -> list[nn.Module]:
        return [
            nn.Conv2d(in_chans, middle, kernel_size=3, padding=1),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, out_chans, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]


def _conv_norm(in_chans: int, out_chans: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(in_chans, out_chans, kernel_size=3, stride=stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(out_chans)]


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut: `(N, in_chans, H, W) -> (N, out_chans, H / stride, W / stride)`.

    As published, and unlike He et al. (arXiv 1512.03385): no ReLU follows the addition, and the shortcut that
    changes the shape has a 3×3 convolution, not 1×1.
    """

    def __init__(self, in_chans: int, out_chans: int, stride: int):
        super().__init__()
        self.layers = nn.Sequential(
            *_conv_norm(in_chans, out_chans, stride), nn.ReLU(), *_conv_norm(out_chans, out_chans)
        )
        changes = stride != 1 or in_chans != out_chans
        self.shortcut = nn.Sequential(*_conv_norm(in_chans, out_chans, stride)) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + self.shortcut(x)


class ResNet(Backbone):
    """`CIFAR-10/ResNet_default_and_SpinalFC_CIFAR10.py`: half of He's widths; subclasses set `depths` and `pool`."""

    image_size = 32
    depths: tuple[int, ...]  # blocks in each stage
    pool: int

    def __init__(self, in_chans: int = 3):
        super().__init__(in_chans)
        layers: list[nn.Module] = [*_conv_norm(in_chans, 32), nn.ReLU(), nn.Dropout2d(0.02)]
        in_chans = 32
        for width, depth, stride in zip((32, 64, 128, 256), self.depths, (1, 2, 2, 2), strict=True):
            for i in range(depth):
                layers.append(BasicBlock(in_chans, width, 1 if i else stride))
                in_chans = width
        self.layers = nn.Sequential(*layers, nn.MaxPool2d(self.pool))
        self.num_features = 256 * (4 // self.pool) ** 2  # the last map is 4×4


@register_backbone
class ResNet18(ResNet):
    """The paper's ResNet-18 with its last map pooled to one cell: 32×32 images to 256 features."""

    name = "resnet18"
    depths = (2, 2, 2, 2)
    pool = 4


@register_backbone
class ResNet34(ResNet):
    """The paper's ResNet-34 with its last map pooled to one cell: 32×32 images to 256 features."""

    name = "resnet34"
    depths = (3, 4, 6, 3)
    pool = 4


@register_backbone
class ResNet18Cells(ResNet18):
    """The paper's `SpinalResNet18`: the last map pooled to 2×2 cells, `(N, 256, 2, 2)` flattened to 1024 features.

    Channel after channel, four cells each; the head "spinal_spatial" reads it cell after cell. The baseline
    "resnet18" sees one cell: the two differ in more than the head.
    """

    name = "resnet18_cells"
    pool = 2


@register_backbone
class ResNet34Cells(ResNet34):
    """The paper's `SpinalResNet34`, 1024 features as "resnet18_cells"."""

    name = "resnet34_cells"
    pool = 2


class CifarVGG(VGG):
    """`CIFAR-10/VGG_default_and_SpinalFC_CIFAR10.py`: VGG's configurations (arXiv 1409.1556), 512 features."""

    image_size = 32
    num_features = 512

    def __init__(self, in_chans: int = 3):
        super().__init__(in_chans)


@register_backbone
class VGG11BN(CifarVGG):
    """VGG-11 with BatchNorm, eight convolutions: 32×32 images to 512 features."""

    name = "vgg11_bn"
    blocks = ((64,), (128,), (256,) * 2, (512,) * 2, (512,) * 2)


@register_backbone
class VGG13BN(CifarVGG):
    """VGG-13 with BatchNorm, ten convolutions: 32×32 images to 512 features."""

    name = "vgg13_bn"
    blocks = ((64,) * 2, (128,) * 2, (256,) * 2, (512,) * 2, (512,) * 2)


@register_backbone
class VGG16BN(CifarVGG):
    """VGG-16 with BatchNorm, thirteen convolutions: 32×32 images to 512 features."""

    name = "vgg16_bn"
    blocks = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)


@register_backbone
class VGG19BN(CifarVGG):
    """VGG-19 with BatchNorm, sixteen convolutions: 32×32 images to 512 features."""

    name = "vgg19_bn"
    blocks = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)


class DenseLayer(nn.Module):
    """Adds `growth` channels to its input: `(N, in_chans, H, W) -> (N, in_chans + growth, H, W)`.

    A 1×1 convolution to `4 * growth` channels comes first (the bottleneck, the B of DenseNet-BC).
    """

    def __init__(self, in_chans: int, growth: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(in_chans),
            nn.ReLU(),
            nn.Conv2d(in_chans, 4 * growth, kernel_size=1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, kernel_size=3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layers(x)], dim=1)


@register_backbone
class DenseNet121(Backbone):
    """DenseNet-BC with growth 32 and blocks of 6, 12, 24, 16 layers: 32×32 images to 1024 features.

    Source: Huang et al., *Densely Connected Convolutional Networks*, arXiv 1608.06993, table 1. For 32×32 images the
    stem is a 3×3 convolution without pooling, as in that paper's CIFAR networks. Not one of SpinalNet's final scripts.
    """

    name = "densenet121"
    image_size = 32
    num_features = 1024
    growth = 32
    depths = (6, 12, 24, 16)

    def __init__(self, in_chans: int = 3):
        super().__init__(in_chans)
        chans = 2 * self.growth
        layers: list[nn.Module] = [nn.Conv2d(in_chans, chans, kernel_size=3, padding=1, bias=False)]
        for block, depth in enumerate(self.depths):
            if block:  # a transition halves channels and map (compression 0.5, the C of DenseNet-BC)
                layers += [nn.BatchNorm2d(chans), nn.ReLU(), nn.Conv2d(chans, chans // 2, kernel_size=1, bias=False)]
                layers.append(nn.AvgPool2d(2))
                chans //= 2
            for _ in range(depth):
                layers.append(DenseLayer(chans, self.growth))
                chans += self.growth
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(chans), nn.ReLU(), nn.AvgPool2d(4))
