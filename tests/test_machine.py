"""This machine: devices that are not here are named, limits are seconds, and a system that says nothing is no error."""

import pytest
import torch

from spinalnet_lib import machine
from spinalnet_lib.machine import TimeLimit, cpu_model, describe_machine, one_thread, peak_memory_mb, pick_device

CPU = torch.device("cpu")


def test_a_device_that_cannot_be_used_is_named():
    assert pick_device("cpu") == CPU and pick_device().type in ("cpu", "cuda")
    for wrong in ("gpu", "meta", 3.5):
        with pytest.raises(ValueError, match=str(wrong)):
            pick_device(wrong)


def test_peak_memory_is_known_here_and_zero_where_the_system_does_not_say(monkeypatch):
    assert peak_memory_mb(CPU) > 10
    monkeypatch.setattr("spinalnet_lib.machine.resource", None)  # as on Windows
    assert peak_memory_mb(CPU) == 0


def test_one_thread_gives_the_others_back():
    before = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt), one_thread():
        assert torch.get_num_threads() == 1
        raise KeyboardInterrupt
    assert torch.get_num_threads() == before


def test_a_limit_counts_from_when_it_began():
    assert TimeLimit(None).left is None and not TimeLimit(None).is_up
    assert 0 < TimeLimit(1000).left <= 999
    assert TimeLimit(1000, began=-1e9).is_up


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_what_is_no_limit_is_refused(seconds):
    with pytest.raises(ValueError, match=rf"time_limit.*{seconds}"):
        TimeLimit(seconds)


def test_a_description_says_where_and_with_what():
    described = describe_machine(CPU)
    assert described["device"] == "cpu" and described["torch"] == torch.__version__ and described["cuda"] is None
    assert described["device_name"] == cpu_model() and torch.backends.cpu.get_cpu_capability() in cpu_model()


@pytest.mark.parametrize(
    ("text", "model"),
    [
        (
            "processor: 0\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n\nmodel : 2\n",
            "AMD EPYC cpu family 25 model 1",
        ),
        ("CPU implementer\t: 0x41\nCPU part\t: 0xd40\n", "CPU implementer 0x41 CPU part 0xd40"),
        ("", None),
        (None, None),
    ],
)
def test_two_models_of_one_maker_are_told_apart(text, model, tmp_path):
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_text(text)
    assert machine._model_on_linux(path) == model
