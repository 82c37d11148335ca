"""Small images at another size: as Pillow resizes them, and whatever is asked of a tensor."""

import numpy as np
import pytest
import torch
from PIL import Image

from spinalnet_lib import DataSet, Split, TrainConfig, create_model, train
from spinalnet_lib.data.resized import Resized

IMAGES = torch.randint(0, 256, (6, 3, 12, 12), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize("size", [7, 12, 30])
def test_images_are_those_of_pillow(size):
    found = Resized(IMAGES, size)[2].permute(1, 2, 0).numpy()
    theirs = np.asarray(Image.fromarray(IMAGES[2].permute(1, 2, 0).numpy()).resize((size, size), Image.BILINEAR))
    assert np.abs(found.astype(int) - theirs).max() <= 1  # Pillow rounds after each direction


def test_it_is_indexed_as_the_tensor_that_it_stands_for():
    lazy = Resized(IMAGES, 20)
    whole = lazy[:]
    index = torch.tensor([4, 0])
    assert lazy.shape == whole.shape == (6, 3, 20, 20) and lazy.dtype == whole.dtype and len(lazy) == 6
    assert torch.equal(lazy[index], whole[index]) and torch.equal(lazy[3], whole[3])
    assert torch.equal(torch.cat([*lazy.split(4)]), whole)
    assert torch.equal(lazy.index_select(0, index).joined(lazy.to("cpu"))[:], torch.cat([whole[index], whole]))


def test_a_run_on_resized_images_is_that_on_the_same_pixels():
    def run(images):
        split = Split(images, torch.arange(6) % 2, whole.statistics)
        data = DataSet(split, split, split, {"name": "noise", "num_classes": 2})
        model = create_model("pixels", "linear", 2, in_chans=3, image_size=20)
        return train(model, data, TrainConfig(steps=3, batch_size=3), 0, "cpu", progress=False)

    whole = Split(Resized(IMAGES, 20), torch.arange(6) % 2)
    lazy, decoded = run(Resized(IMAGES, 20)), run(Resized(IMAGES, 20)[:])
    assert lazy.curve == decoded.curve and lazy.dataset_sha256 != decoded.dataset_sha256
