"""Batches prepared ahead are the batches of the order, and a run that goes on draws the same warps again."""

from dataclasses import replace

import pytest
import torch

from spinalnet_lib import TrainConfig, load_dataset
from spinalnet_lib.data.augment import Augmentation
from spinalnet_lib.training.batches import Batches

CONFIG = TrainConfig(batch_size=10, augmentation=Augmentation(degrees=10, padding=2))


@pytest.fixture(scope="module")
def split():
    whole = load_dataset("digits").train
    return type(whole)(whole.images[:95], whole.labels[:95], whole.statistics)


def batches_of(split, ahead, config=CONFIG):
    batches = Batches(split, config, torch.Generator().manual_seed(0))
    batches.ahead = ahead
    return batches


def epoch(batches, order, first=0):
    return [batches.take(order, position) for position in range(first, 10)]


def test_on_a_cpu_each_batch_is_made_when_it_is_needed(split):
    assert Batches(split, replace(CONFIG, fast=True), torch.Generator()).ahead == 1


def test_without_warps_they_are_the_splits_own(split):
    order = torch.randperm(95, generator=torch.Generator().manual_seed(1))
    plain = replace(CONFIG, augmentation=None)
    for ahead in (1, 4, 100):
        for position, (images, labels) in enumerate(epoch(batches_of(split, ahead, plain), order)):
            expected = split.batch(order[position * 10 : position * 10 + 10])
            assert torch.equal(images, expected[0]) and torch.equal(labels, expected[1])


@pytest.mark.parametrize("ahead", [1, 4, 100])
@pytest.mark.parametrize("stop", [1, 4, 9])
def test_a_generator_saved_anywhere_gives_the_rest_again(split, ahead, stop):
    order = torch.randperm(95, generator=torch.Generator().manual_seed(1))
    whole = batches_of(split, ahead)
    two_epochs = epoch(whole, order) + epoch(whole, order)
    begun = batches_of(split, ahead)
    for position in range(stop):
        begun.take(order, position)
    gone_on = batches_of(split, ahead)
    gone_on.generator.set_state(begun.generator.get_state())
    rest = epoch(gone_on, order, stop) + epoch(gone_on, order)
    for (images, labels), (expected, expected_labels) in zip(rest, two_epochs[stop:], strict=True):
        assert torch.equal(images, expected) and torch.equal(labels, expected_labels)


def test_each_warp_is_a_draw_of_its_own(split):
    order = torch.zeros(95, dtype=torch.long)
    images = torch.cat([images for images, _ in epoch(batches_of(split, 4), order)])
    assert len(images.flatten(1).unique(dim=0)) > 90
