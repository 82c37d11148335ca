import re

import pytest
import torch

from spinalnet_lib import list_datasets, load_dataset
from spinalnet_lib.data.checking import check_dataset
from spinalnet_lib.data.facts import load_facts
from spinalnet_lib.show.plots import plot_images

SIZES = {"digits": (1797, 8), "mnist_5k": (5000, 28)}


@pytest.mark.parametrize("name", SIZES)
def test_shapes_and_types(name):
    data, (count, side) = load_dataset(name), SIZES[name]
    assert len(data.train) + len(data.val) + len(data.test) == count
    for split in (data.train, data.val, data.test):
        assert split.images.dtype == torch.uint8 and split.images.shape == (len(split), 1, side, side)
        assert split.labels.dtype == torch.int64 and split.labels.shape == (len(split),)
        assert set(split.labels.tolist()) == set(range(10))
    assert data.train.images.max() == 255


@pytest.mark.parametrize(
    ("name", "near"), [("minst", "mnist"), ("MNIST", "mnist"), ("digit", "digits"), ("mnist5k", "mnist_5k")]
)
def test_unknown_name_says_the_near_ones(name, near):
    with pytest.raises(ValueError, match="unknown data set") as caught:
        load_dataset(name)
    assert f"'{near}'" in str(caught.value)


PACKED = [name for name, facts in load_facts().items() if facts["source"] != "embedded"]


@pytest.mark.parametrize("name", PACKED)
def test_packed_sets_are_what_was_measured(name):
    """Every packed set loads, passes the check against the committed facts, and shows its grid."""
    if name not in list_datasets(present=True):
        pytest.skip("this packed set is not under the data root")
    data, compared = check_dataset(name)
    assert compared.endswith("as in the project's own records")
    facts = load_facts()[name]
    assert len(data.full_train) == facts["train"] and len(data.test) == facts["test"]
    assert data.card["num_classes"] == len(facts["images_per_class"]["train"])
    assert plot_images(data, per_class=2).alt


def test_the_list_of_skips_names_the_packed_sets_and_no_other(root):
    lines = (root / "tests" / "skips.txt").read_text().splitlines()
    assert {re.search(r"measured\[(.*)]", line)[1] for line in lines if "measured[" in line} == {*PACKED}
    assert {name for line in lines for name in re.findall(r"needs (\w+), which is not embedded", line)} <= {*PACKED}


def test_what_is_for_features_is_refused_for_images_and_the_other_way_round():
    with pytest.raises(TypeError, match="time_limit"):
        load_dataset("digits", time_limit=3)
    with pytest.raises(TypeError, match="size=64"):
        load_dataset("digits+efficientnet_lite0", size=64)
    with pytest.raises(TypeError, match="workers"):
        load_dataset("digits+efficientnet_lite0", workers=2)
