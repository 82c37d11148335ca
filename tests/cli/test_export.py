"""`spinalnet export` as a shell calls it."""

import pytest

from spinalnet_lib import create_model, load_dataset, save_model
from spinalnet_lib.cli.main import main


def test_a_saved_model_becomes_an_onnx_file(tmp_path, capsys):
    onnx = pytest.importorskip("onnx")
    save_model(create_model("pixels", "linear", 10, 1, 8), tmp_path / "model.npz", load_dataset("digits"))
    assert main(["export", str(tmp_path / "model.npz"), str(tmp_path / "model.onnx")]) == 0
    onnx.checker.check_model(str(tmp_path / "model.onnx"))
    assert "probabilities out" in capsys.readouterr().out
    assert main(["export", str(tmp_path / "none.npz"), str(tmp_path / "other.onnx")]) == 2
    assert "none.npz" in capsys.readouterr().err and not (tmp_path / "other.onnx").exists()
