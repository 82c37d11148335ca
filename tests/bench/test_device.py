import pytest

from spinalnet_lib import load_bench_report
from spinalnet_lib.bench.device import kind_of


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        ("sm90_xmma_wgrad_indexed_implicit_gemm_bf16bf16", "convolution and matrix products"),
        (
            "void at::native::batch_norm_collect_statistics_channels_last_kernel<at::native::Var>",
            "batch norm",
        ),
        (
            "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<FusedOptimizerTensorListMetadata>",
            "optimizer",
        ),
        ("void at::native::vectorized_elementwise_kernel<8, at::native::launch_clamp_scalar>", "elementwise and other"),
        ("void at::native::(anonymous namespace)::max_pool_backward_nhwc<c10::BFloat16>", "pooling"),
        (
            "void at::native::vectorized_elementwise_kernel<8, at::native::bfloat16_copy_kernel_cuda>",
            "casts and copies",
        ),
    ],
)
def test_kernels_are_told_apart(kernel, kind):
    assert kind_of(kernel) == kind


def test_the_committed_profile_fills_the_step_of_each_batch():
    profile = load_bench_report("gpu")["profile"]
    for batch in {part["batch"] for part in profile}:
        assert sum(part["share"] for part in profile if part["batch"] == batch) == pytest.approx(1, abs=0.01)
