import pytest
import torch
from torch import nn

from spinalnet_lib import LinearHead, MLPHead
from tests.heads.cases import SkipMLPHead


@pytest.mark.parametrize("hidden_sizes", [0, -1, [], [3, 0], 2.5, "12", None])
def test_wrong_hidden_sizes(hidden_sizes):
    with pytest.raises((ValueError, TypeError), match="hidden_sizes"):
        MLPHead(20, 7, hidden_sizes)


def test_linear_head_is_one_linear():
    head = LinearHead(6, 2)
    x = torch.randn(3, 6)
    assert torch.equal(head(x), nn.functional.linear(x, head.classifier.weight, head.classifier.bias))


def test_layers_stand_in_a_row_and_the_last_or_all_feed_the_classifier():
    x = torch.randn(4, 20)
    mlp, skips = MLPHead(20, 7, (6, 5)), SkipMLPHead(20, 7, (6, 5))
    skips.layers.load_state_dict(mlp.layers.state_dict())
    first = torch.relu(mlp.layers[0].linear(x))
    second = torch.relu(mlp.layers[1].linear(first))
    torch.testing.assert_close(mlp(x, pre_logits=True), second)
    torch.testing.assert_close(skips(x, pre_logits=True), torch.cat([first, second], 1))
    assert (mlp.head_hidden_size, skips.head_hidden_size) == (5, 11)
