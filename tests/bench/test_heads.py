import torch

from spinalnet_lib import create_head
from spinalnet_lib.bench import heads
from tests.bench.cases import names, replace_clock


def test_the_measured_steps_train_and_evaluate():
    head = create_head("spinal", 8, 10, layer_width=4)
    before = head.classifier.weight.clone()
    heads.plain_step(head, 5, 8)()
    assert not torch.equal(head.classifier.weight, before) and head.training
    heads.evaluation(head, 1, 8)()
    assert not head.training


def test_rows_have_names_of_their_own_and_the_ledgers_is_among_them(monkeypatch):
    replace_clock(monkeypatch, heads)
    rows = list(heads.head_rows())
    assert names(rows)
    assert ("head training step, batch 100", "dense head of VGG-5") in [(row["name"], row["peer"]) for row in rows]
