"""What the tests of this room share."""

import io

from PIL import Image

from spinalnet_lib.show.picture import DARK, LIGHT


def assert_drawn_with_words(picture):
    for theme in (LIGHT, DARK):
        image = Image.open(io.BytesIO(picture.to_bytes(theme))).convert("RGB")
        assert len(image.getcolors(maxcolors=1 << 20)) > 10, "an empty picture"
    assert len(picture.alt.split()) > 8
