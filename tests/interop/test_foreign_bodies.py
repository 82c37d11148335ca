"""Every family of timm as a body: the features that its classifier would read, at its publisher's size."""

import pytest
import torch

from spinalnet_lib import create_backbone
from tests.interop.cases import TIMM


@pytest.mark.parametrize("family", TIMM)
def test_a_family_gives_its_features_in_training_too(family):
    with torch.device("meta"):
        body = create_backbone(f"timm:{TIMM[family]}")
        x = torch.zeros(2, 3, body.image_size, body.image_size)
    for training in (True, False):
        assert body.to("meta").train(training)(x).shape == (2, body.num_features)
