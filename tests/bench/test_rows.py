import json
import time
from dataclasses import replace

import pytest
import torch

from spinalnet_lib import (
    create_model,
    describe_bench,
    evaluate,
    load_bench,
    load_bench_report,
    load_dataset,
    paper_head,
)
from spinalnet_lib.bench import device as bench_device
from spinalnet_lib.bench import heads as bench_heads
from spinalnet_lib.bench import measure as bench
from spinalnet_lib.bench import reports
from spinalnet_lib.bench import run as benchmarks
from spinalnet_lib.bench import training as bench_training
from spinalnet_lib.bench.published_way import pil_loader, train_epoch
from spinalnet_lib.training.recipes import quick_recipe


def test_a_slower_function_has_a_ratio_above_one():
    row = bench.compare_times("slow", "fast", lambda: time.sleep(0.006), lambda: time.sleep(0.002), pairs=5)
    assert 1.8 < row["ratio"] < 4 and row["low"] <= row["ratio"] <= row["high"]


def test_a_row_tells_the_median_and_the_spread():
    row = bench.ratio_row("a", "b", [1.0, 3.0, 2.0])
    assert (row["ratio"], row["low"], row["high"], row["pairs"]) == (2.0, 1.2, 2.8, 3)
    assert bench.ratio_row("a", "b", [0.5])["low"] == 0.5 and "promised" not in row
    assert bench.ratio_row("a", "b", [0.5], promised=1 / 3)["promised"] == 0.3333


def _rows():
    yield {"name": "a", "peer": "b", "ratio": 1.0, "low": 0.9, "high": 1.1, "pairs": 3}


def test_a_report_is_written_whole_with_its_method(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmarks, "GROUPS", {"one": (_rows, _rows), "two": (_rows,)})
    benchmarks.run_benchmarks("cpu", tmp_path / "deep")
    report = json.loads((tmp_path / "deep" / "cpu.json").read_text())
    assert len(report["rows"]) == 3 and "in turn" in report["method"] and report["source_sha256"] and report["date"]
    assert "0.90 to 1.10" in capsys.readouterr().out
    assert len(benchmarks.run_benchmarks(only=["two"])) == 1
    with pytest.raises(ValueError, match="holds all"):
        benchmarks.run_benchmarks(out=tmp_path, only=["two"])
    with pytest.raises(ValueError, match=r"'three'.*one, two"):
        benchmarks.run_benchmarks(only=["three"])


def test_committed_reports_have_the_rows_the_book_reads():
    names = [row["name"] for row in load_bench()]
    assert "head training step, batch 100" in names and "head evaluation, batch 1" in names
    assert load_bench("no_such_machine") == [] and load_bench_report("no_such_machine") == {}
    assert "2 cores" in describe_bench() and "40 pairs" in describe_bench()
    assert "2 cores" in describe_bench("builds")
    assert describe_bench("no_such_machine") == "Not measured yet."


def test_what_was_not_measured_names_its_command(monkeypatch):
    monkeypatch.setattr(reports, "load_bench_report", lambda name: {})
    assert "`spinalnet bench --device cuda" in describe_bench("gpu")


def test_the_measured_steps_train_and_evaluate():
    head = bench_heads.create_head("spinal", 8, 10, layer_width=4)
    before = [p.clone() for p in head.parameters()]
    bench_heads.training_step(head, 5, 8)()
    assert any((a != b).any() for a, b in zip(before, head.parameters(), strict=True))
    bench_heads.evaluation(head, 1, 8)()
    assert not head.training


@pytest.mark.parametrize("measure", [bench_heads.head_rows, bench_heads.cnn_rows])
def test_rows_run(measure, monkeypatch):
    monkeypatch.setattr(
        bench_heads, "compare_times", lambda name, peer, ours, theirs, **pairs: (ours(), theirs(), name)[-1]
    )
    assert list(measure())


@pytest.fixture(scope="module")
def data():
    """A thousand images to train on."""
    whole = load_dataset("mnist_5k")
    some = replace(whole.train, images=whole.train.images[::4], labels=whole.train.labels[::4])
    return replace(whole, train=some)


def test_the_published_way_learns_and_warps_each_image_anew(data):
    torch.manual_seed(0)
    model = create_model("two_conv", "mlp", 10, **paper_head("two_conv", "mlp"))
    optimizer = torch.optim.SGD(model.parameters(), 0.01, 0.9)
    train_epoch(model, pil_loader(data.train, 10), optimizer)
    assert evaluate(model, data.val)[0] > 0.4
    first, second = (next(iter(pil_loader(data.train, 4, warped=True)))[0] for _ in range(2))
    assert first.shape == (4, 1, 28, 28) and not torch.equal(first, second)
    plain = pil_loader(data.train, 4).dataset[3][0]
    assert torch.allclose(plain, data.train.batch(torch.tensor([3]))[0][0], atol=1e-5)


def test_a_race_is_a_ratio_of_whole_runs_and_says_what_is_a_bound(monkeypatch, data):
    monkeypatch.setattr(bench_training, "load_dataset", lambda name: data)
    monkeypatch.setattr(bench_training, "GOAL", 0.5)
    (row,) = bench_training.race_rows(pairs=1, patience=0.01)
    assert row["ratio"] > 1 and ("in 1 of 1" in row["peer"]) == (row["ratio"] > 1)
    monkeypatch.setattr(bench_training, "GOAL", 0.9999)
    with pytest.raises(RuntimeError, match="the race is lost"):
        list(bench_training.race_rows(pairs=1))


def test_the_quick_recipe_is_fast_and_short():
    assert quick_recipe().fast and quick_recipe().epochs == 5


def test_kernels_are_told_apart():
    kinds = [
        bench_device._kind(name)
        for name in (
            "sm90_xmma_wgrad_indexed_implicit_gemm_bf16bf16",
            "void at::native::batch_norm_collect_statistics_channels_last_kernel<at::native::Var>",
            "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<FusedOptimizerTensorListMetadata>",
            "void at::native::vectorized_elementwise_kernel<8, at::native::launch_clamp_scalar>",
            "void at::native::(anonymous namespace)::max_pool_backward_nhwc<c10::BFloat16>",
            "void at::native::vectorized_elementwise_kernel<8, at::native::bfloat16_copy_kernel_cuda>",
        )
    ]
    assert kinds == [
        "convolution and matrix products",
        "batch norm",
        "optimizer",
        "elementwise and other",
        "pooling",
        "casts and copies",
    ]
