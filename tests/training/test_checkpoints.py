"""The file of a checkpoint: whole, or named as damaged, and never larger in memory than on disk."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch

from spinalnet_lib.training.checkpoints import DamagedCheckpoint, read_checkpoint, write_checkpoint

TENSORS = {"weight": torch.arange(6.0).view(2, 3), "scalar": torch.tensor(2), "none": torch.zeros(0, 4)}


@pytest.fixture
def path(tmp_path):
    write_checkpoint(tmp_path / "run.npz", "key", {"step": 3}, TENSORS.items())
    return tmp_path / "run.npz"


def test_what_was_written_is_read(path):
    plain, tensors = read_checkpoint(path, "key")
    assert plain["step"] == 3 and tensors.keys() == TENSORS.keys()
    for name, tensor in tensors.items():
        assert torch.equal(tensor, TENSORS[name]) and tensor.dtype == TENSORS[name].dtype


def test_any_flipped_bit_is_noticed_or_without_effect(path):
    content = path.read_bytes()
    noticed = 0
    places = [*range(0, len(content), 9), content.rindex(b"PK\5\6") + 12]  # the last: where the zip's directory is
    for place in places:
        bit = 1 << place % 8
        path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
        try:
            plain, tensors = read_checkpoint(path, "key")
        except DamagedCheckpoint as damage:
            noticed += 1
            assert str(path) in str(damage)
        else:
            assert plain["step"] == 3 and all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert noticed > len(places) / 2


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_file_cut_short_is_damaged(share, path):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DamagedCheckpoint, match=r"run\.npz"):
        read_checkpoint(path, "key")


def header(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_never_takes_more_memory_than_it_has_bytes(packed, tmp_path):
    """Four terabytes claimed by a header, and zeros that are packed thousandfold."""
    path = tmp_path / "run.npz"
    run = io.BytesIO()
    np.save(run, np.array(json.dumps({"format": 2, "key": "key"})))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        archive.writestr("run.npy", run.getvalue(), zipfile.ZIP_STORED)
        archive.writestr("weight.npy", header((10**6,)) + bytes(4 * 10**6) if packed else header((10**12,)))
    with pytest.raises(DamagedCheckpoint, match="claims" if packed else "run"):
        read_checkpoint(path, "key")
