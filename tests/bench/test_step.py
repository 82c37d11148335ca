import pytest
import torch

from spinalnet_lib import TrainConfig, create_model
from spinalnet_lib.bench.step import training_step
from spinalnet_lib.heads.dropout import CheapDropout


@pytest.mark.parametrize("way", ["plain", "fast"])
def test_a_step_trains_and_fast_masks_stay_in_the_head(way):
    model = create_model("pixels", "spinal", 10, image_size=8, layer_width=4, drop_rate=0.5)
    before = [p.clone() for p in model.parameters()]
    step = training_step(model, torch.rand(5, 1, 8, 8), torch.arange(5), TrainConfig(), way)
    step()
    assert any((a != b).any() for a, b in zip(before, model.parameters(), strict=True))
    assert any(isinstance(module, CheapDropout) for module in model.modules()) == (way == "fast")
