import torch

from spinalnet_lib import create_model
from spinalnet_lib.bench.published_way import pil_loader, train_epoch
from tests.bench.cases import some_images


def test_the_published_way_trains_and_warps_each_image_anew():
    data = some_images(64)
    model = create_model("two_conv", "mlp", 10, hidden_sizes=4)
    before = [p.clone() for p in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), 0.01, 0.9)
    train_epoch(model, pil_loader(data.train, 10), optimizer)
    assert any((a != b).any() for a, b in zip(before, model.parameters(), strict=True))
    first, second = (next(iter(pil_loader(data.train, 4, warped=True)))[0] for _ in range(2))
    assert first.shape == (4, 1, 28, 28) and not torch.equal(first, second)
    plain = pil_loader(data.train, 4).dataset[3][0]
    assert torch.allclose(plain, data.train.batch(torch.tensor([3]))[0][0], atol=1e-5)
