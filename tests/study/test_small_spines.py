"""How the small spines are made: in small, on few images; the shipped ones by their recipe."""

import dataclasses

import numpy as np
import pytest
import torch

from spinalnet_lib.data.splits import DataSet, Split
from spinalnet_lib.models.small_spine import ALPHABETS, read_spine, unpack_spine
from spinalnet_lib.study import small_spines
from spinalnet_lib.study.small_spines import in_shades, make_spine, spine_recipe
from spinalnet_lib.training.config import describe_recipe


@pytest.fixture
def stripes():
    """Two classes told by the lowest band alone: ink on its left or its right; other rows are noise."""
    random = np.random.default_rng(0)

    def split(n):
        labels = np.arange(n) % 2
        images = random.integers(0, 60, (n, 1, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[0, 24:, 14 * label : 14 * label + 14] = 255
        return Split(torch.from_numpy(images), torch.from_numpy(labels))

    card = {"name": "stripes", "title": "Stripes", "licence": "none", "num_classes": 2, "classes": ["left", "right"]}
    return DataSet(split(300), split(100), split(2), card)


def test_it_learns_from_the_lowest_band_at_level_one_and_packs_what_it_learned(stripes, monkeypatch):
    monkeypatch.setattr(small_spines, "STORED", 40)
    recipe = dataclasses.replace(spine_recipe("digits"), epochs=6, augmentation=None)
    content = make_spine("digits", recipe, stripes)
    again = make_spine("digits", recipe, stripes)
    assert content == again  # one seed, one file
    spine = unpack_spine(content)
    assert spine.classes == ["left", "right"] and len(spine.images) == 40
    assert spine.right() == 40 and spine.right("root-1") < 30
    assert content["card"]["validation_accuracy_int8"] == content["card"]["validation_accuracy"] == 1.0
    assert content["card"]["images"] == {"train": 300, "validation": 100} and content["card"]["validation_right"] == 100
    # Stored images are the validation images in shades, upright.
    stored = {image.tobytes() for image in spine.images}
    assert stored <= {image.tobytes() for image in in_shades(stripes.val.images[:, 0].numpy())}


def test_the_test_part_is_never_looked_at(stripes):
    recipe = dataclasses.replace(spine_recipe("digits"), epochs=1, augmentation=None)
    other = dataclasses.replace(stripes, test=Split(255 - stripes.test.images, 1 - stripes.test.labels))
    run = {"run": None}  # names the data set whole, its test part as well
    first, second = (make_spine("digits", recipe, data) for data in (stripes, other))
    assert {**first, "card": first["card"] | run} == {**second, "card": second["card"] | run}


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_the_shipped_files_were_made_by_this_recipe(alphabet):
    content = read_spine(alphabet)
    recipe = describe_recipe(spine_recipe(alphabet))
    assert content["card"]["recipe"] == _as_json(recipe) and content["card"]["seed"] == small_spines.SEED
    assert content["card"]["data"] == small_spines.SOURCES[alphabet] and len(content["labels"]) == small_spines.STORED
    sizes = content["levels"], content["width"], content["side"]
    assert sizes == (small_spines.LEVELS, small_spines.WIDTH, small_spines.SIDE)


def _as_json(value):
    if isinstance(value, dict):
        return {key: _as_json(each) for key, each in value.items()}
    return [_as_json(each) for each in value] if isinstance(value, (list, tuple)) else value


def test_another_alphabet_is_refused_by_name():
    with pytest.raises(ValueError, match="runes"):
        spine_recipe("runes")
