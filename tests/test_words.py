"""Counts agree with their words, and signs are signs; nobody writes them another way."""

import math
import re

import pytest

from spinalnet_lib.words import counted, signed

SIGN_OF_PYTHON = re.compile(r":\+[\d,.]*[efg%]?\}")  # as in f"{gain:+.2f}"


@pytest.mark.parametrize(("n", "said"), [(0, "0 layers"), (1, "1 layer"), (4, "4 layers"), (25_088, "25,088 layers")])
def test_a_count_and_its_word_agree(n, said):
    assert counted(n, "layer") == said


@pytest.mark.parametrize(
    ("number", "spec", "said"),
    [
        (-0.126, "+.2f", "−0.13"),
        (0.126, "+.2f", "+0.13"),
        (-0.004, "+.2f", "0.00"),
        (0.004, "+.2f", "0.00"),
        (-0.004, "+.1%", "−0.4%"),
        (-1234.5, ",.0f", "−1,234"),
        (-2.5e-7, ".3g", "−2.5e−07"),
        (0.0, ".3g", "0"),
        (-math.inf, ".3g", "−inf"),
    ],
)
def test_a_number_below_zero_has_a_minus_and_zero_no_sign(number, spec, said):
    assert signed(number, spec) == said


def test_what_is_shown_writes_signs_by_the_one_helper(root):
    rooms = [path for room in ("study", "show", "widgets") for path in (root / "spinalnet_lib" / room).rglob("*.py")]
    for path in [*rooms, *(root / "book").rglob("*.ipynb")]:
        assert not SIGN_OF_PYTHON.search(path.read_text()), path
