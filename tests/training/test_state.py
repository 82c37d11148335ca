"""What changes while a run trains: the redraws of the learning rate, and a state that is gone back to."""

import pytest
import torch

from spinalnet_lib import TrainConfig, load_dataset
from spinalnet_lib.training.runs import Run
from spinalnet_lib.training.state import RunState
from spinalnet_lib.training.steps import make_step
from tests.training.cases import LONG, model, quick_train, small


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


def test_a_state_gone_back_to_goes_on_as_the_first(digits):
    run = Run(model(), digits, LONG, 3, "cpu")
    with run.own_generators():
        first = RunState(run)
        take_step, batch = make_step(run.model, first.optimizer, LONG), digits.train.batch(slice(0, 100))
        first.losses.append(take_step(*batch))
        first.step, first.redrawn = 1, 0.5
        plain, tensors = first.saved()
        tensors = {name: tensor.clone() for name, tensor in tensors}
        expected, weights = take_step(*batch), [w.clone() for w in run.model.state_dict().values()]
    other = Run(model(), digits, LONG, 3, "cpu")
    with other.own_generators():
        again = RunState(other)
        again.restore(plain, tensors)
        assert (again.step, again.learning_rate, again.losses) == (1, first.learning_rate, first.losses)
        assert torch.equal(make_step(again.model, again.optimizer, LONG)(*batch), expected)
    assert all(map(torch.equal, again.model.state_dict().values(), weights))
