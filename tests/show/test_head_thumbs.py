from matplotlib.patches import Rectangle

from spinalnet_lib import heads_table, plot_heads
from spinalnet_lib.show.head_blocks import head_blocks
from spinalnet_lib.show.head_presets import HEADS, SMALL
from tests.show.cases import assert_drawn_with_words


def test_every_head_has_a_thumbnail_with_its_name_and_its_blocks():
    picture = plot_heads()
    assert_drawn_with_words(picture)
    named = {axes.get_title(): axes for axes in picture.drawn().axes if axes.get_title()}
    assert named.keys() == HEADS.keys()
    small = {"hidden_size": SMALL["hidden_size"]}
    for name, axes in named.items():
        filled = {
            (p.get_y(), p.get_height(), p.get_x(), p.get_width())
            for p in axes.patches
            if isinstance(p, Rectangle) and p.get_fill()
        }
        assert filled == {tuple(block[2:6]) for block in head_blocks({**SMALL, **HEADS[name], **small})["blocks"]}


def test_the_words_say_what_a_head_has_more_and_less_than_the_spine():
    table = heads_table().set_index("head")
    assert list(table.loc["spinal"]) == ["", "", ""]
    assert list(table.loc["spinal_no_chain"]) == ["", "layer before → layer", ""]
    assert table.loc["spinal_direct"].iloc[0] == "features → logits"
    assert plot_heads().alt.startswith(f"{len(HEADS)} heads are one matrix")
