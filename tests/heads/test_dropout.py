"""Cheap masks: nn.Dropout's distribution from fewer random numbers, in every head that asks for dropout."""

import pytest
import torch
from torch import nn

from spinalnet_lib import SpinalHead, list_heads
from spinalnet_lib.heads.dropout import CheapDropout, cheap_dropout, draw_mask, own_draws
from tests.heads.cases import build

N = 400_000


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("rate", [0.5, 0.25, 0.125, 0.1, 1 / 3, 0.9, 0.999])
def test_the_rate_and_the_scale_are_exact(rate):
    mask = draw_mask(torch.empty(N), rate)
    steps = 2**8 if rate * 256 % 1 == 0 else 2**16
    kept = 1 - round(rate * steps) / steps
    assert kept == pytest.approx(1 - rate, abs=1 / 2**16)
    assert mask.unique().tolist() == pytest.approx([0, 1 / kept])
    assert mask.gt(0).double().mean().item() == pytest.approx(kept, abs=5 * (rate * (1 - rate) / N) ** 0.5)


def test_all_lanes_can_be_anything():
    """8 elements share a word: over all words each keeps one half, also the last, which holds the sign."""
    kept = draw_mask(torch.empty(N // 8, 8), 0.5).gt(0).double()
    assert (kept.mean(0) - 0.5).abs().max() < 5 * 0.5 / len(kept) ** 0.5


@pytest.mark.parametrize("rate", [0.5, 0.3])
def test_elements_are_independent(rate):
    kept = draw_mask(torch.empty(N), rate).gt(0).double()
    lanes = torch.corrcoef(kept.view(-1, 8).T) - torch.eye(8, dtype=torch.float64)
    assert lanes.abs().max() < 5 / (N / 8) ** 0.5
    for lag in (1, 3, 8, 64):
        pair = torch.corrcoef(torch.stack([kept[:-lag], kept[lag:]]))[0, 1]
        assert abs(pair) < 5 / N**0.5


@pytest.mark.parametrize("shape", [(1001,), (2, 3, 5), (0, 4)])
def test_any_shape_and_dtype(shape):
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        mask = draw_mask(torch.empty(shape, dtype=dtype), 0.5)
        assert mask.shape == shape and mask.dtype == dtype


def test_a_seed_repeats():
    def drawn(seed):
        torch.manual_seed(seed)
        return CheapDropout(0.3)(torch.ones(1000))

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))


def test_it_scales_and_has_the_masks_gradient():
    x = torch.randn(200, 100, requires_grad=True)
    y = CheapDropout(0.25)(x)
    y.sum().backward()
    assert torch.equal(y, x * x.grad) and x.grad.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert CheapDropout(0.5)(x.bfloat16()).dtype is torch.bfloat16


@pytest.mark.parametrize("layer", [CheapDropout(0.0), CheapDropout(0.5).eval()], ids=["rate 0", "evaluation"])
def test_where_nothing_is_dropped_nothing_is_drawn(layer):
    x, before = torch.randn(8, 13), torch.get_rng_state()
    assert layer(x) is x and torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("rate", [1.0, float("nan")])
def test_a_wrong_rate_is_named(rate):
    with pytest.raises((ValueError, TypeError), match=f"p must be .*{rate}"):
        CheapDropout(rate)


def drops(head):
    return {name: module for name, module in head.named_modules() if isinstance(module, nn.Dropout)}


@pytest.mark.parametrize("name", list_heads())
def test_every_head_gets_them_and_has_its_own_back(name):
    head = build(name, drop_rate=0.3)
    before = drops(head)
    with cheap_dropout(head):
        inside = drops(head)
        assert inside.keys() == before.keys() and {type(drop) for drop in inside.values()} == {CheapDropout}
        assert {drop.p for drop in inside.values()} == {0.3}
        head(torch.randn(3, 20)).sum().backward()
        head.eval()
    assert all(drop is before[key] and not drop.training for key, drop in drops(head).items())


def test_an_error_within_restores_them_too():
    head = nn.Sequential(nn.Dropout2d(0.5), SpinalHead(20, 7, 6, drop_rate=0.5))
    before = drops(head)
    with pytest.raises(KeyError), cheap_dropout(head):
        raise KeyError
    assert all(drop is before[key] for key, drop in drops(head).items())
    with cheap_dropout(head):
        assert type(head[0]) is nn.Dropout2d  # which drops whole channels: it is another layer


def test_what_has_draws_of_its_own_leaves_those_of_others_as_they_are():
    def draws(rate):
        torch.manual_seed(0)
        body, head, own = nn.Dropout(0.5), nn.Dropout(rate), torch.Generator().manual_seed(1)
        with own_draws(head, own):
            return [(body(torch.ones(8, 8)), head(torch.ones(8, 8))) for _ in range(3)]

    assert all(torch.equal(one, other) for (one, _), (other, _) in zip(draws(0.5), draws(0.0), strict=True))
    heads = [mask for _, mask in draws(0.5)]
    assert not torch.equal(heads[0], heads[1])  # it goes on, and does not begin again
    assert all(torch.equal(mask, again) for mask, (_, again) in zip(heads, draws(0.5), strict=True))
    generator = torch.get_rng_state()
    with pytest.raises(TypeError), own_draws(head := nn.Dropout(0.5), torch.Generator()):
        head(None)
    assert torch.equal(torch.get_rng_state(), generator)
