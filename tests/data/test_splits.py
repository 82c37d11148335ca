import pytest
import torch

from spinalnet_lib.data.splits import Split


def images(count, channels=1):
    return torch.arange(count * channels * 16).remainder(251).to(torch.uint8).view(count, channels, 4, 4)


@pytest.mark.parametrize("count", [0, 3, 6])
def test_images_and_labels_are_as_many(count):
    with pytest.raises(ValueError, match=rf"5 images.*{count} labels"):
        Split(images(5), torch.zeros(count, dtype=torch.int64))


def test_a_label_counts_from_0():
    with pytest.raises(ValueError, match="-2"):
        Split(images(3), torch.tensor([0, -2, 1]))
    assert len(Split(images(3), torch.tensor([0.0, -2.0, 1.0]))) == 3  # the target of a regression
