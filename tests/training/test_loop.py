"""One run: the loop against plain PyTorch, the same seed again, and the numbers of a golden run."""

import dataclasses
import json
from pathlib import Path
from statistics import fmean

import pytest
import torch
from torch.nn import functional as F

from spinalnet_lib import Augmentation, Split, TrainConfig, create_model, load_dataset, load_records, paper_head, train
from spinalnet_lib.machine import one_thread
from spinalnet_lib.records.record import differing_results
from spinalnet_lib.training import loop
from spinalnet_lib.training.runs import initialise, stream
from tests.training.cases import quick_train, small

GOLDEN = Path(__file__).parent / "golden_run.json"


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(autouse=True)
def on_one_thread():
    with one_thread():
        yield


def test_same_seed_same_result_other_seed_another(digits):
    model = small(drop_rate=0.2)  # a trained model is drawn anew, whatever was drawn before
    first, again, other = (quick_train(model, digits, seed=seed) for seed in (3, 3, 4))
    assert first.key == again.key and not differing_results(first, again)
    assert first.curve != other.curve and first.key != other.key


def test_the_callers_generator_is_left_alone(digits):
    model = small(drop_rate=0.5)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    quick_train(model, digits, TrainConfig(epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_heads_of_one_seed_share_the_body_and_the_order(digits, monkeypatch):
    mlp, spinal = (create_model("two_conv", head, 10, **paper_head("two_conv", head)) for head in ("mlp", "spinal"))
    initialise(mlp, 7)
    initialise(spinal, 7)
    assert all(torch.equal(a, b) for a, b in zip(mlp.body.parameters(), spinal.body.parameters(), strict=True))

    seen = []
    original = Split.batch
    monkeypatch.setattr(
        Split, "batch", lambda self, index, *rest: (seen.append(index), original(self, index, *rest))[1]
    )
    orders = []
    for head in ("mlp", "spinal"):
        seen.clear()
        quick_train(small(head), digits, TrainConfig(epochs=1))
        orders.append(torch.cat([index for index in seen if isinstance(index, torch.Tensor)]))
    assert torch.equal(*orders)
    assert sorted(orders[0].tolist()) == list(range(len(digits.train)))


def test_the_loop_equals_plain_pytorch(digits):
    """One epoch written out by hand from the same start gives the same weights."""
    config = TrainConfig(learning_rate=0.05, momentum=0.5, batch_size=100, epochs=1, weight_decay=0.1)
    model, plain = small(), small()
    quick_train(model, digits, config, seed=2)
    initialise(plain, 2)
    optimizer = torch.optim.SGD(plain.parameters(), 0.05, momentum=0.5, weight_decay=0.1)
    order = torch.randperm(len(digits.train), generator=torch.Generator().manual_seed(stream(2, "order")))
    pixels = (digits.train.images.float() / 255 - digits.train.mean) / digits.train.std
    for index in order.split(100):
        optimizer.zero_grad()
        F.cross_entropy(plain(pixels[index]), digits.train.labels[index]).backward()
        optimizer.step()
    for a, b in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_every_step_trains_and_every_evaluation_evaluates(digits):
    model, modes = small(drop_rate=0.5), []
    model.register_forward_pre_hook(lambda module, _: modes.append((module.training, torch.is_grad_enabled())))
    quick_train(model, digits, TrainConfig(batch_size=300, epochs=2, evals_per_epoch=2))
    steps, evaluation = [(True, True)] * 2, [(False, False)]
    assert modes == (steps + evaluation) * 4


def test_a_run_can_be_counted_in_steps(digits):
    config = TrainConfig(batch_size=100, steps=30, learning_rate=0.05)
    record = quick_train(small(), digits, config)
    assert [point["step"] for point in record.curve] == [12, 24, 30]
    assert record.n_steps == 30 and record.curve[-1]["epoch"] == 2.5
    assert record.recipe["steps"] == 30 and record.recipe["epochs"] is None


def test_augmentation_warps_training_images_only_and_by_the_seed(digits):
    few = TrainConfig(optimizer="adam", learning_rate=0.003, steps=5)
    config = dataclasses.replace(few, augmentation=Augmentation(degrees=20, flip=True))
    first, again, plain = (quick_train(small(), digits, c) for c in (config, config, few))
    assert first.curve == again.curve != plain.curve and first.key != plain.key
    assert first.recipe["augmentation"]["degrees"] == 20 and "augmentation" not in plain.recipe
    nothing = quick_train(small(), digits, dataclasses.replace(few, augmentation=Augmentation()))
    for point, other in zip(nothing.curve, plain.curve, strict=True):
        assert point["train_loss"] == pytest.approx(other["train_loss"], abs=1e-4)


def test_divergence_ends_the_run_and_says_so(digits):
    record = quick_train(small(), digits, TrainConfig(learning_rate=1e20, epochs=3))
    assert record.diverged and len(record.curve) < 3 and record.curve[-1]["train_loss"] is None
    json.loads(record.to_json())


@pytest.mark.parametrize("golden", json.loads(GOLDEN.read_text()), ids=lambda golden: f"dropout-{golden['drop_rate']}")
def test_golden_run(golden, digits):
    """If this fails, training computes other numbers than the stored records: raise their version and store anew."""
    config = TrainConfig(epochs=2, schedule="cosine")
    record = quick_train(small(drop_rate=golden["drop_rate"], norm_layer="BatchNorm1d"), digits, config, seed=1)
    assert record.numerics_version == golden["numerics_version"]
    for point, expected in zip(record.curve, golden["curve"], strict=True):
        assert point == pytest.approx(expected, rel=2e-3, abs=5e-3)
    assert record.curve[-1]["train_loss"] == pytest.approx(golden["curve"][-1]["train_loss"], rel=1e-4)


def test_progress_is_shown_when_asked(digits, capsys):
    train(small(), digits, TrainConfig(epochs=1), 0, device="cpu", progress=True)
    assert "spinal, seed 0" in capsys.readouterr().err


def test_the_header_says_what_the_records_say():
    runs = {
        head: [r for r in load_records("first_training") if (r.dataset, r.arm) == ("mnist", arm)]
        for head, arm in (("spinal", "spinal, no dropout"), ("dense", "mlp, dropout 0.5"))
    }
    errors = {head: fmean(run.last["val_error"] for run in of_head) for head, of_head in runs.items()}
    slowest = max(fmean(run.seconds for run in of_head) for of_head in runs.values())
    said = " ".join(loop.__doc__.split())
    for head, error in errors.items():
        assert f"of {100 * error:.2f} % under its {head} head" in said
    assert f"a run took {slowest:.0f} s on average, or less" in said
    for of_head in runs.values():
        assert {(r.n_steps // 782, r.threads, r.device) for r in of_head} == {(8, 1, "cpu")} and len(of_head) == 10
