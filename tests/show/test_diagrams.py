import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

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


def arrows(axes):
    """Ends and style of each arrow."""
    patches = [p for p in axes.patches if isinstance(p, FancyArrowPatch)]
    return [(*p._posA_posB, type(p.get_arrowstyle()).__name__, p.get_edgecolor()) for p in patches]


def both_sides():
    figure = Figure()
    draw_touch_to_layers().draw(figure, LIGHT)
    return figure.axes


def test_in_the_spinal_head_each_link_leads_one_way_and_in_the_cord_both():
    styles = [sorted(style for *_, style, _ in arrows(axes)) for axes in both_sides()]
    # Four nerves, four ways up, three links; in the cord the dorsal column besides.
    assert styles == [["CurveFilledAB"] * 3 + ["CurveFilledB"] * 9, ["CurveFilledB"] * 11]


def test_both_are_read_from_below_and_no_arrow_leads_down():
    touch, head = both_sides()
    heights = {text.get_text(): text.get_position()[1] for axes in (touch, head) for text in axes.texts}
    for order in (("leg", "trunk", "arm", "neck", "brain"), (*(f"layer {i}" for i in range(4)), "logits")):
        assert [heights[word] for word in order] == sorted(heights[word] for word in order)
    links = [(start, end) for start, end, _, colour in arrows(head) if colour == to_rgba(LIGHT.chain)]
    assert len(links) == 3 and all(start[1] < end[1] for start, end in links)
    assert all(start[1] <= end[1] for axes in (touch, head) for start, end, *_ in arrows(axes))


def test_the_dorsal_column_goes_straight_up_and_has_no_counterpart():
    grey = [[each for each in arrows(axes) if each[-1] == to_rgba(LIGHT.linear)] for axes in both_sides()]
    assert [len(side) for side in grey] == [1, 0]
    (x, low), (same, high), *_ = grey[0][0]
    assert x == same and high - low > 5


@pytest.mark.parametrize("sizes", [(17, 5, 3, 4, 3), (16, 10, 2, 4, 2)])
def test_the_drawn_area_is_the_number_of_weights(sizes):
    in_features, num_classes, width, layers, splits = sizes
    figure = Figure()
    draw_heads(in_features, num_classes, 12, width, layers, splits).draw(figure, LIGHT)
    dense, spinal = (sum(p.get_width() * p.get_height() for p in axes.patches) for axes in figure.axes)
    assert dense == 12 * (in_features + num_classes)
    assert spinal == count_weights(SpinalHead(in_features, num_classes, width, layers, splits))
