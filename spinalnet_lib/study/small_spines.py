"""The spines of *A letter on your back*: trained on pixels, read on validation images, packed with some of those.

They show what trained spines do. They are no runs of the study, nothing is compared with them, and test sets stay closed.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import numpy as np

from ..checks import check_name
from ..data.augment import Augmentation
from ..data.packed_images import SHADES, pack_images
from ..data.splits import DataSet, Split
from ..datasets import load_dataset
from ..models.classifier import create_model
from ..models.small_spine import ALPHABETS, SmallSpine, pack_matrices, unpack_spine
from ..training.config import TrainConfig, describe_recipe
from ..training.loop import train

LEVELS, WIDTH, SIDE = 7, 32, 28
SEED = 0
STORED = 200  # images in the file, drawn from those held out
SOURCES = dict(zip(ALPHABETS, ("mnist", "emnist_letters", "kmnist_10k"), strict=True))
_EPOCHS = {"digits": 12, "letters": 12, "kuzushiji": 60}
_GAIN = 3.0  # of a pixel in [0, 1]; black stays 0, so that skin without touch sends nothing


def spine_recipe(alphabet: str) -> TrainConfig:
    """How the spine of an alphabet is trained; images move a little, as hands do."""
    return TrainConfig(
        optimizer="adam",
        learning_rate=0.003,
        batch_size=100,
        epochs=_EPOCHS[check_name("alphabet", alphabet, ALPHABETS)],
        schedule="cosine",
        augmentation=Augmentation(padding=2, degrees=10),
        statistics=((0.0,), (1 / _GAIN,)),
    )


def make_spine(alphabet: str, config: TrainConfig | None = None, data: DataSet | None = None) -> dict:
    """Train the spine of an alphabet on the data root's images and give the content of its file."""
    config, data = config or spine_recipe(alphabet), data or load_dataset(SOURCES[alphabet])
    upwards = replace(data, train=_from_below(data.train), val=_from_below(data.val))
    classes = data.card["classes"]
    sizes = {"layer_width": WIDTH, "num_layers": LEVELS, "num_splits": LEVELS}
    model = create_model("pixels", "spinal", len(classes), image_size=SIDE, **sizes)
    record = train(model, upwards, config, SEED, "cpu", progress=False)
    linears = [*(layer.linear for layer in model.head.layers), model.head.classifier]
    matrices = [linear.weight.detach().double().numpy() for linear in linears]
    for matrix in matrices[:-1]:
        matrix[:, : SIDE**2 // LEVELS] *= _GAIN
    packed = pack_matrices(matrices)
    chosen = np.random.default_rng(SEED).permutation(len(data.val))[:STORED]
    card = {
        "data": data.name,
        "title": data.card["title"],
        "licence": data.card["licence"],
        "seed": SEED,
        "recipe": describe_recipe(config),
        "run": record.key,
        "made_with": {"torch": record.torch, "threads": record.threads, "device": record.device_name},
        "images": {"train": len(data.train), "validation": len(data.val)},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "validation_accuracy": round(1 - record.curve[-1]["val_error"], 6),
    }
    content = {
        "alphabet": alphabet,
        "classes": classes,
        "side": SIDE,
        "levels": LEVELS,
        "width": WIDTH,
        "biases": [[round(float(b), 5) for b in linear.bias.detach()] for linear in linears],
        **packed,
        "labels": data.val.labels[chosen].tolist(),
        "images": pack_images(in_shades(data.val.images[chosen].numpy())),
        "card": card,
    }
    card["validation_accuracy_int8"] = round(_accuracy(unpack_spine(content), data.val), 6)
    card["validation_right"] = count_right(unpack_spine(content), data.val)
    card["bytes"] = len(base64.urlsafe_b64decode(packed["int8"]))
    card["sha256"] = weights_hash(content)
    return content


def in_shades(images: np.ndarray) -> np.ndarray:
    """Bytes to shades from 0 to 15."""
    return np.rint(images / 255 * SHADES).astype(np.uint8)


def count_right(spine: SmallSpine, split: Split) -> int:
    """How many images of a split are read right in the shades that a page has of them."""
    images = in_shades(split.images[:, 0].numpy())
    return int((spine.climb(images)[:, -1].argmax(axis=1) == split.labels.numpy()).sum())


def weights_hash(content: dict) -> str:
    """SHA-256 of a file's weights as they stand in it."""
    return hashlib.sha256(f"{content['scales']} {content['biases']} {content['int8']}".encode()).hexdigest()


def _accuracy(spine: SmallSpine, split: Split) -> float:
    images = split.images[:, 0].numpy() / 255 * SHADES
    return float((spine.climb(images)[:, -1].argmax(axis=1) == split.labels.numpy()).mean())


def _from_below(split: Split) -> Split:
    """The same images with their rows from below: the first band a spine reads is the lowest."""
    return Split(split.images.flip(2), split.labels)
