import pytest

from spinalnet_lib import count_macs, create_model, load_bench, paper_head, plot_needle, plot_saving_in_time
from tests.show.cases import assert_drawn_with_words

COMPILED = [row for row in load_bench() if row["name"].startswith("compiled head")]


@pytest.mark.parametrize("backbone", ["vgg5", "two_conv"])
def test_the_bar_is_the_network_and_the_hair_what_the_spine_saves(backbone):
    dense, spinal = (
        count_macs(create_model(backbone, head, num_classes=10, **paper_head(backbone, head)), (1, 28, 28))
        for head in ("mlp", "spinal")
    )
    picture = plot_needle(backbone)
    assert f"saves {dense - spinal:,} of {dense:,} " in picture.alt
    assert_drawn_with_words(picture)
    bar, lens = picture.drawn().axes
    body, spine = bar.patches
    assert body.get_width() + spine.get_width() == spinal
    assert bar.get_xlim() == (0, dense) and lens.get_xlim()[1] == dense
    hair = bar.get_window_extent().width * (dense - spinal) / dense  # pixels
    said = bar.get_title("left")
    assert f"{dense:,}" in said and f"{dense - spinal:,}" in said
    pixels = picture.drawn().dpi / 72  # of a point, the least that is drawn
    assert ("times too wide" in said) == (hair < pixels)
    if hair < pixels:
        assert int(said.split("drawn ")[1].split()[0]) == pytest.approx(pixels / hair, rel=0.1)


def test_times_stand_beside_the_count_and_are_those_of_the_rows():
    picture = plot_saving_in_time({"here": COMPILED})
    assert_drawn_with_words(picture)
    (axes,) = picture.drawn().axes
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() in ("o", "D")]
    assert dots[0] == pytest.approx(119_808 / 136_192)
    assert dots[1:] == sorted(row["ratio"] for row in COMPILED)
    slower = sum(row["low"] > 1 for row in COMPILED)
    assert f"{slower} show more time" in picture.alt


@pytest.mark.parametrize("rows", [{}, {"here": []}])
def test_nothing_to_draw_is_refused(rows):
    with pytest.raises(ValueError, match="rows="):
        plot_saving_in_time(rows)
