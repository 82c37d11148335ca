import torch
from matplotlib.figure import Figure

from spinalnet_lib.show.contact_sheet import draw_contact_sheet
from spinalnet_lib.show.palette import LIGHT
from tests.data.cases import write_photo
from tests.show.cases import assert_drawn_with_words


def test_every_picture_stands_with_its_class_and_probability(tmp_path):
    paths = [write_photo(tmp_path / f"{i}.png", i) for i in range(8)]
    picture = draw_contact_sheet(paths, ["cat", "dog"] * 4, torch.tensor([[0.75, 0.25]] * 8))
    figure = Figure(layout="constrained")
    picture.draw(figure, LIGHT)
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert titles == ["cat\n75%", "dog\n75%"] * 4 and "7.png is dog" in picture.alt
    assert_drawn_with_words(picture)
