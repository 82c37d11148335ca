import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from spinalnet_lib import Augmentation, Split, TrainConfig, create_model, evaluate, load_dataset, paper_head, train
from spinalnet_lib.records.record import CIRCUMSTANCES, unpack_bits
from spinalnet_lib.training.config import schedule
from spinalnet_lib.training.runs import NUMERICS_VERSION, initialise, run_key, stream
from spinalnet_lib.training.steps import make_optimizer

GOLDEN = Path(__file__).parent / "golden_run.json"
QUICK = TrainConfig(optimizer="adam", learning_rate=0.003, epochs=2, evals_per_epoch=2)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small(head="spinal", **kwargs):
    kwargs = {"spinal": {"layer_width": 16}, "mlp": {"hidden_sizes": 64}}[head] | kwargs
    return create_model("pixels", head, 10, image_size=8, **kwargs)


def quick_train(model, data, config=QUICK, seed=0):
    return train(model, data, config, seed, device="cpu", progress=False)


def test_training_learns(digits):
    record = quick_train(small(), digits, TrainConfig(optimizer="adam", learning_rate=0.003, epochs=10))
    assert record.curve[-1]["val_error"] < 0.1 < record.curve[0]["val_error"]


def test_same_seed_same_result_other_seed_another(digits):
    first, again, other = (quick_train(small(drop_rate=0.2), digits, seed=seed) for seed in (3, 3, 4))

    def outcome(r):
        return {k: v for k, v in dataclasses.asdict(r).items() if k not in CIRCUMSTANCES}

    assert outcome(first) == outcome(again)
    assert first.curve != other.curve and first.key != other.key


def test_the_result_does_not_depend_on_what_was_drawn_or_trained_before(digits):
    model = small()
    first = quick_train(model, digits)
    torch.rand(17)
    again = quick_train(model, digits)  # a trained model is drawn anew
    assert again.curve == first.curve


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


def test_each_purpose_has_a_stream_of_its_own():
    assert len({stream(seed, purpose) for seed in range(50) for purpose in ("body", "head", "order", "dropout")}) == 200


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_the_loop_equals_plain_pytorch(digits, weight_decay):
    """One epoch written out by hand from the same start gives the same weights."""
    config = TrainConfig(learning_rate=0.05, momentum=0.5, batch_size=100, epochs=1, weight_decay=weight_decay)
    model, plain = small(), small()
    quick_train(model, digits, config, seed=2)
    initialise(plain, 2)
    optimizer = torch.optim.SGD(plain.parameters(), 0.05, momentum=0.5, weight_decay=weight_decay)
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


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_recipe_reaches_the_optimizer(optimizer):
    config = TrainConfig(optimizer=optimizer, learning_rate=0.25, momentum=0.75, weight_decay=0.125)
    (group,) = make_optimizer(small(), config, torch.device("cpu")).param_groups
    assert (group["lr"], group["weight_decay"]) == (0.25, 0.125)
    assert group["momentum"] == 0.75 if optimizer == "sgd" else group["betas"] == (0.9, 0.999)


def test_cosine_falls_from_one_to_zero_and_constant_stays():
    cosine = TrainConfig(schedule="cosine")
    assert [schedule(cosine, step, 10) for step in (0, 5, 10)] == pytest.approx([1, 0.5, 0])
    assert [schedule(TrainConfig(), step, 10) for step in (0, 5, 10)] == [1, 1, 1]
    warm = TrainConfig(schedule="cosine", warmup=4)
    assert [schedule(warm, step, 12) for step in (0, 3, 4, 8, 12)] == pytest.approx([0.25, 1, 1, 0.5, 0])


def test_a_run_can_be_counted_in_steps(digits):
    config = TrainConfig(batch_size=100, steps=30, learning_rate=0.05)
    record = quick_train(small(), digits, config)
    assert [point["step"] for point in record.curve] == [12, 24, 30] and record.n_steps == 30
    assert record.recipe["steps"] == 30 and record.recipe["epochs"] is None
    whole = quick_train(small(), digits, TrainConfig(batch_size=100, epochs=2, learning_rate=0.05))
    assert record.curve[:2] == whole.curve


def test_augmentation_warps_training_images_only_and_by_the_seed(digits):
    config = dataclasses.replace(QUICK, augmentation=Augmentation(degrees=20, flip=True))
    first, again, plain = (quick_train(small(), digits, c) for c in (config, config, QUICK))
    assert first.curve == again.curve != plain.curve and first.key != plain.key
    assert first.recipe["augmentation"]["degrees"] == 20 and "augmentation" not in plain.recipe
    nothing = quick_train(small(), digits, dataclasses.replace(QUICK, augmentation=Augmentation()))
    for point, other in zip(nothing.curve, plain.curve, strict=True):
        assert point["train_loss"] == pytest.approx(other["train_loss"], abs=1e-4)


def test_the_published_redraws_follow_the_test_error(digits, monkeypatch):
    rates = []
    step = torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self))[1])
    config = TrainConfig(
        epochs=12, batch_size=300, learning_rate=0.5, schedule="redraw", redraw_power=3, read_test=True
    )
    record = quick_train(small(), digits, config)
    errors = [point["test_error"] for point in record.curve]
    for epoch in range(1, 12):
        redrawn = rates[4 * epoch] != rates[4 * epoch - 1]
        assert redrawn == (epoch > 1 and errors[epoch - 1] >= min(errors[: epoch - 1]))
    assert len(set(rates)) > 2 and max(rates) <= 0.5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(steps=0), ValueError, "steps must be at least 1, got 0"),
        (dict(warmup=-1), ValueError, "warmup must be at least 0, got -1"),
        (dict(augmentation="flip"), TypeError, "augmentation is an Augmentation or None, got 'flip'"),
        (dict(schedule="redraw", redraw_power=3), ValueError, "selects on the test set; it needs read_test=True"),
        (dict(redraw_power=3), ValueError, "got read_test=False, redraw_power=3, schedule='constant'"),
    ],
)
def test_a_wrong_recipe_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        TrainConfig(**arguments)


def test_a_warmup_as_long_as_the_run_is_refused(digits):
    with pytest.raises(ValueError, match="warmup=24 leaves no step of the run's 24"):
        quick_train(small(), digits, TrainConfig(batch_size=100, epochs=2, warmup=24))


def test_curve_counts_steps_and_epochs(digits):
    record = quick_train(small(), digits, TrainConfig(batch_size=100, epochs=2, evals_per_epoch=3))
    assert [point["step"] for point in record.curve] == [4, 8, 12, 16, 20, 24]
    assert record.n_steps == 24 and record.curve[-1]["epoch"] == 2.0


def test_the_test_set_stays_closed_unless_asked_for(digits, monkeypatch):
    record = quick_train(small(), digits)
    assert record.test is None and all("test_error" not in point for point in record.curve)


def test_test_accuracy_three_ways(digits):
    model = small()
    record = quick_train(model, digits, dataclasses.replace(QUICK, epochs=4, read_test=True))
    accuracy, correct = evaluate(model, digits.test)
    assert record.test["last"] == pytest.approx(accuracy, abs=1e-6)
    assert (unpack_bits(record.test["correct"], len(digits.test)) == correct.numpy()).all()
    errors = [point["test_error"] for point in record.curve]
    best = min(range(len(errors)), key=lambda i: record.curve[i]["val_error"])
    assert record.test["test_max"] == pytest.approx(1 - min(errors), abs=1e-6)
    assert record.test["val_best"] == pytest.approx(1 - errors[best], abs=1e-6)
    assert record.test["test_max"] >= max(record.test["last"], record.test["val_best"])
    with torch.no_grad():
        shares = model.eval()(digits.test.batch(slice(None))[0]).double().softmax(1).numpy()
    right = np.arange(10) == digits.test.labels.numpy()[:, None]
    assert record.test["nll"] == pytest.approx(-np.log(shares[right]).mean(), abs=1e-5)
    assert record.test["brier"] == pytest.approx(((shares - right) ** 2).sum(1).mean(), abs=1e-5)


def test_evaluate_counts_by_hand_and_restores_the_mode(digits):
    model = small(drop_rate=0.5).train()
    accuracy, correct = evaluate(model, digits.val, batch_size=17)
    assert model.training
    model.eval()
    by_hand = model(digits.val.batch(slice(None))[0]).argmax(1) == digits.val.labels
    assert torch.equal(correct, by_hand) and accuracy == pytest.approx(by_hand.float().mean().item())


def test_divergence_ends_the_run_and_says_so(digits):
    record = quick_train(small(), digits, TrainConfig(learning_rate=1e20, epochs=3))
    assert record.diverged and len(record.curve) < 3 and record.curve[-1]["train_loss"] is None
    json.loads(record.to_json())


def test_a_run_key_is_known_before_the_run_and_tells_other_runs_apart(digits, monkeypatch):
    model = small()
    quick_key = run_key(model, digits, QUICK, 0, "cpu")
    assert quick_key == quick_train(model, digits).key
    others = [
        run_key(small(layer_width=17), digits, QUICK, 0, "cpu"),
        run_key(model, digits, QUICK, 1, "cpu"),
        run_key(model, digits, dataclasses.replace(QUICK, epochs=3), 0, "cpu"),
        run_key(model, digits, QUICK, 0, "cuda"),
    ]
    torch.set_num_threads(2)
    others.append(run_key(model, digits, QUICK, 0, "cpu"))
    torch.set_num_threads(1)
    others.append(run_key(model, dataclasses.replace(digits, test=digits.val), QUICK, 0, "cpu"))
    monkeypatch.setattr("spinalnet_lib.training.runs.NUMERICS_VERSION", NUMERICS_VERSION + 1)
    others.append(run_key(model, digits, QUICK, 0, "cpu"))
    assert len({quick_key, *others}) == 8


def test_golden_run(digits):
    """If this fails, training computes other numbers than the stored records: raise NUMERICS_VERSION and store anew."""
    golden = json.loads(GOLDEN.read_text())
    assert golden["numerics_version"] == NUMERICS_VERSION
    record = quick_train(
        small(drop_rate=0.2, norm_layer="BatchNorm1d"), digits, TrainConfig(epochs=2, schedule="cosine"), seed=1
    )
    for point, expected in zip(record.curve, golden["curve"], strict=True):
        assert point == pytest.approx(expected, rel=2e-3, abs=5e-3)
    assert record.curve[-1]["train_loss"] == pytest.approx(golden["curve"][-1]["train_loss"], rel=1e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_every_optimizer_and_schedule_runs(digits, optimizer, schedule):
    config = TrainConfig(optimizer=optimizer, schedule=schedule, learning_rate=0.001, weight_decay=0.01, epochs=1)
    assert not quick_train(small(), digits, config).diverged


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"optimizer": "adamm"}, "did you mean 'adam'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"learning_rate": 0}, "learning_rate must be above 0, got 0"),
        ({"learning_rate": -1}, "got -1"),
        ({"learning_rate": float("nan")}, "got nan"),
        ({"learning_rate": "fast"}, "got 'fast'"),
        ({"learning_rate": True}, "learning_rate must be a number, got True"),
        ({"weight_decay": None}, "weight_decay must be a number, got None (NoneType); pass 0 for none"),
        ({"batch_size": 1.5}, "batch_size must be an integer, got 1.5"),
        ({"read_test": "yes"}, "read_test must be True or False, got 'yes'"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0, got -0.1"),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1, got 1.0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"evals_per_epoch": -2}, "evals_per_epoch must be above 0, got -2"),
    ],
)
def test_wrong_recipe(kwargs, says):
    with pytest.raises((ValueError, TypeError)) as caught:
        TrainConfig(**kwargs)
    assert says in str(caught.value)


def test_wrong_fit_is_refused_before_training(digits):
    with pytest.raises(ValueError, match=r"digits has images \(1, 8, 8\), the body 'two_conv' reads \(1, 28, 28\)"):
        quick_train(create_model("two_conv", "linear", 10), digits)
    with pytest.raises(ValueError, match="digits has 10 classes, the head 9"):
        quick_train(create_model("pixels", "linear", 9, image_size=8), digits)
    with pytest.raises(TypeError, match="train reads a Classifier, got Linear"):
        quick_train(torch.nn.Linear(2, 2), digits)
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        quick_train(small(), digits, seed=-1)
    with pytest.raises(TypeError, match="train reads a DataSet, got str"):
        quick_train(small(), "digits")
    with pytest.raises(TypeError, match="train reads a TrainConfig, got dict"):
        quick_train(small(), digits, {"epochs": 1})


@pytest.mark.parametrize(
    ("kwargs", "call", "says"),
    [
        ({}, {"config": TrainConfig(batch_size=1199, evals_per_epoch=2)}, "lower it to 1 or fewer"),
        ({}, {"device": "gpu"}, "device 'gpu' cannot be used"),
        ({"norm_layer": "BatchNorm1d"}, {"config": TrainConfig(batch_size=599)}, "leaves one image of 1199"),
        (
            {"act_layer": lambda: torch.nn.ReLU()},
            {},
            "act_layer=<function <lambda>.*has no name that a record could hold",
        ),
    ],
)
def test_a_refused_run_loses_no_weight(digits, kwargs, call, says):
    model = small(**kwargs)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises((ValueError, TypeError), match=says):
        train(model, digits, **{"config": QUICK, "seed": 0, "device": "cpu", "progress": False, **call})
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named(digits):
    with pytest.raises(ValueError, match=r"device 'cuda' cannot be used .*; leave it out or pass 'cpu'"):
        train(small(), digits, QUICK, 0, device="cuda", progress=False)


def test_numbers_of_numpy_are_recorded(digits):
    config = TrainConfig(epochs=np.int64(1), learning_rate=np.float32(0.25), batch_size=np.int32(100))
    record = quick_train(small(layer_width=np.int64(4), drop_rate=[np.float64(0.5)] * 5), digits, config, np.int64(3))
    assert json.loads(record.to_json())["model"]["head_arguments"] == {"layer_width": 4, "drop_rate": [0.5] * 5}
    plain = TrainConfig(epochs=1, learning_rate=0.25, batch_size=100)
    assert record.key == run_key(small(layer_width=4, drop_rate=[0.5] * 5), digits, plain, 3, "cpu")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda model, data: evaluate(model, data), "evaluate reads a Split, got DataSet"),
        (lambda model, data: evaluate(model, data.val, batch_size=0), "batch_size must be at least 1, got 0"),
        (
            lambda model, data: evaluate(
                model, dataclasses.replace(data.val, images=data.val.images[:0], labels=data.val.labels[:0])
            ),
            "no images",
        ),
    ],
)
def test_wrong_evaluation(digits, call, says):
    with pytest.raises((ValueError, TypeError), match=says):
        call(small(), digits)


def test_evaluation_needs_a_logit_for_each_label(digits):
    model = small()
    model.reset_classifier(3)
    with pytest.raises(ValueError, match="labels run to 9, the model gives 3 logits"):
        evaluate(model, digits.val)


def test_evaluation_restores_each_mode_even_after_an_error(digits):
    model = small(norm_layer="BatchNorm1d").train()
    model.head.layers[0].norm.eval()  # frozen by its owner
    evaluate(model, digits.val)
    assert model.training and not model.head.layers[0].norm.training and model.head.layers[1].norm.training
    with pytest.raises(TypeError):
        evaluate(model.double(), digits.val)
    assert model.training and not model.head.layers[0].norm.training


def test_progress_is_shown_when_asked(digits, capsys):
    train(small(), digits, TrainConfig(epochs=1), 0, device="cpu", progress=True)
    assert "spinal, seed 0" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_run_on_a_gpu_is_recorded_as_one(digits):
    record = train(small(), digits, QUICK, 0, progress=False)
    assert record.device == "cuda" and record.cuda
