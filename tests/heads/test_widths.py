"""Crossovers and solved widths, against counts of the heads themselves."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinalnet_lib import cheaper_width_bound, head_cost, largest_cheaper_width, read_features, width_for_parameters


@settings(max_examples=6)
@given(data=st.data())
def test_a_solved_width_is_the_nearest(data):
    name = data.draw(st.sampled_from(["spinal", "mlp", "spinal_overlap"]))
    budget = data.draw(st.integers(1, 20_000))
    width = width_for_parameters(name, budget, 50, 7)
    argument = "hidden_sizes" if name == "mlp" else "layer_width"
    near = [w for w in (width, width - 1, width + 1) if w]
    assert width == min(near, key=lambda w: abs(head_cost(name, 50, 7, **{argument: w}).parameters - budget))


@settings(max_examples=60)
@given(st.integers(1, 3000), st.integers(1, 300), st.integers(1, 6), st.integers(1, 6))
def test_no_spinal_head_at_the_bound_is_cheaper(in_features, num_classes, splits, more):
    splits = min(splits, in_features)
    sizes = {"num_layers": splits + more - 1, "num_splits": splits}
    weights = head_cost("linear", in_features, num_classes).weights
    bound = cheaper_width_bound(weights, in_features, num_classes, **sizes)
    assert head_cost("spinal", in_features, num_classes, layer_width=math.ceil(bound) or 1, **sizes).weights >= weights
    assert largest_cheaper_width(weights, in_features, num_classes, **sizes) < max(bound, 1)


def test_the_bound_against_one_linear_is_the_papers_question():
    """Four layers, two splits: (C/2) / (1 + 2C/d)."""
    for d, classes in ((2048, 1000), (2048, 196), (256, 47)):
        expected = classes / 2 / (1 + 2 * classes / d)
        assert cheaper_width_bound(d * classes, d, classes) == pytest.approx(expected)


@settings(max_examples=100)
@given(st.data())
def test_the_crossing_is_where_the_count_crosses(data):
    in_features, num_classes = data.draw(st.integers(2, 80)), data.draw(st.integers(1, 40))
    layers = data.draw(st.integers(2, 6))
    weights = data.draw(st.integers(0, 20_000))
    width = largest_cheaper_width(weights, in_features, num_classes, layers)

    def count(w):
        return head_cost("spinal", in_features, num_classes, layer_width=w, num_layers=layers).weights if w else 0

    assert width == 0 or count(width) < weights
    assert count(width + 1) >= weights
    assert largest_cheaper_width(count(width + 1), in_features, num_classes, layers) == width  # as many is not fewer


@given(st.data())
def test_features_read_where_the_splits_divide_the_features_or_the_layers(data):
    """Proposition 2: S = dL/k if k divides d or L."""
    d, layers = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 12))
    splits = data.draw(st.integers(1, min(d, layers)).filter(lambda k: d % k == 0 or layers % k == 0))
    assert read_features(d, layers, splits) * splits == d * layers


def test_a_budget_near_the_bound_of_sizes_has_its_width():
    width = width_for_parameters("mlp", 95 * 10**9, 10, 10)
    assert width == (95 * 10**9 - 10) // 21


def test_numpys_numbers_do_not_overflow():
    assert largest_cheaper_width(np.int64(136_192), 256, 10) == 140


@pytest.mark.parametrize("name", ["linear", "mlp_matched", "spinal_big"])
def test_a_head_without_a_width_of_its_own_is_refused(name):
    with pytest.raises(ValueError, match=f"'{name}' has no width of its own"):
        width_for_parameters(name, 90, 8, 2)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: largest_cheaper_width(-1, 8, 2), "weights must be at least 0, got -1"),
        (lambda: width_for_parameters("spinal", 0, 8, 2), "parameters must be at least 1, got 0"),
        (lambda: width_for_parameters("mlp", 10**12, 8, 2), "parameters=1000000000000"),
        (lambda: width_for_parameters("mlp", 9, 10**12, 2), "in_features=1000000000000"),
        (lambda: read_features(3, 10**12, 1), "num_layers=1000000000000"),
        (lambda: read_features(10**12, 1, 10**12), "num_splits=1000000000000"),
        (lambda: width_for_parameters("spinal", 9, 8, 2, layer_width=3), "layer_width"),
        (lambda: cheaper_width_bound(-1, 8, 2), "weights must be at least 0, got -1"),
        (lambda: read_features(3, -1, 1), "num_layers must be at least 1, got -1"),
    ],
)
def test_wrong_sizes(call, says):
    with pytest.raises((ValueError, TypeError), match=says):
        call()
