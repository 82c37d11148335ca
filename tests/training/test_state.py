"""What changes while a run trains: the redraws of the learning rate. (`test_keeper` goes back to states.)"""

import pytest
import torch

from spinalnet_lib import TrainConfig, load_dataset
from tests.training.cases import quick_train, small


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def test_the_published_redraws_follow_the_test_error(digits, monkeypatch):
    rates = []
    step = torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self))[1])
    config = TrainConfig(
        epochs=12, batch_size=300, learning_rate=0.5, schedule="redraw", redraw_power=3, read_test=True
    )
    record = quick_train(small(), digits, config)
    errors = [point["test_error"] for point in record.curve]
    for epoch in range(1, 12):
        redrawn = rates[4 * epoch] != rates[4 * epoch - 1]
        assert redrawn == (epoch > 1 and errors[epoch - 1] >= min(errors[: epoch - 1]))
    assert len(set(rates)) > 2 and max(rates) <= 0.5
