"""`predict` against the logits that `evaluate` counts, and what it refuses."""

import numpy as np
import pytest
import torch
from PIL import Image

from spinalnet_lib import create_model, evaluate, load_dataset, load_model, predict, save_model
from spinalnet_lib.data.own_sets import write_card
from tests.data.cases import write_classes, write_photo


@pytest.fixture
def pets(tmp_path):
    """A set of photographs, and a model that was saved with it."""
    folder = write_classes(tmp_path / "pets", ["cat", "dog", "owl"], 6)
    write_card(folder)
    data = load_dataset("pets", tmp_path, size=32)
    save_model(create_model("pixels", "spinal", 3, 3, 32, layer_width=4), tmp_path / "model.npz", data)
    return folder, data, load_model(tmp_path / "model.npz")


def test_pictures_get_the_class_that_evaluate_counts(pets):
    folder, data, model = pets
    labels = {path: data.train.labels[i].item() for i, path in enumerate(data.train.images.files)}
    classes, probabilities = predict(model, list(labels))
    accuracy, correct = evaluate(model, data.train)
    named = [name == ["cat", "dog", "owl"][label] for name, label in zip(classes, labels.values(), strict=True)]
    assert named == correct.tolist() and accuracy == np.mean(named)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(len(labels)))
    alone, _ = predict(model, next(iter(labels)))
    assert alone == classes[:1] and len(predict(model, folder)[0]) == 18
    torch.testing.assert_close(predict(model, data.train.images[:])[1], probabilities)


def test_a_model_keeps_what_it_was_trained_on_and_its_mode(pets, tmp_path):
    folder, _, model = pets
    save_model(model.train(), tmp_path / "again.npz")
    again = load_model(tmp_path / "again.npz")
    assert again.trained_on == model.trained_on and again.trained_on["classes"] == ["cat", "dog", "owl"]
    first = predict(model, folder)[1]
    assert torch.equal(first, predict(again, folder)[1]) and model.training and model.head.training


def test_grey_and_colour_meet(tmp_path):
    data = load_dataset("digits")
    save_model(create_model("pixels", "linear", 10, 1, 8), tmp_path / "grey.npz", data)
    model = load_model(tmp_path / "grey.npz")
    image = data.test.images[:1]
    Image.fromarray(image[0, 0].numpy()).save(tmp_path / "digit.png")
    torch.testing.assert_close(predict(model, tmp_path / "digit.png")[1], predict(model, image)[1])
    save_model(create_model("pixels", "linear", 10, 3, 8), tmp_path / "colour.npz", None)
    colour = load_model(tmp_path / "colour.npz")
    colour.trained_on = model.trained_on
    torch.testing.assert_close(predict(colour, image)[1], predict(colour, image.repeat(1, 3, 1, 1))[1])


def test_what_cannot_be_predicted_is_named(pets, tmp_path):
    folder, data, model = pets
    (folder / "owl" / "broken.png").write_bytes(b"none")
    write_photo(folder / "cat" / "small.png", size=(4, 4))
    (tmp_path / "empty").mkdir()
    for images, says in (
        (folder, r"(?s)small\.png.*broken\.png"),
        (tmp_path / "empty", "holds no pictures"),
        (tmp_path / "lost.png", r"lost\.png"),
        ([], "no pictures"),
        (torch.zeros(2, 3, 32, 32), "float32"),
        (torch.zeros(3, 32, 32, dtype=torch.uint8), r"\(3, 32, 32\)"),
        (torch.zeros(2, 3, 16, 16, dtype=torch.uint8), "16"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=says):
            predict(model, images)
    with pytest.raises(ValueError, match="save_model"):
        predict(create_model("pixels", "linear", 3), folder)
    with pytest.raises(ValueError, match="10 classes, pets has 3"):
        save_model(create_model("pixels", "linear", 10, 3, 32), tmp_path / "wrong.npz", data)
