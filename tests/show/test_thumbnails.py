"""Thumbnails are pictures of the sets that they name, and only of sets whose licence lets them be shipped."""

import io
import json
from base64 import b64decode
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from spinalnet_lib import load_dataset
from spinalnet_lib.paths import data_path
from spinalnet_lib.show.data_cards import official_card
from spinalnet_lib.show.thumbnails import COUNT, may_be_shipped, thumbnails_html, write_thumbnails

SHOWN = json.loads(data_path("thumbnails", "shown.json").read_text())


def test_those_in_the_project_are_named_allowed_and_small():
    files = {path.stem: path for path in data_path("thumbnails").glob("*.webp")}
    assert files.keys() == SHOWN.keys() and sum(path.stat().st_size for path in files.values()) < 60_000
    for name, names in SHOWN.items():
        card = official_card(name)
        assert may_be_shipped(card["licence"]) and len(names) == COUNT
        width, height = Image.open(files[name]).size
        assert width == COUNT * height
        assert not card.get("classes") or {*names} <= {*card["classes"]}


@pytest.mark.parametrize(
    "licence", ["no licence stated", "images as ImageNet", "for non-commercial use only", "CC0 (not verified)"]
)
def test_a_licence_that_does_not_allow_it_or_was_not_read_keeps_them_out(licence):
    assert not may_be_shipped(licence)


def test_they_are_images_of_their_classes_and_are_written_again_alike(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path / "empty"))  # the embedded sets are always here
    assert {"digits", "mnist_5k"} <= {*write_thumbnails(tmp_path)}
    train = load_dataset("mnist_5k").train
    row = np.asarray(Image.open(tmp_path / "mnist_5k.webp"))[..., 0]
    for place, label in enumerate([0, 1, 3, 4, 5, 6, 8, 9]):
        square = row[:, 28 * place : 28 * (place + 1)]
        same = (train.images[:, 0].numpy() == square).all((1, 2))
        assert same.any() and (train.labels[same] == label).all()
    kept = np.asarray(Image.open(data_path("thumbnails", "mnist_5k.webp")))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "mnist_5k.webp")), kept)


def test_a_whole_set_borrows_those_of_its_part_and_says_so():
    figure = ElementTree.fromstring(thumbnails_html("kmnist"))
    picture = figure.find("img")
    assert Image.open(io.BytesIO(b64decode(picture.get("src").partition(",")[2]))).size[0] > 0
    assert picture.get("alt").endswith(", ".join(SHOWN["kmnist_10k"]))
    assert "From the part kmnist_10k" in figure.find("figcaption").text and "CC BY-SA" in figure.find("figcaption").text
    assert thumbnails_html("stl10") == ""
