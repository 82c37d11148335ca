"""The bodies for 28×28 images: modules from `(N, in_chans, 28, 28)` to `(N, num_features)`.

Source: the scripts of github.com/dipuk0506/SpinalNet, folders MNIST and MNIST_VGG. Biases before BatchNorm are kept, as
published, so that parameter counts equal the paper's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .bodies import Backbone, register_backbone


@register_backbone
class TwoConv(Backbone):
    """The 2-conv CNN of `MNIST/SpinalNet_MNIST.py` (PyTorch's MNIST example of 2020): 28×28 images to 320 features."""

    name = "two_conv"
    image_size = 28
    num_features = 320

    def __init__(self, in_chans: int = 1):
        super().__init__(in_chans)
        self.layers = nn.Sequential(
            nn.Conv2d(in_chans, 10, kernel_size=5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(10, 20, kernel_size=5),
            nn.Dropout2d(0.5),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )


@register_backbone
class Arch2(TwoConv):
    """The 2-conv CNN with taps, `MNIST/Arch2_MNIST.py`: 28×28 images to 2544 features (one channel).

    They are the pixels (784), the first map after pooling and ReLU (1440) and the second map (320), in this order;
    the head "spinal_columns" has a spine for each.
    """

    name = "arch2"

    def __init__(self, in_chans: int = 1):
        super().__init__(in_chans)
        self.num_features = self.in_chans * 28**2 + 10 * 12**2 + 20 * 4**2

    def forward_features(self, x: Tensor) -> Tensor:
        first = self.layers[:3](x)  # convolution, pooling, ReLU
        return torch.cat([x.flatten(1), first.flatten(1), self.layers[3:](first).flatten(1)], dim=1)


class VGG(Backbone):
    """Blocks of 3×3 convolutions, each with BatchNorm and ReLU; a pooling after each block. Subclasses set `blocks`."""

    blocks: tuple[tuple[int, ...], ...]

    def __init__(self, in_chans: int = 1):
        super().__init__(in_chans)
        layers: list[nn.Module] = []
        for block in self.blocks:
            for width in block:
                layers += [nn.Conv2d(in_chans, width, kernel_size=3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                in_chans = width
            layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)


@register_backbone
class VGG5(VGG):
    """The paper's "VGG-5" of `MNIST_VGG`: ten convolutions in four blocks, 28×28 images to 256 features."""

    name = "vgg5"
    image_size = 28
    num_features = 256
    blocks = ((64, 64), (128, 128), (256, 256, 256), (256, 256, 256))
