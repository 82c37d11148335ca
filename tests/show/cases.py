"""What the tests of this room share."""

import dataclasses
import io

from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from spinalnet_lib.show.palette import DARK, LIGHT
from spinalnet_lib.training.recipes import TUNING_DROPOUT, TUNING_SEEDS
from spinalnet_lib.training.runs import numerics_of


def assert_drawn_with_words(picture):
    for theme in (LIGHT, DARK):
        image = Image.open(io.BytesIO(picture.to_bytes(theme))).convert("RGB")
        assert len(image.getcolors(maxcolors=1 << 20)) > 10, "an empty picture"
    assert len(picture.alt.split()) > 8
    assert_readable(picture)


def assert_readable(picture):
    """Labels of 11 px and more as the page shows them, wide and on a phone, and none cut off at the edge."""
    for size, room in ((picture.size, 688), (picture.narrow, 328)):
        figure = picture.drawn(size=size)
        shown = min(1, room / figure.bbox.width)
        for text in figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_text().strip()):
            if text.get_visible() and text.get_window_extent().width:
                assert shown * text.get_fontsize() * figure.dpi / 72 >= 11, text
        box = figure.get_tightbbox()
        assert box.x0 > -0.02 and box.y0 > -0.02, "cut off at the left or below"
        assert box.x1 < size[0] + 0.02 and box.y1 < size[1] + 0.02, "cut off at the right or above"


def drawn(picture):
    """The first axes of a picture."""
    figure = Figure(layout="constrained")
    picture.draw(figure, LIGHT)
    return figure.axes[0]


def runs_of(record, count=3, **changes):
    """Copies of a run as other seeds, each with an error of its own."""
    found = []
    for seed in range(count):
        curve = [{**point, "val_error": 0.1 + 0.01 * seed} for point in record.curve]
        parts = {"seed": seed, "curve": curve, "key": f"{abs(hash((seed, str(changes)))):064x}"[:64], **changes}
        found.append(dataclasses.replace(record, **parts))
    return found


def with_head(record, head):
    return {**record.model, "head": head}


def search_of(record, losses):
    """Runs of a search: `losses` gives of a learning rate and a dropout rate the mean validation loss."""
    return [
        dataclasses.replace(
            record,
            key=f"{1000 * rate + 100 * drop + 10 * seed:064.0f}",
            seed=seed,
            recipe={**record.recipe, "learning_rate": rate},
            numerics_version=numerics_of(fast=False, drops=drop > 0),
            test=None,
            model={**record.model, "head_arguments": {"layer_width": 4, "drop_rate": drop}},
            curve=[{**record.curve[-1], "val_nll": loss}],
            diverged=loss == float("inf"),
        )
        for (rate, drop), loss in losses.items()
        for seed in TUNING_SEEDS
    ]


LOSSES = {(rate, drop): 10 * abs(rate - 0.003) + drop for rate in (0.001, 0.003, 0.01) for drop in TUNING_DROPOUT}
