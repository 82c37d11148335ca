"""Models in a file: the same logits, whole or not at all, and clear words about files of something else."""

import pytest
import torch
from torch import nn

from spinalnet_lib import create_model, load_model, save_model


@pytest.mark.parametrize(
    ("head", "arguments"),
    [("spinal", {"layer_width": 4, "norm_layer": nn.BatchNorm1d}), ("mlp", {"hidden_sizes": (5, 4)})],
)
def test_a_model_comes_back_with_its_weights_and_arguments(head, arguments, tmp_path):
    torch.manual_seed(0)
    model = create_model("two_conv", head, 7, **arguments)
    model(torch.randn(8, 1, 28, 28))  # the norm has seen something
    save_model(model, tmp_path / "deep" / "model.npz")
    again = load_model(tmp_path / "deep" / "model.npz")
    x = torch.randn(3, 1, 28, 28)
    assert torch.equal(model.eval()(x), again(x)) and again.arguments == model.arguments and not again.training
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model.npz"]


def test_files_of_something_else_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no saved model at"):
        load_model(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(ValueError, match=r"text\.npz is no saved model"):
        load_model(tmp_path / "text.npz")
    save_model(create_model("two_conv", "spinal", 7, layer_width=4), tmp_path / "model.npz")
    content = (tmp_path / "model.npz").read_bytes()
    (tmp_path / "torn.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"torn\.npz is no saved model"):
        load_model(tmp_path / "torn.npz")
    with pytest.raises(TypeError, match="save_model writes what create_model built, got Linear"):
        save_model(nn.Linear(2, 2), tmp_path / "linear.npz")
