import io

import pytest
from PIL import Image

from spinalnet_lib import load_dataset, load_records, mean_interval, plots
from spinalnet_lib.picture import DARK, LIGHT

RECORDS = [r for r in load_records("first_training") if r.dataset == "mnist_5k"]
PICTURES = {
    "images": lambda: plots.plot_images(load_dataset("digits"), per_class=3),
    "curves": lambda: plots.plot_error_curves(RECORDS),
    "last": lambda: plots.plot_last_errors(RECORDS),
    "one seed": lambda: plots.plot_last_errors(RECORDS[:1]),
    "macs": plots.plot_macs,
}


def assert_drawn_with_words(picture):
    for theme in (LIGHT, DARK):
        image = Image.open(io.BytesIO(picture.to_png(theme))).convert("RGB")
        assert len(image.getcolors(maxcolors=1 << 20)) > 10, "an empty picture"
    assert len(picture.alt.split()) > 8


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_every_plot_is_drawn_with_words(make):
    assert_drawn_with_words(make())


def test_alt_text_states_the_numbers_of_the_data():
    alt = plots.plot_last_errors(RECORDS).alt
    for arm in {r.arm for r in RECORDS}:
        mean, low, high = mean_interval([r.curve[-1]["val_error"] for r in RECORDS if r.arm == arm])
        assert f"{arm} {mean:.1%} ({low:.1%} to {high:.1%}, 10 seeds)" in alt


@pytest.mark.parametrize("plot", [plots.plot_error_curves, plots.plot_last_errors])
def test_no_records_is_said(plot):
    with pytest.raises(ValueError, match="no records to draw"):
        plot([])
