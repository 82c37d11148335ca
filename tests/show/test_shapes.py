"""What drawings are made of stands where it is put, in the colour it is given."""

from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from spinalnet_lib.show.palette import LIGHT
from spinalnet_lib.show.shapes import arrow, block, box, letter, way_up


def axes():
    return Figure().subplots()


def test_a_block_has_its_area():
    on = axes()
    block(on, LIGHT, 1, 2, 3, 4, LIGHT.input)
    (patch,) = on.patches
    assert (*patch.get_xy(), patch.get_width(), patch.get_height()) == (1, 2, 3, 4)
    assert patch.get_facecolor() == to_rgba(LIGHT.input)


def test_a_box_has_its_label_in_the_middle_and_may_be_dashed():
    on = axes()
    box(on, LIGHT, 1, 2, 4, 2, "here", LIGHT.chain)
    box(on, LIGHT, 1, 5, 4, 2, "idle", LIGHT.chain, dashed=True)
    assert [text.get_position() for text in on.texts] == [(3, 3), (3, 6)]
    assert [patch.get_linestyle() for patch in on.patches] == ["-", "--"]


def test_an_arrow_leads_one_way_or_both():
    on = axes()
    arrow(on, (0, 0), (1, 1), LIGHT.output)
    arrow(on, (0, 0), (1, 1), LIGHT.output, both=True)
    assert [type(p.get_arrowstyle()).__name__ for p in on.patches] == ["CurveFilledB", "CurveFilledAB"]


def test_a_way_up_goes_right_and_then_up():
    on = axes()
    way_up(on, (1, 2), 5, 9, LIGHT.output)
    assert on.lines[0].get_xydata().tolist() == [[1, 2], [5, 2]]
    assert on.patches[0]._posA_posB == [(5, 2), (5, 9)]


def test_a_letter_is_large_enough_for_its_index():
    on = axes()
    letter(on, 1, 2, "$h_0$", LIGHT.chain)
    (text,) = on.texts
    assert text.get_position() == (1, 2) and text.get_color() == LIGHT.chain
    assert 0.7 * text.get_fontsize() > 9
