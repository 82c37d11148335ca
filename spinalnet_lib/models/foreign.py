"""Classification models of torchvision and timm as bodies: what they make of an image before their classifier."""

from __future__ import annotations

import copy
import logging
import pickle
import warnings
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..checks import check_int, check_name, needs
from ..heads.dense import LinearHead
from .bodies import Backbone, register_library
from .replace_head import replace_head
from .weights import weights_sha256


class Foreign(NamedTuple):
    """A network without its classifier, how many features it gives, and how its publisher feeds it images."""

    network: nn.Module
    num_features: int
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def load_foreign(name: str, pretrained: bool) -> Foreign:
    """The model of "torchvision:NAME" or "timm:NAME", with its publisher's weights or as its library draws them.

    Under `torch.device("meta")` it has no memory, as to count it. torchvision checks the hash in a file's name, timm's come
    as safetensors from its hub. Raises ValueError for an unknown name, ImportError where the library is missing, OSError
    where weights cannot be downloaded.
    """
    if torch.get_default_device().type == "meta" and not pretrained:
        found = _without_memory(name)
        return found._replace(network=copy.deepcopy(found.network))
    with torch.device("cpu"):
        return _build(name, pretrained)


@cache
def _without_memory(name: str) -> Foreign:
    """Kept, as a sweep asks for one a cell."""
    try:
        with torch.device("meta"):
            return _build(name, pretrained=False)
    except (RuntimeError, NotImplementedError):  # a network that reads numbers off its weights while it is built
        with torch.device("cpu"):
            return _build(name, pretrained=False)


def _build(name: str, pretrained: bool) -> Foreign:
    library, _, model = name.partition(":")
    return _LIBRARIES[check_name("library", library, _LIBRARIES)](name, model, pretrained)


class ForeignBody(Backbone):
    """A classification model of torchvision or timm without its classifier: `(N, 3, S, S)` to `(N, num_features)`.

    S is the size that its publisher evaluates it at, unless `image_size` is given; images are normalised as the publisher
    does. With `in_chans=1` a grey image is repeated to the three channels. Its first weights are the library's own draw.
    Raises ValueError for a size that the network does not take.
    """

    at_once = 100
    repeats_grey = True

    def __init__(self, name: str, in_chans: int = 3, image_size: int | None = None):
        if in_chans not in (1, 3):
            raise ValueError(f"backbone {name!r}: in_chans must be 3, or 1 for grey images, got {in_chans!r}")
        super().__init__(in_chans)
        found = load_foreign(name, pretrained=False)
        self.name, self.network, self.num_features = name, found.network, found.num_features
        self.image_size = found.size if image_size is None else check_int("ForeignBody", "image_size", image_size)
        grey = in_chans == 1
        self.mean, self.std = ((sum(v) / len(v),) if grey else tuple(v) for v in (found.mean, found.std))
        if self.image_size != found.size:
            self._check_size(found.size)

    def _check_size(self, usual: int) -> None:
        training = self.network.training
        try:
            like = next(self.network.parameters())
            with torch.no_grad():
                self.network.eval()(torch.zeros(1, 3, self.image_size, self.image_size, device=like.device))
        except Exception as error:  # whatever a network says of a size that it does not take
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"backbone {self.name!r} takes no images of {self.image_size} × {self.image_size} ({said}); its own size is {usual}"
            ) from error
        self.network.train(training)

    def draw_weights(self) -> None:
        """Draw all weights as the library does, from torch's generator."""
        self.network.load_state_dict(load_foreign(self.name, pretrained=False).network.state_dict())

    def load_pretrained(self) -> None:
        """Take the publisher's weights."""
        found = load_foreign(self.name, pretrained=True).network
        _HASHES[self.name] = weights_sha256(found)
        self.network.load_state_dict(found.state_dict())

    def pretrained_sha256(self) -> str:
        """The hash of the publisher's weights."""
        if self.name not in _HASHES:
            _HASHES[self.name] = weights_sha256(load_foreign(self.name, pretrained=True).network)
        return _HASHES[self.name]

    def forward_features(self, x: Tensor) -> Tensor:
        return self.network(x.expand(-1, 3, -1, -1)).flatten(1)


_HASHES: dict[str, str] = {}  # of publishers' weights, by name


# Of googlenet and inception_v3: no classifiers that work in training alone, and images rescaled as published weights
# want them, which torchvision does only where it loads these.
_OF_INCEPTION = {"aux_logits": False, "aux1": None, "aux2": None, "AuxLogits": None, "transform_input": True}


def _torchvision(name: str, model: str, pretrained: bool) -> Foreign:
    with needs("data"):
        from torchvision import models

    check_name(
        "torchvision model", model, models.list_models(module=models), "; torchvision.models.list_models() has all"
    )
    weights = models.get_model_weights(model).DEFAULT
    view = weights.transforms()
    # A ViT without weights is as the published one: of some the published size is not the usual one.
    sizes = {"image_size": view.crop_size[0]} if model.startswith("vit_") else {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The default weight initialization", FutureWarning)
        network = _downloaded(
            name,
            pretrained,
            torch.hub.get_dir(),
            lambda: models.get_model(model, weights=weights if pretrained else None, **sizes),
        )
    for part, value in _OF_INCEPTION.items():
        if hasattr(network, part):
            setattr(network, part, value)
    replace_head(network, "linear")
    features = 0
    for head in network.modules():
        if isinstance(head, LinearHead):
            features = head.in_features
            head.reset(0)  # gives the features that it reads
    return Foreign(network, features, view.crop_size[0], tuple(view.mean), tuple(view.std))


def _timm(name: str, model: str, pretrained: bool) -> Foreign:
    with needs("timm"):
        import timm
    check_name("timm model", model.partition(".")[0], timm.list_models(), "; timm.list_models() has all")
    network = _downloaded(
        name,
        pretrained,
        "the cache of huggingface_hub",
        lambda: timm.create_model(model, pretrained=pretrained, num_classes=0),
    )
    view = timm.data.resolve_data_config({}, model=network)
    features = getattr(network, "head_hidden_size", network.num_features)
    return Foreign(network, features, view["input_size"][-1], tuple(view["mean"]), tuple(view["std"]))


def _downloaded(name: str, pretrained: bool, kept: str, build: Callable[[], nn.Module]) -> nn.Module:
    """What `build` gives; `kept` is where its library keeps files of weights."""
    if not pretrained:
        return build()
    hub = logging.getLogger("huggingface_hub")
    level = hub.level
    hub.setLevel(logging.ERROR)  # it tells of each of its retries
    try:
        return build()
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:  # without a network, or a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise OSError(
            f"the weights of {name} cannot be had ({reason}); connect to the internet and try again, delete a damaged file "
            f"under {kept}, begin with weights drawn from the seed (pretrained=False; in a command --start seed), or take "
            "'efficientnet_lite0', whose weights come with its package"
        ) from error
    finally:
        hub.setLevel(level)


_LIBRARIES: dict[str, Callable[[str, str, bool], Foreign]] = {"torchvision": _torchvision, "timm": _timm}
for _name in _LIBRARIES:
    register_library(_name, ForeignBody)
