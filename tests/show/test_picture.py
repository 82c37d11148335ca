import io

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from PIL import Image

from spinalnet_lib.show.palette import DARK, LIGHT
from spinalnet_lib.show.picture import NARROW, Picture, label_log_axis, panels


@pytest.fixture
def picture():
    return Picture(lambda figure, theme: figure.subplots().plot([0, 1], color=theme.text), 'a line "going" up', (3, 2))


def test_a_picture_is_drawn_for_light_and_for_dark(picture):
    light, dark = (Image.open(io.BytesIO(picture.to_bytes(theme))).convert("RGB") for theme in (LIGHT, DARK))
    assert light.size == dark.size == (432, 288)
    assert sum(light.getpixel((1, 1))) > 700 > 200 > sum(dark.getpixel((1, 1)))


def test_the_bundle_has_two_images_a_still_and_the_words(picture):
    bundle = picture._repr_mimebundle_()
    html = bundle["text/html"]
    assert html.count("<img") == 2 and html.count('alt="a line &quot;going&quot; up"') == 2
    assert html.index("spinal-on-light") < html.index(" hidden") < html.index("data:image/png", html.index(" hidden"))
    assert bundle["text/plain"] == picture.alt and bundle["image/png"]


def test_a_page_loads_a_picture_when_it_comes_near_and_a_phone_a_narrow_one(picture):
    assert "<source" not in picture.to_html(), "narrow enough as it is"
    wide = Picture(picture.draw, picture.alt, (7, 2), narrow=(3.5, 4))
    html = wide.to_html()
    assert html.count('loading="lazy" width="1008" height="288"') == html.count("<img") == 2
    assert html.count('<source media="(max-width: 600px)" width="504" height="576"') == 2
    assert Image.open(io.BytesIO(wide.to_bytes(size=wide.narrow))).size == (504, 576)


def test_panels_stand_below_each_other_where_there_is_no_room():
    places = {width: [axes.get_position().x0 for axes in panels(Figure((width, 4)), 2)] for width in (7, NARROW)}
    assert places[7][0] < places[7][1] and places[NARROW][0] == places[NARROW][1]


def test_a_photograph_is_a_webp(picture):
    photo = Picture(picture.draw, picture.alt, picture.size, kind="webp")
    assert Image.open(io.BytesIO(photo.to_bytes())).format == "WEBP"
    bundle = photo._repr_mimebundle_()
    assert "image/webp" not in bundle and bundle["text/html"].count("data:image/webp") == 2


def test_pictures_are_the_same_each_time_and_matplotlibs_settings_stay(picture):
    before = dict(mpl.rcParams)
    assert picture.to_bytes(DARK) == picture.to_bytes(DARK)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("low", "high", "labels"), [(0.9, 110, ["1", "10", "100", "2", "5", "20", "50"]), (0.3, 0.8, ["0.3", "0.5", "0.7"])]
)
def test_a_logarithmic_axis_has_plain_numbers(low, high, labels):
    axes = Figure().subplots()
    axes.set(xscale="log", xlim=(low, high))
    label_log_axis(axes.xaxis)
    texts = [*axes.get_xticklabels(), *axes.get_xticklabels(minor=True)]
    assert [t.get_text() for t in texts if t.get_text() and low <= t.get_position()[0] <= high] == labels
