import torch

from spinalnet_lib.bench import photographs
from spinalnet_lib.training.batches import Batches
from tests.bench.cases import names


def test_a_step_from_photographs_is_measured_against_one_at_hand(monkeypatch):
    taken, take = [], Batches.take

    def noted(self, order, position):
        batch = take(self, order, position)
        taken.append((position, batch[0].shape))
        return batch

    monkeypatch.setattr(Batches, "take", noted)
    (row,) = photographs.photo_rows(batch_size=2, size=32, pairs=3)
    assert names([row]) and row["promised"] == 2.0 and row["pairs"] == 3
    assert {shape for _, shape in taken} == {torch.Size([2, 3, 32, 32])}
    assert {position for position, _ in taken} == set(
        range(photographs._EPOCH)
    )  # the pictures change from step to step
