"""Every registered head in the tools people use: compile, export, vmap, ONNX, autocast, copies, stable state_dict."""

import copy
import io

import pytest
import torch
from torch import nn

from spinalnet_lib import LinearHead, MLPHead, SpinalHead, create_head, fuse_head, list_heads
from spinalnet_lib.heads.published import ProgressiveHead, SharedSpinalHead, SpinalColumnsHead
from spinalnet_lib.heads.registry import find_head
from tests.heads.cases import REQUIRED, build, takes

HEADS = pytest.mark.parametrize("name", list_heads())
# One head of each wiring: its layers and what they read are computed by the same code as in the others of its kind.
KINDS = {
    (cls.hidden, getattr(cls, "read", None)): name for name, cls in ((n, find_head(n)) for n in list_heads()[::-1])
}


def inputs(n=5):
    return torch.randn(n, 20, generator=torch.Generator().manual_seed(1))


def built(name, **kwargs):
    norm = {"norm_layer": nn.BatchNorm1d} if takes(name, "norm_layer") else {}
    head = build(name, **norm, **kwargs)
    with torch.no_grad():
        for buffer_name, buffer in head.named_buffers():
            if buffer.is_floating_point():
                buffer.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(len(buffer_name)))
    return head.eval()


@HEADS
def test_state_dict_names_are_stable(name):
    """As the docstring of `Head` says; a new head is free in how it names its layers, not in its classifier."""
    head = build(name)
    keys = set(head.state_dict())
    assert {"classifier.weight", "classifier.bias"} <= keys
    if not isinstance(head, (LinearHead, MLPHead, SpinalHead, ProgressiveHead, SharedSpinalHead, SpinalColumnsHead)):
        return
    layers = [f"layers.{i}.linear" for i in range(len(getattr(head, "layers", ())))]
    if name == "spinal_columns":
        layers = [*(f"columns.{c}.layers.{i}.linear" for c, n in enumerate((4, 4)) for i in range(n)), "merge.linear"]
    expected = {f"{module}.{part}" for module in (*layers, "classifier") for part in ("weight", "bias")}
    assert keys == expected | ({"read_index"} if name == "spinal_random_mask" else set())
    norms = {key for key in built(name).state_dict() if ".norm." in key}
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert norms == ({f"{layer[:-6]}norm.{part}" for layer in layers for part in parts})


@HEADS
def test_a_deep_copy_and_a_saved_copy_give_the_same(name):
    head, x = built(name), inputs()
    file = io.BytesIO()
    torch.save(head.state_dict(), file)
    file.seek(0)
    loaded = built(name)
    nn.init.zeros_(loaded.classifier.weight)
    loaded.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(copy.deepcopy(head)(x), head(x))
    assert torch.equal(loaded(x), head(x))


@HEADS
def test_a_compiled_training_step_has_the_same_gradients(name):
    plain, x, y = built(name).train(), inputs(), torch.arange(5)
    other = copy.deepcopy(plain)
    nn.functional.cross_entropy(plain(x), y).backward()
    # Each is one graph; what the graph's gradients become is traced once for each wiring.
    backend = "aot_eager" if name in KINDS.values() else "eager"
    compiled = torch.compile(other, fullgraph=True, backend=backend)
    nn.functional.cross_entropy(compiled(x), y).backward()
    for a, b in zip(plain.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    torch._dynamo.reset()


@HEADS
def test_exports(name):
    head, x = built(name), inputs()
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(head, (x,), dynamic_shapes=({0: batch},))
    torch.testing.assert_close(program.module()(inputs(7)), head(inputs(7)))


@HEADS
def test_vmap_over_stacked_parameters_and_buffers(name):
    heads, x = [built(name) for _ in range(3)], inputs()
    for seed, head in enumerate(heads):
        nn.init.normal_(head.classifier.weight, generator=torch.Generator().manual_seed(seed))
    parameters, buffers = torch.func.stack_module_state(heads)
    base = copy.deepcopy(heads[0]).to("meta")

    def run(parameters, buffers, x):
        return torch.func.functional_call(base, (parameters, buffers), (x,))

    stacked = torch.vmap(run, (0, 0, None))(parameters, buffers, x)
    torch.testing.assert_close(stacked, torch.stack([head(x) for head in heads]))


@pytest.mark.parametrize("name", sorted(KINDS.values()))
def test_onnx_gives_the_same_numbers(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    head, x = built(name), inputs()
    file = str(tmp_path / "head.onnx")
    torch.onnx.export(head, (x,), file, dynamo=True, external_data=False, verbose=False)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(out), head(x), rtol=1e-5, atol=1e-5)


def test_a_fused_head_exports_and_compiles():
    fused, x = fuse_head(built("spinal")), inputs()
    torch.testing.assert_close(torch.export.export(fused, (x,)).module()(x), fused(x))
    torch.testing.assert_close(torch.compile(fused, fullgraph=True, backend="eager")(x), fused(x))
    torch._dynamo.reset()


@pytest.mark.full
def test_inductor_compiles_one():
    head = create_head("spinal", 20, 7, norm_layer="BatchNorm1d", **REQUIRED["spinal"]).eval()
    compiled = torch.compile(head, fullgraph=True)
    torch.testing.assert_close(compiled(inputs()), head(inputs()))
    torch._dynamo.reset()
