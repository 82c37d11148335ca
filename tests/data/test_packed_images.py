"""Small images as text, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinalnet_lib.data.packed_images import pack_images, unpack_images


@given(st.lists(st.sampled_from([0, 0, 0, 0, 1, 7, 15]), max_size=200))
def test_what_was_packed_comes_back(shades):
    text = pack_images(np.array(shades, np.uint8))
    assert unpack_images(text, len(shades)).tolist() == shades


def test_black_is_short_and_a_blank_image_is_no_text_at_all():
    assert pack_images(np.zeros((28, 28))) == "" and not unpack_images("", 784).any()
    assert len(pack_images(np.r_[np.zeros(783), 1])) < 784 / 4
    assert all(
        letter.isalnum() or letter in "-_" for letter in pack_images(np.random.default_rng(0).integers(16, size=999))
    )


@pytest.mark.parametrize("text", ["a", "abcde", "ab+/", "ab==", "ä" * 4, "ab cd", "abcd\n"])
def test_text_that_is_no_packed_image_is_refused_by_its_value(text):
    with pytest.raises(ValueError, match="packed images"):
        unpack_images(text, 784)


def test_what_runs_over_the_end_is_left_out():
    text = pack_images(np.full(10, 3))
    assert unpack_images(text, 4).tolist() == [3] * 4
    assert unpack_images(pack_images(np.r_[np.zeros(30), 9]), 5).tolist() == [0] * 5
