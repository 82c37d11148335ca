import pytest
import torch

from spinalnet_lib import TrainConfig, create_model
from spinalnet_lib.bench.steps import pil_loader, train_epoch, training_step
from spinalnet_lib.heads.dropout import CheapDropout
from tests.bench.cases import some_images


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("way", ["plain", "fast"])
def test_a_step_trains_and_fast_masks_stay_in_the_head(way):
    model = create_model("pixels", "spinal", 10, image_size=8, layer_width=4, drop_rate=0.5)
    before = weights(model)
    step = training_step(model, torch.rand(5, 1, 8, 8), torch.arange(5), TrainConfig(), way)
    step()
    assert not torch.equal(weights(model), before)
    assert any(isinstance(module, CheapDropout) for module in model.modules()) == (way == "fast")


def test_the_published_way_trains_and_warps_each_image_anew():
    data = some_images(64)
    model = create_model("two_conv", "mlp", 10, hidden_sizes=4)
    before = weights(model)
    train_epoch(model, pil_loader(data.train, 10), torch.optim.SGD(model.parameters(), 0.01, 0.9))
    assert not torch.equal(weights(model), before)
    first, second = (next(iter(pil_loader(data.train, 4, warped=True)))[0] for _ in range(2))
    assert first.shape == (4, 1, 28, 28) and not torch.equal(first, second)
    plain = pil_loader(data.train, 4).dataset[3][0]
    assert torch.allclose(plain, data.train.batch(torch.tensor([3]))[0][0], atol=1e-5)
