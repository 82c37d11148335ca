import numpy as np
import pytest

from spinalnet_lib.checks import check_int, check_name, check_rate, plain


@pytest.mark.parametrize("value", [1, 7, np.int64(3)])
def test_whole_numbers_pass_as_int(value):
    assert check_int("F", "n", value) == value and type(check_int("F", "n", value)) is int


@pytest.mark.parametrize(
    ("value", "error"),
    [(0, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError), ("1", TypeError), (None, TypeError)],
)
def test_other_numbers_are_named_with_a_remedy(value, error):
    with pytest.raises(error, match=r"F: n must be .*; pass ") as caught:
        check_int("F", "n", value)
    assert str(value) in str(caught.value)


def test_the_minimum_and_the_remedy_can_be_set():
    assert check_int("F", "n", 0, minimum=0) == 0
    with pytest.raises(ValueError, match="at least 0, got -1; leave it out"):
        check_int("F", "n", -1, minimum=0, remedy="leave it out")


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.25), 0.999])
def test_rates_pass_as_float(value):
    assert check_rate("F", "p", value) == pytest.approx(value) and type(check_rate("F", "p", value)) is float


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (-0.1, ValueError),
        (1, ValueError),
        (float("nan"), ValueError),
        ("half", TypeError),
        (None, TypeError),
        (True, TypeError),
    ],
)
def test_other_rates_are_named(value, error):
    with pytest.raises(error, match="F: p must be") as caught:
        check_rate("F", "p", value)
    assert str(value) in str(caught.value)


def test_a_known_name_passes_and_an_unknown_one_says_the_near_ones():
    assert check_name("thing", "apple", ["pear", "apple"]) == "apple"
    with pytest.raises(ValueError, match=r"unknown thing 'aple'; did you mean 'apple'\? known: apple, kiwi"):
        check_name("thing", "aple", ["kiwi", "apple"])
    with pytest.raises(ValueError, match="unknown thing None; known: pear, here"):
        check_name("thing", None, ["pear"], hint=", here")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int32(3), 3),
        (np.float32(0.5), 0.5),
        ([np.int64(1), (np.int8(2),)], [1, (2,)]),
        (True, True),
        ("a", "a"),
        (None, None),
        (2j, 2j),
    ],
)
def test_numbers_of_numpy_become_pythons(value, expected):
    assert plain(value) == expected and type(plain(value)) is type(expected)
