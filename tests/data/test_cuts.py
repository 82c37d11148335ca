import numpy as np
import pytest
import torch

from spinalnet_lib import load_dataset
from spinalnet_lib.data.cuts import cut_anew, stratified_cut
from spinalnet_lib.data.regression import regression_data
from spinalnet_lib.data.splits import VALIDATION_SHARE


def images_of(split):
    return {image.numpy().tobytes() for image in split.images}


def test_a_share_of_every_class_is_cut():
    labels = np.repeat([0, 1, 2], [60, 30, 12])
    kept, cut = stratified_cut(labels, VALIDATION_SHARE)
    assert np.bincount(labels[cut]).tolist() == [10, 5, 2]
    assert sorted([*kept, *cut]) == list(range(len(labels)))


def test_another_seed_holds_out_other_images_and_the_test_part_stays():
    data = load_dataset("digits")
    one, again, other = (load_dataset("digits", cut_seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.val.images, again.val.images) and one.sha256 == again.sha256
    assert images_of(one.val) != images_of(other.val) != images_of(data.val)
    assert len({d.sha256 for d in (data, one, other)}) == 3
    for cut in (one, other):
        assert torch.equal(cut.test.images, data.test.images)
        assert images_of(cut.train) | images_of(cut.val) == images_of(data.full_train)
        assert len(cut.train) + len(cut.val) == len(data.full_train)
        share = torch.bincount(cut.val.labels) / torch.bincount(data.full_train.labels)
        assert (share - VALIDATION_SHARE).abs().max() < 0.005
        assert torch.equal(cut.train.mean, cut.test.mean) and not torch.equal(cut.train.mean, data.train.mean)


def test_so_many_of_each_class_are_trained_on_and_more_hold_fewer():
    few, more, every = (load_dataset("digits", cut_seed=3, train_per_class=n) for n in (5, 50, None))
    assert torch.bincount(few.train.labels).tolist() == [5] * 10
    assert torch.bincount(more.train.labels).tolist() == [50] * 10
    assert images_of(few.train) < images_of(more.train) < images_of(every.train)
    assert torch.equal(few.val.images, every.val.images)
    assert len({d.sha256 for d in (few, more, every)}) == 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"cut_seed": -1}, "cut_seed"),
        ({"cut_seed": 0, "train_per_class": 0}, "train_per_class"),
        ({"cut_seed": 0, "train_per_class": 10_000}, "train_per_class=10000"),
        ({"train_per_class": 5}, "cut_seed"),
    ],
)
def test_a_cut_that_cannot_be_made_says_why(arguments, named):
    with pytest.raises(ValueError, match=named):
        load_dataset("digits", **arguments)


def test_a_regression_has_no_classes_to_draw_from():
    with pytest.raises(ValueError, match="cut_seed=0"):
        cut_anew(regression_data("regression_sum", 0), 0)


def test_a_few_of_the_images_held_out_are_looked_at():
    data = load_dataset("digits")
    whole, few = cut_anew(data, 3), cut_anew(data, 3, val_per_class=2)
    assert torch.bincount(few.val.labels).tolist() == [2] * 10 and len(few.train) == len(whole.train)
    assert few.sha256 != whole.sha256 and "val_per_class" not in whole.card["cut"]
    with pytest.raises(ValueError, match=r"val_per_class.*0"):
        cut_anew(data, 3, val_per_class=0)
