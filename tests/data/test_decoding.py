import numpy as np
import pytest
from PIL import Image, ImageOps

from spinalnet_lib.data.decoding import decode
from tests.data.cases import write_photo


def test_a_photograph_is_its_middle_square_resized(tmp_path):
    path = write_photo(tmp_path / "wide.png", size=(60, 30))
    picture = Image.open(path).resize((10, 10), Image.Resampling.BILINEAR, box=(15, 0, 45, 30))
    assert (decode(path, 10).transpose(1, 2, 0) == np.asarray(picture)).all()


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA"])
def test_grey_and_palette_images_become_rgb(tmp_path, mode):
    path = write_photo(tmp_path / "x.png", mode=mode)
    assert decode(path, 16).shape == (3, 16, 16)


def test_a_turned_photograph_stands_upright(tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = Image.open(write_photo(tmp_path / "x.png", size=(30, 30)))
    upright.rotate(90).save(path, exif=exif, quality=100, subsampling=0)
    difference = decode(path, 30).astype(int) - np.asarray(upright.convert("RGB")).transpose(2, 0, 1)
    assert np.abs(difference).mean() < 3
    assert ImageOps.exif_transpose(Image.open(path)).size == (30, 30)


def test_what_is_transparent_is_white(tmp_path):
    Image.new("RGBA", (20, 20), (200, 10, 10, 0)).save(tmp_path / "x.png")
    assert (decode(tmp_path / "x.png", 16) == 255).all()


@pytest.mark.parametrize(("mode", "suffix"), [("I;16", ".png"), ("F", ".tif"), ("CMYK", ".tif")])
def test_other_modes_are_refused(tmp_path, mode, suffix):
    Image.new(mode, (20, 20)).save(tmp_path / f"x{suffix}")
    with pytest.raises(ValueError, match=rf"x{suffix} is a {mode} image, .*; convert it to 8-bit RGB"):
        decode(tmp_path / f"x{suffix}", 16)


def test_a_pixel_and_far_too_many_are_no_photograph(tmp_path, monkeypatch):
    Image.new("RGB", (1, 1)).save(tmp_path / "x.png")
    with pytest.raises(ValueError, match=r"x.png is 1×1 pixels, at least 8 a side"):
        decode(tmp_path / "x.png", 16)
    path = write_photo(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # said before it is decoded
    with pytest.raises(ValueError, match=r"bomb.png cannot be read as an image"):
        decode(path, 16)
