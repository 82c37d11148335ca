"""Models in a file: the same logits, whole or not at all, and clear words about files of something else."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from spinalnet_lib import create_model, load_model, save_model


def built(**arguments):
    return create_model("pixels", "spinal", 7, image_size=4, **{"layer_width": 4, **arguments})


@pytest.mark.parametrize(
    ("head", "arguments"),
    [
        ("spinal", {"layer_width": 4, "norm_layer": nn.BatchNorm1d}),
        ("mlp", {"hidden_sizes": (5, 4)}),
        ("spinal_random_mask", {"layer_width": 4, "mask_seed": 3, "background_class": True}),
    ],
)
def test_a_model_comes_back_with_its_weights_and_arguments(head, arguments, tmp_path):
    torch.manual_seed(0)
    model = create_model("two_conv", head, 7, **arguments)
    model(torch.randn(8, 1, 28, 28))  # the norm has seen something
    save_model(model, tmp_path / "deep" / "model.npz")
    again = load_model(tmp_path / "deep" / "model.npz")
    x = torch.randn(3, 1, 28, 28)
    assert torch.equal(model.eval()(x), again(x)) and again.arguments == model.arguments and not again.training
    assert all(parameter.requires_grad for parameter in again.parameters())
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model.npz"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.float8_e4m3fn], ids=str)
def test_weights_keep_their_dtype(dtype, tmp_path):
    model = built(norm_layer="BatchNorm1d").to(dtype)
    save_model(model, tmp_path / "model.npz")
    before, after = model.state_dict(), load_model(tmp_path / "model.npz").state_dict()
    assert {name: tensor.dtype for name, tensor in before.items()} == {name: t.dtype for name, t in after.items()}
    assert all(torch.equal(after[name].double(), tensor.double()) for name, tensor in before.items())


def test_what_could_not_be_loaded_is_not_written(tmp_path):
    class OwnNorm(nn.LayerNorm):
        pass

    extended, swapped = built(), built()
    extended.head.add_background_class()
    swapped.head.layers[2].act = nn.Tanh()
    (tmp_path / "model.npz").write_text("from before")
    for model, says in (
        (built(norm_layer=OwnNorm), "OwnNorm"),
        (built(norm_layer=lambda width: nn.LayerNorm(width)), "lambda|function"),
        (extended, "head.background_class"),
        (swapped, r"head\.layers\.2\.act is .*Tanh, not .*ReLU"),
    ):
        with pytest.raises(ValueError, match=says):
            save_model(model, tmp_path / "model.npz")
    with pytest.raises(TypeError, match="got Linear"):
        save_model(nn.Linear(2, 2), tmp_path / "linear.npz")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["from before"]


def test_frozen_and_compiled_models_are_written_as_any(tmp_path):
    model = built(act_layer=nn.GELU).requires_grad_(False)
    x = torch.randn(3, 1, 4, 4)
    expected = model.eval()(x)
    model.head = torch.compile(model.head, backend="eager")
    save_model(model, tmp_path / "model.npz")
    assert torch.equal(load_model(tmp_path / "model.npz")(x), expected)


def test_only_a_file_is_replaced(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "fifo", tmp_path / "folder"):
        with pytest.raises(OSError, match=path.name):
            save_model(built(), path)
    assert (tmp_path / "fifo").is_fifo() and (tmp_path / "folder").is_dir()


def changed(content: bytes, **arrays) -> bytes:
    """The file of a model with other arrays in it; None takes one out."""
    with np.load(io.BytesIO(content)) as file:
        kept = {name: file[name] for name in file.files}
    kept = {name: array for name, array in {**kept, **arrays}.items() if array is not None}
    new = io.BytesIO()
    np.savez_compressed(new, **kept)
    return new.getvalue()


def with_arguments(content: bytes, **changes) -> bytes:
    with np.load(io.BytesIO(content)) as file:
        arguments = json.loads(str(file["arguments"]))
    return changed(content, arguments=np.array(json.dumps({**arguments, **changes})))


def flipped(content: bytes) -> bytes:
    """One bit of the classifier's weights is another, which the archive's checksum tells."""
    with np.load(io.BytesIO(content)) as file:
        place = content.index(file["model.head.classifier.weight"].tobytes())
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def bomb(content: bytes) -> bytes:
    """A small archive with a huge array of zeros in place of the classifier's bias: its header alone may be read."""
    new = io.BytesIO(changed(content, **{"model.head.classifier.bias": None}))
    with (
        zipfile.ZipFile(new, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("model.head.classifier.bias.npy", "w") as file,
    ):
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(1000))
    return new.getvalue()


def cut_header(content: bytes) -> bytes:
    new = io.BytesIO(changed(content, **{"model.head.classifier.bias": None}))
    with zipfile.ZipFile(new, "a") as archive:
        archive.writestr("model.head.classifier.bias.npy", b"\x93NUMPY\x01\x00v\x00{'descr'")
    return new.getvalue()


DAMAGE = {
    "text": lambda content: b"no zip",
    "torn": lambda content: content[: len(content) // 2],
    "flipped": flipped,
    "bomb": bomb,
    "cut header": cut_header,
    "missing": lambda content: changed(content, **{"model.head.classifier.bias": None}),
    "more": lambda content: changed(content, other=np.zeros(3)),
    "integers": lambda content: changed(content, **{"model.head.classifier.bias": np.zeros(7, int)}),
    "another shape": lambda content: changed(content, **{"model.head.classifier.bias": np.zeros(8)}),
    "deep": lambda content: changed(content, arguments=np.array("[" * 100_000)),
    "long": lambda content: changed(content, arguments=np.array(" " * 10**6)),
    "another format": lambda content: with_arguments(content, format=2),
    "a billion classes": lambda content: with_arguments(content, num_classes=10**10),
    "another head": lambda content: with_arguments(content, head="spinel"),
    "a huge image": lambda content: with_arguments(content, image_size=10**9),
    "an odd dtype": lambda content: with_arguments(content, dtypes={"head.classifier.bias": "nope"}),
}


def test_a_file_of_another_version_says_which(tmp_path):
    save_model(built(), tmp_path / "model.npz")
    (tmp_path / "model.npz").write_bytes(with_arguments((tmp_path / "model.npz").read_bytes(), format=7))
    with pytest.raises(ValueError, match=r"model\.npz.*format 7.* 1;"):
        load_model(tmp_path / "model.npz")


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_named(kind, tmp_path):
    path = tmp_path / "model.npz"
    save_model(built(), path)
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    with pytest.raises(ValueError, match=r"model\.npz is no saved model"):
        load_model(path)


def test_a_file_that_was_cut_off_is_told_from_one_of_something_else(tmp_path):
    save_model(built(), tmp_path / "model.npz")
    content = (tmp_path / "model.npz").read_bytes()
    for changed_content, says in (
        (content[:-9], "it is cut off"),
        (b"text", "not a zip file"),
        (flipped(content), "CRC"),
    ):
        (tmp_path / "model.npz").write_bytes(changed_content)
        with pytest.raises(ValueError, match=says):
            load_model(tmp_path / "model.npz")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        load_model(tmp_path / "none.npz")


def test_compressed_files_and_files_of_before_load(tmp_path):
    save_model(built(), tmp_path / "model.npz")
    content = (tmp_path / "model.npz").read_bytes()
    with np.load(io.BytesIO(content)) as file:
        arguments = json.loads(str(file["arguments"]))
    del arguments["dtypes"]
    (tmp_path / "old.npz").write_bytes(changed(content, arguments=np.array(json.dumps(arguments))))
    x = torch.randn(2, 1, 4, 4)
    assert torch.equal(load_model(tmp_path / "old.npz")(x), load_model(tmp_path / "model.npz")(x))
