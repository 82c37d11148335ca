import pytest

from spinalnet_lib.bench.device import kind_of


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        ("sm90_xmma_wgrad_indexed_implicit_gemm_bf16bf16", "convolution and matrix products"),
        ("void at::native::batch_norm_collect_statistics_channels_last_kernel<at::native::Var>", "batch norm"),
        ("void at::native::multi_tensor_apply_kernel<FusedOptimizerTensorListMetadata>", "optimizer"),
        ("void at::native::vectorized_elementwise_kernel<8, at::native::launch_clamp_scalar>", "elementwise and other"),
        ("void at::native::(anonymous namespace)::max_pool_backward_nhwc<c10::BFloat16>", "pooling"),
        ("void at::native::vectorized_elementwise_kernel<8, bfloat16_copy_kernel_cuda>", "casts and copies"),
    ],
)
def test_kernels_are_told_apart(kernel, kind):
    assert kind_of(kernel) == kind
