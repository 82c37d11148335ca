"""Heads by name; a new head is one class and one line."""

import numpy as np
import pytest
import torch

from spinalnet_lib import (
    LinearHead,
    SpinalHead,
    create_head,
    head_cost,
    list_heads,
    register_head,
    width_for_parameters,
)
from spinalnet_lib.heads import registry


@pytest.mark.parametrize(("name", "near"), [("spinel", "spinal"), ("Linear", "linear")])
def test_unknown_head_says_the_near_one(name, near):
    with pytest.raises(ValueError, match=f"did you mean '{near}'"):
        create_head(name, 8, 2)


@pytest.mark.parametrize("name", ["", None])
def test_a_name_like_nothing_lists_all(name):
    with pytest.raises(ValueError, match=f"known: {', '.join(list_heads())}"):
        create_head(name, 8, 2)


@pytest.fixture
def unregistered(monkeypatch):
    """What a test registers is gone after it."""
    monkeypatch.setattr(registry, "_HEADS", dict(registry._HEADS))


@pytest.mark.usefixtures("unregistered")
def test_a_new_head_is_one_class_and_one_line():
    @register_head("wide")
    class WideHead(SpinalHead):
        def __init__(self, in_features, num_classes, *, times=2, **kwargs):
            super().__init__(in_features, num_classes, **kwargs)
            self.times = times

        def hidden(self, x):
            return self.times * super().hidden(x)

    head = create_head("wide", 20, 7, layer_width=6, times=3)
    assert "wide" in list_heads() and head(torch.zeros(1, 20)).shape == (1, 7) and head.times == 3
    assert head_cost("wide", 20, 7, layer_width=6) == head_cost("spinal", 20, 7, layer_width=6)
    assert width_for_parameters("wide", 1000, 20, 7) == width_for_parameters("spinal", 1000, 20, 7)
    with pytest.raises(TypeError, match="'wide' takes no 'time'; did you mean 'times'"):
        create_head("wide", 20, 7, layer_width=6, time=3)
    with pytest.raises(TypeError, match="'wide' needs layer_width"):
        create_head("wide", 20, 7)
    with pytest.raises(ValueError, match="'wide' is registered already"):
        register_head("wide")
    with pytest.raises(TypeError, match=r"takes a name.*WideHead"):
        register_head(WideHead)


@pytest.mark.usefixtures("unregistered")
def test_a_function_may_be_registered():
    @register_head("tiny")
    def tiny(in_features, num_classes, **kwargs):
        return LinearHead(in_features, num_classes, **kwargs)

    assert create_head("tiny", 4, 2, drop_rate=0.5).classifier_drop.p == 0.5
    with pytest.raises(TypeError, match="rate"):
        create_head("tiny", 4, 2, rate=0.5)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: create_head("spinal", 20, 7), "head 'spinal' needs layer_width"),
        (lambda: head_cost("spinal", 20, 7), "head 'spinal' needs layer_width"),
        (lambda: create_head("spinal", 20, 7, layer_widht=3), "no 'layer_widht'; did you mean 'layer_width'"),
        (lambda: create_head("spinal_overlap", 20, 7, layer_width=3, num_layer=3), "did you mean 'num_layers'"),
        (lambda: create_head("spinal_full", 20, 7, layer_width=3, num_splits=2), "'spinal_full' takes no 'num_splits'"),
        (lambda: head_cost("linear", 20, 7, layer_width=3), "head 'linear' takes no 'layer_width'; it takes drop_rate"),
        (lambda: create_head("linear", 20, 7, 6), "background_class must be True or False, got 6"),
    ],
)
def test_a_slip_is_named_with_its_remedy(call, says):
    with pytest.raises(TypeError, match=says):
        call()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int32(3), 3),
        (np.float32(0.5), 0.5),
        ([np.int64(1), (np.int8(2),)], [1, (2,)]),
        (True, True),
        (None, None),
    ],
)
def test_numbers_of_numpy_become_pythons(value, expected):
    assert registry.plain(value) == expected and type(registry.plain(value)) is type(expected)
