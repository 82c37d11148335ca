import pytest

from spinalnet_lib.cli.main import main


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (2, 2)])
def test_a_machine_that_fails_is_said_in_one_line(failed, code, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("spinalnet_lib.bench.selftest.selftest", lambda device: asked.append(device) or failed)
    assert main(["selftest", "--device", "cpu"]) == code and asked == ["cpu"]
    assert ("2 checks failed" in capsys.readouterr().err) == bool(failed)
