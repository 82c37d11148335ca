"""Parts of a model that others stand in for, and come back."""

import pytest
from torch import nn

from spinalnet_lib.stand_ins import stand_ins


def for_relu(part):
    return nn.GELU() if type(part) is nn.ReLU else None


def test_others_stand_in_wherever_a_part_is_and_go_again_with_its_mode():
    shared = nn.ReLU()
    model = nn.Sequential(nn.Sequential(shared, nn.Tanh(), shared), shared).eval()
    with stand_ins(model, for_relu):
        assert [type(part) for part in (*model[0], model[1])] == [nn.GELU, nn.Tanh, nn.GELU, nn.GELU]
        assert not any(part.training for part in model.modules())
        model.train()
    assert model[0][0] is model[0][2] is model[1] is shared and all(part.training for part in model.modules())


def test_they_go_after_an_error_too():
    model = nn.Sequential(nn.ReLU())
    before = model[0]
    with pytest.raises(KeyError), stand_ins(model, for_relu):
        raise KeyError
    assert model[0] is before
