"""The fast spine against the loop of `SpinalHead.hidden`, and every situation in which it must step aside."""

import copy
import gc
import itertools
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.module import register_module_forward_hook, register_module_full_backward_hook
from torch.nn.utils.stateless import _reparametrize_module

from spinalnet_lib import SpinalHead, create_head
from spinalnet_lib.heads import fast_spine, folded_spine
from spinalnet_lib.heads.fast_spine import draw_masks, fast_dropout, fast_hidden, reference_hidden


def loop(head, x):
    """`hidden` by its loop, whatever `SpinalHead.hidden` does itself."""
    outputs = []
    for split, layer in zip(head.read(x), head.layers, strict=True):
        outputs.append(layer(torch.cat([split, *outputs[-1:]], dim=1)))
    return torch.cat(outputs, dim=1)


def build(in_features=13, norm_layer="BatchNorm1d", drop_rate=0.5, dtype=torch.float64, **sizes):
    torch.manual_seed(0)
    head = SpinalHead(in_features, 5, **{"layer_width": 6, **sizes}, norm_layer=norm_layer, drop_rate=drop_rate)
    for norm in (layer.norm for layer in head.layers if norm_layer):
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
        norm.running_mean.normal_(), norm.running_var.uniform_(0.5, 2)
    return head.to(dtype)


class Injected(nn.Module):
    """Dropout with the mask it is given."""

    def forward(self, x):
        return x if self.mask is None else x * self.mask.view_as(x)


@pytest.fixture
def record(monkeypatch):
    """The masks of each `draw_masks`, in turn."""
    drawn = []

    def recording(*args):
        drawn.append(draw_masks(*args))
        return drawn[-1]

    monkeypatch.setattr(fast_spine, "draw_masks", recording)
    return drawn


@pytest.fixture(autouse=True)
def one_thread():
    """Tensors this small gain nothing from threads, and on a busy machine their barriers cost minutes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.set_grad_enabled(True)


SHAPES = [{}, {"in_features": 7, "num_splits": 3, "num_layers": 7}, {"num_splits": 1, "num_layers": 1}]


class TestTraining:
    @pytest.mark.parametrize("momentum", [0.1, None])
    @pytest.mark.parametrize("norm_layer", [None, "BatchNorm1d"])
    @pytest.mark.parametrize("drop_rate", [0, 0.5, 0.3])
    @pytest.mark.parametrize("sizes", SHAPES)
    def test_a_hundred_steps_equal_those_of_the_loop(self, record, sizes, drop_rate, norm_layer, momentum):
        fast = build(norm_layer=norm_layer, drop_rate=drop_rate, **sizes)
        for layer in fast.layers:
            layer.norm.momentum = momentum
        slow = copy.deepcopy(fast)
        for layer in slow.layers:
            layer.drop = Injected()
        optimizers = [torch.optim.SGD(head.parameters(), 0.05, momentum=0.9) for head in (fast, slow)]
        for _ in range(100):
            x, y = torch.randn(9, fast.in_features, dtype=torch.float64), torch.randint(5, (9,))
            mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
            hidden = fast_hidden(fast, mine)
            for layer, mask in zip(slow.layers, record[-1], strict=True):
                layer.drop.mask = mask
            expected = loop(slow, theirs)
            torch.testing.assert_close(hidden, expected, rtol=1e-9, atol=1e-9)
            for head, output, optimizer in zip((fast, slow), (hidden, expected), optimizers, strict=True):
                optimizer.zero_grad()
                F.cross_entropy(head.classifier(output), y).backward()
                optimizer.step()
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(fast.state_dict(), slow.state_dict(), rtol=1e-9, atol=1e-9)

    def test_frozen_parameters_get_no_gradient_and_the_others_the_same(self):
        head = build(drop_rate=0)
        head.layers[1].linear.requires_grad_(False)
        head.layers[2].norm.requires_grad_(False)
        other = copy.deepcopy(head)
        x = torch.randn(8, 13, dtype=torch.float64)
        fast_hidden(head, x).square().sum().backward(), loop(other, x).square().sum().backward()
        for mine, theirs in zip(head.layers.parameters(), other.layers.parameters(), strict=True):
            assert (mine.grad is None) == (theirs.grad is None)
            if mine.grad is not None:
                torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("norm_layer", [None, "BatchNorm1d"])
    def test_gradients_can_be_differentiated_again(self, record, norm_layer):
        head = build(in_features=5, layer_width=3, num_splits=2, num_layers=3, norm_layer=norm_layer)
        parameters = [p.detach().requires_grad_() for p in head.layers.parameters()]
        names = [f"layers.{name}" for name, _ in head.layers.named_parameters()]
        generator = torch.get_rng_state()

        def forward(x, *values):
            torch.set_rng_state(generator)
            with _reparametrize_module(head, dict(zip(names, values, strict=True))):
                return fast_hidden(head, x)

        x = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(forward, (x, *parameters))
        assert torch.autograd.gradgradcheck(forward, (x, *parameters))
        statistics = copy.deepcopy(dict(head.named_buffers()))
        forward(x, *parameters)
        after_one = copy.deepcopy(dict(head.named_buffers()))
        head.load_state_dict(statistics, strict=False)
        (grad,) = torch.autograd.grad(forward(x, *parameters).sum(), x, create_graph=True)
        grad.square().sum().backward()
        assert parameters[0].grad.abs().sum() > 0  # of x it is 0 without a norm: the head is linear piece by piece
        torch.testing.assert_close(dict(head.named_buffers()), after_one)  # counted once

    @pytest.mark.parametrize("norm_layer", ["BatchNorm1d", None])
    @pytest.mark.parametrize("how", ["create_graph", "is_grads_batched"])
    def test_other_ways_to_ask_for_gradients_give_the_loops(self, norm_layer, how):
        """Gradient penalties and vectorized jacobians; layers 0 and 2 read the very same split."""
        head = build(layer_width=3, norm_layer=norm_layer, drop_rate=0)
        x = torch.randn(4, 13, dtype=torch.float64, requires_grad=True)
        asked = [x, *head.layers.parameters()]

        def gradients(hidden):
            if how == "create_graph":
                first = torch.autograd.grad(hidden.square().sum(), asked, create_graph=True)
                penalty = sum(grad.square().sum() for grad in first)
                return [*first, *torch.autograd.grad(penalty, asked, allow_unused=True, materialize_grads=True)]
            directions = torch.randn(3, *hidden.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
            return torch.autograd.grad(hidden, asked, directions, is_grads_batched=True)

        for ours, theirs in zip(gradients(fast_hidden(head, x)), gradients(loop(head, x)), strict=True):
            torch.testing.assert_close(ours, theirs)

    def test_an_empty_batch_is_no_error(self):
        x = torch.zeros(0, 13, dtype=torch.float64)
        assert build(norm_layer=None).train()(x).shape == (0, 5)
        assert create_head("spinal_last", 13, 5, layer_width=6, drop_rate=0.5).double()(x).shape == (0, 5)

    @pytest.mark.parametrize("place", ["layer", "linear", "everywhere"])
    def test_backward_hooks_are_called(self, place):
        head, x, calls = build(), torch.randn(4, 13, dtype=torch.float64), []
        module = {"layer": head.layers[1], "linear": head.layers[1].linear}.get(place)
        add = module.register_full_backward_hook if module else register_module_full_backward_hook
        handle = add(lambda *args: calls.append(args))
        try:
            head(x).sum().backward()
            assert calls
        finally:
            handle.remove()

    def test_a_rate_that_drops_everything_is_torchs(self):
        head, x = build(norm_layer=None, drop_rate=0.5), torch.randn(4, 13, dtype=torch.float64)
        head.layers[1].drop.p = 1.0
        assert fast_hidden(head, x) is None and head(x).shape == (4, 5)

    def test_weights_of_another_type_are_refused_by_torch_and_not_read_as_bytes(self):
        head, x = build(norm_layer=None), torch.randn(4, 13, dtype=torch.float64)
        head.layers[1].linear.bias.data = head.layers[1].linear.bias.data.float()
        assert fast_hidden(head, x) is None

    def test_one_sample_is_refused_in_batch_norms_words(self):
        head, x = build(), torch.zeros(1, 13, dtype=torch.float64)
        assert fast_hidden(head, x) is None
        with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
            head(x)

    def test_a_seed_repeats_it(self):
        head, x = build(), torch.randn(8, 13, dtype=torch.float64)

        def run(seed):
            torch.manual_seed(seed)
            return fast_hidden(head, x)

        assert run(1).equal(run(1)) and not run(1).equal(run(2))

    def test_the_mode_without_gradients_trains_the_statistics_too(self):
        head = build()
        with torch.no_grad():
            assert fast_hidden(head, torch.randn(8, 13, dtype=torch.float64)).requires_grad is False
        assert head.layers[3].norm.num_batches_tracked == 1


class TestEvaluation:
    @pytest.mark.parametrize("norm_layer", [None, "BatchNorm1d"])
    @pytest.mark.parametrize("sizes", SHAPES)
    @pytest.mark.parametrize("batch", [1, 30])
    def test_equals_the_loop_and_its_gradient(self, batch, sizes, norm_layer):
        head = build(norm_layer=norm_layer, **sizes).eval()
        mine = torch.randn(batch, head.in_features, dtype=torch.float64, requires_grad=True)
        theirs = mine.detach().clone().requires_grad_()
        outputs = fast_hidden(head, mine), loop(head, theirs)
        torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-12)
        for output in outputs:
            output.square().sum().backward()
        torch.testing.assert_close(mine.grad, theirs.grad)
        for mode in (torch.inference_mode(), torch.no_grad()):
            with mode:
                folded = fast_hidden(head, mine)
                torch.testing.assert_close(folded, loop(head, mine), rtol=1e-12, atol=1e-12)
                assert folded.is_contiguous() and not folded.requires_grad

    @pytest.mark.parametrize("name", ["spinal_spatial", "spinal_overlap", "spinal_random_mask"])
    def test_heads_that_read_in_another_way(self, name):
        head = create_head(name, 20, 5, layer_width=6, norm_layer="BatchNorm1d").eval()
        x = torch.randn(7, 20)
        torch.testing.assert_close(fast_hidden(head, x), loop(head, x))
        with torch.no_grad():
            torch.testing.assert_close(fast_hidden(head, x), loop(head, x))

    def test_what_is_folded_and_what_not(self, monkeypatch):
        """Folding takes memory and must see every write: small plain heads on a CPU, without gradients."""
        head, x = build().eval(), torch.randn(3, 13, dtype=torch.float64)

        def folds(head):
            fast_hidden(head, x)
            return fast_spine._plain_structure(head).folded.folded is not None

        assert not folds(head)  # with gradients
        with torch.no_grad():
            assert folds(head)
            assert not folds(copy.deepcopy(head).train())
            assert "folded" not in str(head.state_dict().keys())
            monkeypatch.setattr(folded_spine, "_LARGEST", 200)
            assert not folds(copy.deepcopy(head))
            monkeypatch.undo()
            plain = SpinalHead(13, 5, 6, norm_layer=lambda width: nn.BatchNorm1d(width, affine=False)).double().eval()
            assert not folds(plain)
            torch.testing.assert_close(fast_hidden(plain, x), loop(plain, x))
        with torch.inference_mode():
            born = build().eval()  # its tensors count no writes
            assert not folds(born)
            torch.testing.assert_close(fast_hidden(born, x), loop(born, x))

    def test_threads_may_share_a_head(self):
        head, x = build(in_features=64, layer_width=40).eval(), torch.randn(4, 64, dtype=torch.float64)

        def run(_):
            with torch.no_grad():
                return fast_hidden(head, x)

        expected = loop(head, x)
        with ThreadPoolExecutor(8) as pool:
            for _ in range(30):
                fast_spine._STRUCTURES.pop(head, None)
                run(0)
                fast_spine._plain_structure(head).folded.folded = None  # all of them fold
                for found in pool.map(run, range(16)):
                    torch.testing.assert_close(found, expected)

    def test_folding_keeps_no_graph_and_no_head_alive(self):
        head, x = build().eval(), torch.randn(3, 13, dtype=torch.float64)
        weight = head.layers[0].linear.weight * 2
        watched = weakref.ref(weight)
        with torch.no_grad(), _reparametrize_module(head, {"layers.0.linear.weight": weight}):
            fast_hidden(head, x)
        del weight
        gc.collect()
        assert watched() is None
        watched = weakref.ref(head)
        del head
        gc.collect()
        assert watched() is None

    @pytest.mark.parametrize("name", ["spinal_no_chain", "spinal_last"])
    def test_heads_that_are_wired_in_another_way_run_their_loop(self, name):
        assert fast_hidden(create_head(name, 20, 5, layer_width=6), torch.randn(7, 20)) is None


def step(make_optimizer):
    def change(head):
        for parameter in head.parameters():
            parameter.grad = torch.ones_like(parameter)
        make_optimizer(head.parameters()).step()

    return change


def write_data(head):
    head.layers[1].linear.weight.data.mul_(2)
    head.layers[1].norm.running_var.data.mul_(2)


def average(head):
    """Of weights, as it is often written."""
    for parameter in head.parameters():
        parameter.data.mul_(0.9).add_(torch.ones_like(parameter), alpha=0.1)


def transpose(head):
    linear = head.layers[0].linear  # 7 features to 7: the same memory at the same version, read the other way
    linear.weight = nn.Parameter(linear.weight.detach().t())


def load_again(head):
    state = {name: value + 0.5 for name, value in head.state_dict().items()}
    head.load_state_dict(state, assign=True)


def train_statistics(head):
    head.train()
    head(torch.randn(50, head.in_features) * 3 + 1)
    head.eval()


def add_hook(head):
    head.layers[2].linear.register_forward_hook(lambda module, inputs, output: output + 1)


def add_pre_hook(head):
    head.layers[2].register_forward_pre_hook(lambda module, inputs: (inputs[0] + 1,))


def parametrize(head):
    class Double(nn.Module):
        def forward(self, x):
            return 2 * x

    nn.utils.parametrize.register_parametrization(head.layers[0].linear, "weight", Double())


def square():
    return build(in_features=14, layer_width=7, dtype=torch.float32)


CHANGES = {
    "an optimizer step": step(lambda parameters: torch.optim.SGD(parameters, 0.1)),
    "a step of all at once": step(lambda parameters: torch.optim.Adam(parameters, 0.1, foreach=True)),
    "a fused step": step(lambda parameters: torch.optim.AdamW(parameters, 0.1, fused=True)),
    "load_state_dict with new tensors": load_again,
    "a batch in training mode": train_statistics,
    "an average written through data": average,
    "one bias through data": lambda head: head.layers[2].linear.bias.data[3].add_(3),
    "one weight's data set": lambda head: setattr(head.layers[1].linear.weight, "data", torch.ones(7, 14)),
    "one norm's data set": lambda head: setattr(head.layers[1].norm.weight, "data", torch.ones(7) * 3),
    "a write through NumPy": lambda head: head.layers[1].linear.weight.numpy().fill(0.2),
    "a view of the same memory": transpose,
    "swapped tensors": lambda head: torch.utils.swap_tensors(
        head.layers[1].linear.weight, nn.Parameter(torch.ones(7, 14))
    ),
    "load_state_dict": lambda head: head.load_state_dict({k: v + 0.5 for k, v in head.state_dict().items()}),
    "a running mean": lambda head: head.layers[0].norm.running_mean.add_(1),
    "a write through data": write_data,
    "a new parameter": lambda head: setattr(head.layers[1].linear, "weight", nn.Parameter(torch.ones(7, 14))),
    "a new submodule": lambda head: setattr(head.layers[1], "linear", nn.Linear(14, 7)),
    "a new layer": lambda head: head.layers.__setitem__(1, square().layers[3].eval()),
    "new layers": lambda head: setattr(head, "layers", square().layers[:2].eval()),
    "another activation": lambda head: setattr(head.layers[3], "act", nn.Tanh()),
    "a hook": add_hook,
    "a hook before": add_pre_hook,
    "a parametrization": parametrize,
    "a forward of its own": lambda head: setattr(head.layers[2].act, "forward", torch.tanh),
    "eps": lambda head: setattr(head.layers[2].norm, "eps", 1.0),
    "dropout left on": lambda head: head.layers[2].drop.train(),
    "half precision": lambda head: head.bfloat16().float(),
    "half precision of another kind": lambda head: head.half().float(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("with_gradients", [True, False])
def test_no_change_to_the_head_is_missed(change, with_gradients):
    head = square().eval()
    x = torch.randn(6, 14)
    torch.set_grad_enabled(with_gradients)
    before = fast_hidden(head, x).detach()
    with torch.no_grad():
        change(head)
    if change is CHANGES["new layers"]:
        head.num_layers = 2
    torch.manual_seed(1)
    expected = loop(head, x)
    torch.manual_seed(1)
    fast = fast_hidden(head, x)
    now = loop(head, x) if fast is None else fast
    torch.testing.assert_close(now, expected)
    assert now.shape != before.shape or not now.allclose(before, atol=1e-4)


@pytest.mark.parametrize(
    "write",
    [
        lambda weight: weight.data[3].zero_(),
        lambda weight: weight.data[37:].add_(1),
        lambda weight: weight.data[:, 5].add_(1),
        lambda weight: weight.data[:, 1::2].zero_(),
        lambda weight: weight.data[:, 50:61].mul_(2),
        lambda weight: weight.numpy()[1].fill(3),
    ],
)
def test_rows_and_columns_are_not_missed_whatever_wrote_them(write):
    """Pruned or edited units of a wide layer, past torch's count of writes."""
    head, x = build(in_features=64, layer_width=40).eval(), torch.randn(20, 64, dtype=torch.float64)
    with torch.no_grad():
        before = fast_hidden(head, x)
        write(head.layers[1].linear.weight)
        now = fast_hidden(head, x)
    torch.testing.assert_close(now, loop(head, x))
    assert not now.equal(before)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_one_weight_is_not_missed_wherever_it_is(mode):
    """A wide layer's weights are not all compared: there torch's count of writes must tell."""
    head, x = build(in_features=64, layer_width=40).eval(), torch.randn(20, 64, dtype=torch.float64)
    changes = 0
    for _ in range(100):
        row, column = torch.randint(40, ()), torch.randint(72, ())
        with mode():
            before = fast_hidden(head, x)
            head.layers[1].linear.weight[row, column] += 100
            now = fast_hidden(head, x)
            torch.testing.assert_close(now, loop(head, x))
            changes += not now.equal(before)
            head.layers[1].linear.weight[row, column] -= 100
    assert changes > 50  # the others read what is 0


def test_removing_a_hook_brings_the_fast_way_back():
    head, x = build().eval(), torch.randn(6, 13, dtype=torch.float64)
    for register in (head.layers[1].act.register_forward_hook, nn.modules.module.register_module_forward_hook):
        handle = register(lambda *args: None)
        assert fast_hidden(head, x) is None
        handle.remove()
        assert fast_hidden(head, x) is not None


@pytest.mark.parametrize("with_gradients", [True, False])
def test_dtype_and_functional_call_are_followed(with_gradients):
    torch.set_grad_enabled(with_gradients)
    head = build(dtype=torch.float32).eval()
    x = torch.randn(6, 13)
    assert fast_hidden(head, x).dtype is torch.float32
    assert fast_hidden(head.double(), x.double()).dtype is torch.float64
    for dtype in (torch.half, torch.bfloat16):
        assert fast_hidden(copy.deepcopy(head).to(dtype), x.to(dtype)) is None
    head.float()
    changed = {name: value + 0.25 for name, value in itertools.chain(head.named_parameters(), head.named_buffers())}
    other = copy.deepcopy(head)
    with torch.no_grad():
        for name, value in itertools.chain(other.named_parameters(), other.named_buffers()):
            value.copy_(changed[name])
    with _reparametrize_module(head, changed):
        torch.testing.assert_close(fast_hidden(head, x), loop(other, x))
    assert not fast_hidden(head, x).allclose(fast_hidden(other, x))
    called = torch.func.functional_call(head, changed, (x,))
    torch.testing.assert_close(called, other(x))
    assert not head(x).allclose(called)


class Asked(nn.Module):
    """Returns zeros where the fast way steps aside, as ones would betray it."""

    def __init__(self):
        super().__init__()
        self.head = build(dtype=torch.float32).eval()

    def forward(self, x):
        return x * 0 if fast_hidden(self.head, x) is None else x * 0 + 1


class Sub(torch.Tensor):
    pass


def contexts(model, x):
    yield "eager", model
    yield "trace", lambda x: torch.jit.trace(model, x)(x)
    yield "export", lambda x: torch.export.export(model, (x,)).module()(x)
    yield "loose export", lambda x: torch.export.export(model, (x,), strict=False).module()(x)
    yield "compile", torch.compile(model, backend="eager", fullgraph=True)
    yield "vmap", lambda x: torch.vmap(model)(x[None])[0]
    yield "grad", lambda x: torch.func.vjp(model, x)[0]
    yield "jvp", lambda x: torch.func.jvp(model, (x,), (x,))[0]

    def autocast(x):
        with torch.autocast("cpu", torch.bfloat16):
            return model(x)

    def function_mode(x):
        with torch.device("cpu"):
            return model(x)

    def counted(x):
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False):
            return model(x)

    def forward_mode(x):
        with torch.autograd.forward_ad.dual_level():
            return model(x)

    yield from {"autocast": autocast, "mode": function_mode, "flops": counted, "forward mode": forward_mode}.items()
    yield "subclass", lambda x: model(x.as_subclass(Sub)).as_subclass(torch.Tensor)


@pytest.mark.parametrize("index", range(13))
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_it_steps_aside_wherever_calls_are_watched(index, train):
    model, x = Asked().train(train), torch.randn(6, 13)
    name, call = list(contexts(model, x))[index]
    assert call(x).eq(1 if name == "eager" else 0).all(), name


class TestMasks:
    @pytest.mark.parametrize("rate", [0.5, 0.25, 0.1, 1 / 3, 0.9, 0.999])
    def test_means_and_values(self, rate):
        torch.manual_seed(0)
        n = 400_000
        (mask,) = draw_masks(torch.empty(0), [n], [rate])
        kept = mask > 0
        assert mask.unique().numel() == 2 and mask[kept][0] == pytest.approx(1 / (1 - rate), rel=0.02)
        assert kept.double().mean() == pytest.approx(1 - rate, abs=4 * (rate * (1 - rate) / n) ** 0.5 + 1e-5)

    @pytest.mark.parametrize("rate", [0.5, 0.3])
    def test_lanes_are_independent(self, rate):
        torch.manual_seed(0)
        n = 400_000
        kept = (draw_masks(torch.empty(0), [n], [rate])[0] > 0).double()
        lanes = kept.view(-1, 8)
        spread = (rate * (1 - rate) / len(lanes)) ** 0.5
        assert (lanes.mean(0) - (1 - rate)).abs().max() < 5 * spread
        correlation = torch.corrcoef(lanes.T) - torch.eye(8, dtype=torch.float64)
        assert correlation.abs().max() < 5 / len(lanes) ** 0.5
        for lag in (1, 3, 8, 64):
            pair = torch.corrcoef(torch.stack([kept[:-lag], kept[lag:]]))[0, 1]
            assert abs(pair) < 5 / n**0.5

    def test_sizes_rates_and_seeds(self):
        def run(seed):
            torch.manual_seed(seed)
            return draw_masks(torch.empty(0, dtype=torch.float64), [1001, 7, 2000, 3], [0.5, 0, 0.1, 1e-9])

        first, none, third, last = run(1)
        assert none is None and first.dtype is torch.float64
        assert [len(mask) for mask in (first, third, last)] == [1001, 2000, 3]
        assert first.gt(0).double().mean() < 0.6 < third.gt(0).double().mean() and last.eq(1).all()
        assert all(a.equal(b) for a, b in zip(run(1), run(1), strict=True) if a is not None)
        assert not run(1)[0].equal(run(2)[0])
        assert draw_masks(torch.empty(0), [4, 5], [0, 0]) == [None, None] and draw_masks(torch.empty(0), [], []) == []

    def test_each_rate_is_kept_beside_others(self):
        """.3 is no whole 256th: it takes the wider lanes, and so does what is drawn with it."""
        torch.manual_seed(0)
        n = 2_000_000
        for rates in ([0.5, 0.3], [0.3, 0.5], [0.501, 0.25]):
            for mask, rate in zip(draw_masks(torch.empty(0), [n, n], rates), rates, strict=True):
                assert mask.eq(0).double().mean() == pytest.approx(rate, abs=4 * (rate * (1 - rate) / n) ** 0.5 + 2e-5)
                steps = 2**16
                assert mask.max() == pytest.approx(steps / (steps - round(rate * steps)), abs=1e-6)

    def test_no_dropout_draws_nothing(self):
        head, x = build(drop_rate=0), torch.randn(8, 13, dtype=torch.float64)
        before = torch.get_rng_state()
        assert fast_hidden(head, x) is not None
        assert torch.get_rng_state().equal(before)

    def test_dropout_scales_and_has_a_gradient(self):
        torch.manual_seed(0)
        x = torch.ones(200, 100, requires_grad=True)
        y = fast_dropout(x, 0.25)
        y.sum().backward()
        assert y.mean().item() == pytest.approx(1, abs=0.02) and x.grad.equal(y.detach())
        assert y.unique().tolist() == pytest.approx([0, 1 / 0.75])
        assert fast_dropout(x, 0.0).equal(x) and fast_dropout(x, 1.0).eq(0).all()
        assert fast_dropout(x.bfloat16(), 0.5).dtype is torch.bfloat16

    def test_reference_takes_the_masks(self):
        head, x = build(norm_layer=None), torch.randn(4, 13, dtype=torch.float64)
        parameters = [p for layer in head.layers for p in (layer.linear.weight, layer.linear.bias, None, None)]
        zeros = [torch.zeros(4, layer.linear.in_features, dtype=torch.float64) for layer in head.layers]
        biases = torch.cat([layer.linear.bias.relu() for layer in head.layers])
        torch.testing.assert_close(reference_hidden(head.read(x), parameters, zeros, None), biases.expand(4, -1))


def test_the_reference_loop_can_be_asked_for():
    """Recorded runs ask for it: their numbers must not depend on which way is faster."""
    head = SpinalHead(20, 7, 6, drop_rate=0.5).train()
    x = torch.randn(5, 20)
    with fast_spine.reference_loop():
        assert fast_spine.fast_hidden(head, x) is None
        torch.manual_seed(0)
        first = head.hidden(x)[:, :6]
        torch.manual_seed(0)
        assert torch.equal(first, head.layers[0](x[:, :10]))
    assert fast_spine.fast_hidden(head, x) is not None


def test_the_reference_loop_of_one_thread_is_not_anothers():
    head, x = SpinalHead(20, 7, 6).train(), torch.randn(5, 20)
    inside, outside = threading.Event(), threading.Event()

    def first():
        with fast_spine.reference_loop():
            inside.set()
            outside.wait(10)
            return fast_hidden(head, x) is None

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(first)
        inside.wait(10)
        with fast_spine.reference_loop():
            pass
        assert fast_hidden(head, x) is not None  # although the other thread is still inside
        outside.set()
        assert answer.result()
    assert fast_hidden(head, x) is not None


class TestClassifierDropout:
    """`SpinalHead` drops before its classifier by `fast_drop`: a plain nn.Dropout only, and torch's in all else."""

    def test_it_drops_in_training_and_not_in_evaluation(self):
        head = SpinalHead(20, 64, 6, drop_rate=(0, 0, 0, 0, 0.5))
        nn.init.eye_(head.classifier.weight), nn.init.zeros_(head.classifier.bias)
        x = torch.randn(50, 20)
        hidden, logits = head(x, pre_logits=True), head(x)[:, :24]
        ratio = logits[hidden > 0] / hidden[hidden > 0]
        assert ratio.detach().unique().tolist() == pytest.approx([0, 2]) and 0.3 < ratio.eq(0).double().mean() < 0.7
        head.eval()
        assert torch.equal(head(x)[:, :24], head(x, pre_logits=True))

    @pytest.mark.parametrize("change", ["hook", "global hook", "forward"])
    def test_what_watches_or_changes_it_is_honoured(self, change):
        head, calls = SpinalHead(20, 7, 6, drop_rate=0.5), []

        def watch(module, *args):
            if module is head.classifier_drop:
                calls.append(module)

        handle = None
        if change == "forward":
            head.classifier_drop.forward = lambda x: calls.append(head.classifier_drop) or x
        elif change == "hook":
            handle = head.classifier_drop.register_forward_hook(watch)
        else:
            handle = register_module_forward_hook(watch)
        try:
            head(torch.randn(5, 20))
        finally:
            if handle:
                handle.remove()
        assert calls == [head.classifier_drop]
