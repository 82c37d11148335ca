"""Small photographs in class folders, for the tests of whatever reads them."""

import numpy as np
from PIL import Image


def write_photo(path, seed=0, size=(40, 30), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1] // 10 + 1, size[0] // 10 + 1, 3), dtype=np.uint8)
    Image.fromarray(noise).resize(size).convert(mode).save(path)
    return path


def write_classes(folder, classes, per_class, suffix=".png", first_seed=0):
    for c, name in enumerate(classes):
        for i in range(per_class):
            write_photo(folder / name / f"image_{i:04d}{suffix}", first_seed + 1000 * c + i)
    return folder
