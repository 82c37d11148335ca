import pytest
from matplotlib.figure import Figure

from spinalnet_lib import SpinalHead, draw_heads, draw_touch_to_layers
from spinalnet_lib.heads.counting import count_weights
from spinalnet_lib.show.palette import LIGHT
from tests.show.cases import assert_drawn_with_words

PICTURES = {"touch": draw_touch_to_layers, "heads": lambda: draw_heads(17, 5, 12, 3, 4, num_splits=3)}


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_every_diagram_is_drawn_with_words(make):
    assert_drawn_with_words(make())


def test_weights_in_the_heads_picture_are_counted():
    assert "136,192 weights" in draw_heads(256, 10, 512, 128, 4).alt
    assert "119,808 weights" in draw_heads(256, 10, 512, 128, 4).alt


def test_in_the_spinal_head_each_link_leads_one_way_and_in_the_cord_both():
    figure = Figure()
    draw_touch_to_layers().draw(figure, LIGHT)
    patches = [[p for p in axes.patches if hasattr(p, "get_arrowstyle")] for axes in figure.axes]
    styles = [sorted(type(p.get_arrowstyle()).__name__ for p in side) for side in patches]
    # Four nerves, four ways up, three links.
    assert styles == [["CurveFilledAB"] * 3 + ["CurveFilledB"] * 8, ["CurveFilledB"] * 11]


@pytest.mark.parametrize("sizes", [(17, 5, 3, 4, 3), (16, 10, 2, 4, 2)])
def test_the_drawn_area_is_the_number_of_weights(sizes):
    in_features, num_classes, width, layers, splits = sizes
    figure = Figure()
    draw_heads(in_features, num_classes, 12, width, layers, splits).draw(figure, LIGHT)
    dense, spinal = (sum(p.get_width() * p.get_height() for p in axes.patches) for axes in figure.axes)
    assert dense == 12 * (in_features + num_classes)
    assert spinal == count_weights(SpinalHead(in_features, num_classes, width, layers, splits))
