import torch
from torch import nn

from spinalnet_lib.models.weights import weights_sha256


def test_the_hash_sees_values_names_shapes_and_dtypes():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    first = weights_sha256(net)
    assert first == weights_sha256(net.to(memory_format=torch.preserve_format))
    others = [nn.Sequential(net[0]), nn.ModuleDict({"0": net[0], "2": net[1]}), net.half()]
    seen = {first, *map(weights_sha256, others)}
    net.float()
    with torch.no_grad():
        net[0].bias[1] += 1
    assert len({*seen, weights_sha256(net)}) == 5
