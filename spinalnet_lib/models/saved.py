"""Trained models of ours in a file: npz, without pickles, with the arguments that build them."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import torch

from ..files import write_whole
from .classifier import Classifier, create_model

_FORMAT = 1


def save_model(model: Classifier, path: str | os.PathLike) -> None:
    """Write weights, buffers and the arguments of `create_model`; a file that is there is replaced in one move."""
    if not isinstance(model, Classifier) or not model.arguments:
        raise TypeError(f"save_model writes what create_model built, got {type(model).__name__}")
    arrays = {f"model.{name}": tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}
    arrays["arguments"] = np.array(json.dumps({"format": _FORMAT, **model.arguments}))
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_whole(path, content.getvalue())


def load_model(path: str | os.PathLike) -> Classifier:
    """The model of a file that `save_model` wrote, in evaluation mode. ValueError for a file of something else."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no saved model at {path}; write one with save_model")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        arguments = json.loads(str(arrays.pop("arguments")))
        if arguments.pop("format") != _FORMAT:
            raise ValueError("another format")
        model = create_model(**arguments.pop("head_arguments"), **arguments)
        model.load_state_dict({name.removeprefix("model."): torch.from_numpy(array) for name, array in arrays.items()})
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError, RuntimeError) as error:
        raise ValueError(f"{path} is no saved model ({error}); write it anew with save_model") from error
    return model.eval()
