"""The fast pooling against PyTorch's: every bit of the maxima and of the gradients, and where it stands in."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spinalnet_lib.models.bodies import create_backbone
from spinalnet_lib.models.pooling import MaxPool2x2, fast_pooling

FORMATS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(2, 6), st.integers(4, 9), st.integers(4, 9)),
    memory=st.sampled_from(sorted(FORMATS)),
    values=st.integers(1, 4),
    seed=st.integers(0, 2**31),
)
def test_maxima_and_gradients_are_those_of_pytorchs_pooling_to_the_last_bit(shape, memory, values, seed):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randint(-values, values, shape, generator=generator).float()  # so few values: many cells are equal
    ours, theirs = (maps.to(memory_format=FORMATS[memory], copy=True).requires_grad_() for _ in range(2))
    pooled, expected = MaxPool2x2()(ours), nn.MaxPool2d(2)(theirs)
    assert torch.equal(pooled, expected) and pooled.stride() == expected.stride()
    gradient = torch.randn(expected.shape, generator=generator)
    pooled.backward(gradient)
    expected.backward(gradient)
    assert torch.equal(ours.grad, theirs.grad) and ours.grad.stride() == theirs.grad.stride()


def test_what_is_not_a_number_stays_so():
    maps = torch.zeros(1, 1, 2, 4)
    maps[0, 0, 1, 2] = torch.nan
    assert MaxPool2x2()(maps).isnan().tolist() == [[[[False, True]]]]


def test_a_second_derivative_is_refused():
    maps = torch.randn(1, 1, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(MaxPool2x2()(maps).square().sum(), maps, create_graph=True)
    with pytest.raises(RuntimeError, match="twice"):
        gradient.sum().backward()


def kinds(module):
    return {name: type(part) for name, part in module.named_modules() if isinstance(part, nn.MaxPool2d)}


@pytest.mark.parametrize(("body", "count"), [("two_conv", 2), ("vgg5", 4), ("cifar_cnn", 3)])
def test_it_stands_in_for_poolings_of_two_by_two_and_goes_again(body, count):
    model = create_backbone(body)
    before = kinds(model)
    with fast_pooling(model):
        assert list(kinds(model).values()) == [MaxPool2x2] * count
        model.eval()
    assert kinds(model) == before and not any(part.training for part in model.modules())


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(3),
        nn.MaxPool2d(2, stride=1),
        nn.MaxPool2d(2, padding=1),
        nn.MaxPool2d(2, dilation=2),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(2, return_indices=True),
        nn.AvgPool2d(2),
    ],
)
def test_another_pooling_stays_as_it_is(pool):
    model = nn.Sequential(pool, nn.MaxPool2d((2, 2)))
    with fast_pooling(model):
        assert model[0] is pool and type(model[1]) is MaxPool2x2
