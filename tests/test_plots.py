import io

import pytest
from PIL import Image

from spinalnet_lib import load_dataset, load_records, mean_interval, plots

RECORDS = [r for r in load_records("first_training") if r.dataset == "mnist_5k"]
PICTURES = {
    "touch": plots.draw_touch_to_layers,
    "heads": lambda: plots.draw_heads(17, 5, 12, 3, 4, num_splits=3),
    "images": lambda: plots.plot_images(load_dataset("digits"), per_class=3),
    "curves": lambda: plots.plot_error_curves(RECORDS),
    "last": lambda: plots.plot_last_errors(RECORDS),
    "one seed": lambda: plots.plot_last_errors(RECORDS[:1]),
    "macs": plots.plot_macs,
}


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_every_picture_is_drawn_light_and_dark_with_words(make):
    picture = make()
    backgrounds = []
    for theme in (plots.LIGHT, plots.DARK):
        image = Image.open(io.BytesIO(picture.to_png(theme))).convert("RGB")
        assert len(image.getcolors(maxcolors=1 << 20)) > 10, "an empty picture"
        backgrounds.append(image.getpixel((1, 1)))
    assert sum(backgrounds[0]) > 700 > 200 > sum(backgrounds[1])
    assert len(picture.alt.split()) > 8
    bundle = picture._repr_mimebundle_()
    assert bundle["text/html"].count("<img") == 2 and bundle["text/html"].count("alt=") == 2
    assert bundle["text/plain"] == picture.alt


def test_pictures_are_the_same_each_time():
    assert plots.draw_touch_to_layers().to_png() == plots.draw_touch_to_layers().to_png()


def test_alt_text_states_the_numbers_of_the_data():
    alt = plots.plot_last_errors(RECORDS).alt
    for arm in {r.arm for r in RECORDS}:
        mean, low, high = mean_interval([r.curve[-1]["val_error"] for r in RECORDS if r.arm == arm])
        assert f"{arm} {mean:.1%} ({low:.1%} to {high:.1%}, 10 seeds)" in alt


def test_weights_in_the_heads_picture_are_counted():
    assert "136,192 weights" in plots.draw_heads(256, 10, 512, 128, 4).alt
    assert "119,808 weights" in plots.draw_heads(256, 10, 512, 128, 4).alt


@pytest.mark.parametrize("plot", [plots.plot_error_curves, plots.plot_last_errors])
def test_no_records_is_said(plot):
    with pytest.raises(ValueError, match="no records to draw"):
        plot([])
