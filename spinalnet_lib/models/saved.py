"""Trained models of ours in a file: npz, without pickles, with the arguments that build them."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..files import write_whole
from .classifier import Classifier, create_model, first_difference
from .weights import load_weights

if TYPE_CHECKING:
    from ..data.splits import DataSet

_FORMAT = 1
_LONGEST_ARGUMENTS, _LONGEST_HEADER = 2**20, 2**10  # bytes


def save_model(model: Classifier, path: str | os.PathLike, data: DataSet | None = None) -> None:
    """Write weights, buffers, both as they are, and the arguments of `create_model`; a file there is replaced in one move.

    With `data`, the set that it was trained on, the file holds the names of its classes and how its images are normalised,
    which `predict` needs; a model that was loaded keeps those of its file.

    Raises TypeError for what `create_model` did not build, and ValueError for a model that `load_model` could not build,
    such as one with a norm of your own or one that was changed since; OSError where no file can be written.
    """
    if not isinstance(model, Classifier) or not model.arguments:
        raise TypeError(f"save_model writes what create_model built, got {type(model).__name__}")
    state = {name.replace("._orig_mod", ""): tensor.cpu() for name, tensor in model.state_dict().items()}
    # numpy has no bfloat16 and no float8: their bits are written, with the name of the dtype.
    bits = {name: _bits(tensor) for name, tensor in state.items()}
    dtypes = {name: str(state[name].dtype).removeprefix("torch.") for name in bits if bits[name] is not state[name]}
    trained_on = model.trained_on if data is None else _seen(model, data)
    try:
        arguments = json.dumps({"format": _FORMAT, "dtypes": dtypes, "trained_on": trained_on, **model.arguments})
        _empty_model(json.loads(arguments))
        if difference := first_difference(model, model.as_built()):
            raise ValueError(difference)
    except (TypeError, ValueError) as error:
        raise ValueError(f"save_model: load_model could not build this model ({error}); save its state_dict") from error
    content = io.BytesIO()
    np.savez(content, arguments=arguments, **{f"model.{name}": tensor.numpy() for name, tensor in bits.items()})
    write_whole(path, content.getvalue())


def load_model(path: str | os.PathLike) -> Classifier:
    """The model of a file that `save_model` wrote, in evaluation mode. ValueError for a file of something else."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no saved model at {path}; write one with save_model")
    try:
        with zipfile.ZipFile(path) as archive:
            arguments = json.loads(str(read_array(archive, "arguments", _LONGEST_ARGUMENTS)))
            # Networks of libraries may hold tensors that no file has: those are built with memory.
            model, dtypes = _empty_model(arguments, "cpu" if ":" in str(arguments["backbone"]) else "meta")
            state = {}
            for name, expected in model.state_dict().items():
                array = read_array(archive, f"model.{name}", 8 * expected.numel() + _LONGEST_HEADER)
                if array.shape != expected.shape:
                    raise ValueError(f"{name} is of shape {array.shape}, not of {tuple(expected.shape)}")
                tensor = torch.from_numpy(array)
                state[name] = tensor.view(getattr(torch, dtypes[name])) if name in dtypes else tensor
                if state[name].is_floating_point() != expected.is_floating_point():
                    raise ValueError(f"{name} holds {state[name].dtype}")
            unknown = set(archive.namelist()) - {"arguments.npy", *(f"model.{name}.npy" for name in state)}
            if unknown:
                raise ValueError(f"it also holds {', '.join(sorted(unknown)[:3])}")
        load_weights(model, state, assign=True)  # in the file's dtypes
    except (ImportError, OSError):  # a package that the body needs; a disk that fails
        raise
    except Exception as error:  # a damaged file fails in as many ways as there are layers of it
        said = "it is cut off" if _begins_as_zip(path) and not zipfile.is_zipfile(path) else error
        raise ValueError(
            f"{path} is no saved model ({said}); get it again, or write it anew with save_model"
        ) from error
    return model.eval()


def _begins_as_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _seen(model: Classifier, data: DataSet) -> dict:
    """What the model has learnt from: the set's name, its classes, and mean and standard deviation of its channels."""
    statistics, count = data.train.seen_by(model).statistics, data.card["num_classes"]
    if count != model.num_classes:
        raise ValueError(f"save_model: the model has {model.num_classes} classes, {data.card['name']} has {count}")
    classes = data.card.get("classes") or [str(i) for i in range(count)]
    numbers = {"mean": statistics.mean.tolist(), "std": statistics.std.tolist()}
    return {"data": data.card["name"], "classes": list(classes), **numbers}


def _bits(tensor: Tensor) -> Tensor:
    try:
        tensor[:0].numpy() if tensor.dim() else tensor.numpy()
    except TypeError:
        return tensor.view({1: torch.uint8, 2: torch.int16}[tensor.itemsize])
    return tensor


def _empty_model(arguments: dict, device: str = "meta") -> tuple[Classifier, dict[str, str]]:
    """The model of these arguments, by default without memory for its weights, and the dtypes that numpy lacks, by name."""
    if (found := arguments.pop("format")) != _FORMAT:
        raise ValueError(
            f"it is of format {found!r:.20}, this version reads {_FORMAT}; install the version that wrote it"
        )
    dtypes, trained_on = arguments.pop("dtypes", {}), arguments.pop("trained_on", None)
    began = (
        {"pretrained": True} if arguments.pop("pretrained", False) else {}
    )  # its own weights come now: none is downloaded
    with torch.random.fork_rng(devices=[]), torch.device(device):
        model = create_model(**arguments.pop("head_arguments"), **arguments)
    model.arguments |= began
    model.trained_on = trained_on
    if trained_on:
        model.statistics = tuple(trained_on["mean"]), tuple(trained_on["std"])
    return model, dtypes


def read_array(archive: zipfile.ZipFile, name: str, most: int) -> np.ndarray:
    """An array of an npz; ValueError, before memory is taken, if it has more bytes than `most`, whatever its header says."""
    member = archive.getinfo(f"{name}.npy")
    if member.file_size > most:
        raise ValueError(f"{name} claims {member.file_size:,} bytes, at most {most:,} fit")
    content = bytearray(archive.read(member))
    header = io.BytesIO(content)
    if np.lib.format.read_magic(header) != (1, 0):
        raise ValueError(f"{name} is of another version of npy")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(header)
    return np.frombuffer(content, dtype, offset=header.tell()).reshape(shape, order="F" if by_column else "C")
