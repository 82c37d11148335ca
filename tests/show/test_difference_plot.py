"""The figure of three differences says what the records say."""

import numpy as np

from spinalnet_lib import crossed_errors, load_records, mean_interval, plot_dropout_differences, signed

RECORDS = [r for r in load_records("first_training") if r.dataset == "mnist"]


def test_alt_text_and_dots_are_those_of_the_records():
    picture = plot_dropout_differences(RECORDS)
    (axes,) = picture.drawn().axes
    for row, (spinal, dense) in enumerate(crossed_errors(RECORDS).values()):
        pairs = [a - b for a, b in zip(spinal, dense, strict=True)]
        mean, low, high = mean_interval(pairs)
        assert f"{signed(mean)} ({signed(low)} to {signed(high)})" in picture.alt
        dots = axes.collections[2 * row].get_offsets()
        assert [x for x, _ in dots] == pairs


def test_the_colour_is_that_of_the_head_that_leads():
    (axes,) = plot_dropout_differences(RECORDS).drawn().axes
    colours = axes.collections[0].get_facecolors()
    pairs = [a - b for a, b in zip(*crossed_errors(RECORDS)["published"], strict=True)]
    assert len({tuple(colour) for colour in colours}) == len({np.sign(pair) for pair in pairs})
