"""A saved model as ONNX gives what `predict` gives, and says what it must be fed."""

import json
from dataclasses import replace

import pytest
import torch

from spinalnet_lib import create_model, export_onnx, load_dataset, load_model, predict, save_model, train, tuned_recipe
from spinalnet_lib.data.own_sets import write_card
from tests.data.cases import unwritable, write_classes

MODELS = {
    "two_conv": dict(head="spinal", layer_width=8, num_layers=6),
    "torchvision:squeezenet1_1": dict(head="spinal", layer_width=4, drop_rate=0.5, norm_layer="BatchNorm1d"),
}


@pytest.fixture
def pets(tmp_path):
    write_card(write_classes(tmp_path / "pets", ["cat", "dög"], 12))
    return tmp_path


@pytest.mark.parametrize("backbone", MODELS)
def test_it_predicts_the_same_and_names_its_preprocessing(pets, backbone):
    onnxruntime = pytest.importorskip("onnxruntime")
    size = 28 if backbone == "two_conv" else 32
    data = load_dataset("pets", pets, size=size)
    arguments = {"in_chans": 3, "num_classes": 2, **MODELS[backbone]}
    model = create_model(backbone, image_size=None if backbone == "two_conv" else size, **arguments)
    if backbone == "two_conv":  # running statistics and weights as after training
        train(model, data, replace(tuned_recipe(0.01, 8), steps=5, warmup=0), 0, "cpu", progress=False)
    save_model(model, pets / "model.npz", data)
    export_onnx(pets / "model.npz", pets / "made" / "model.onnx")

    session = onnxruntime.InferenceSession(str(pets / "made" / "model.onnx"), providers=["CPUExecutionProvider"])
    for put in (*session.get_inputs(), *session.get_outputs()):
        assert put.shape[0] == "batch"
    pixels = data.train.images[:5]
    for count in (1, 5):
        (found,) = session.run(["probabilities"], {"pixels": pixels[:count].numpy()})
        expected = predict(load_model(pets / "model.npz"), pixels[:count], "cpu")[1]
        torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-4, rtol=0)
    said = session.get_modelmeta().custom_metadata_map
    assert json.loads(said["classes"]) == ["cat", "dög"] and said["size"] == str(size) and said["channels"] == "3"
    assert (
        json.loads(said["mean"]) == load_model(pets / "model.npz").trained_on["mean"]
        and "middle square" in said["read_as"]
    )


def test_what_cannot_be_exported_is_said_and_nothing_is_written(pets):
    save_model(create_model("pixels", "linear", 2, 3, 8), pets / "bare.npz")
    with pytest.raises(ValueError, match="classes"):
        export_onnx(pets / "bare.npz", pets / "x.onnx")
    with pytest.raises(OSError, match=r"x\.onnx"):
        export_onnx(pets / "bare.npz", unwritable(pets) / "x.onnx")
    assert not (pets / "x.onnx").exists()
