"""A stack of runs: each member equal, in float64, to the run that `train` makes of it alone."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from spinalnet_lib import TrainConfig, create_model, train
from spinalnet_lib.data.splits import DataSet, Split
from spinalnet_lib.machine import OutOfTime
from spinalnet_lib.records.schema import check_record
from spinalnet_lib.training.stacked.loop import Member, train_stacked

FEATURES, CLASSES = 23, 5
RECIPE = TrainConfig(optimizer="adamw", learning_rate=0.01, weight_decay=0.01, epochs=2, batch_size=30, read_test=True)
SPINE = {"layer_width": 4, "num_layers": 5, "num_splits": 3}
HEADS = {
    "linear": {},
    "mlp": {"hidden_sizes": [7, 6]},
    "mlp_matched": SPINE,
    "mlp_deep_skip": SPINE,
    "spinal": SPINE,
    "spinal_no_chain": SPINE,
    "spinal_last": SPINE,
    "spinal_overlap": SPINE,
    "spinal_random_mask": SPINE,
    "spinal_full": {"layer_width": 4, "num_layers": 3},
    "spinal_big": {"hidden_sizes": 9, "num_layers": 3},
    "spinal_spatial": {"layer_width": 3, "num_splits": 1, "num_layers": 2},
}


@pytest.fixture(autouse=True)
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def clouds(seed, part_ends=(100, 150, 200)):
    """Features in five clouds; the last batch of an epoch is a smaller one."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(CLASSES, FEATURES, generator=generator)
    labels = torch.arange(200) % CLASSES
    images = (centres[labels] + 2 * torch.randn(200, FEATURES, generator=generator)).view(200, FEATURES, 1, 1)
    parts = (slice(start, end) for start, end in zip((0, *part_ends), part_ends, strict=False))
    return DataSet(
        *(Split(images[i], labels[i]) for i in parts), {"name": "clouds", "num_classes": CLASSES}, "generated"
    )


@pytest.fixture
def data():
    return clouds(0)


def model(head, **arguments):
    return create_model(
        "pixels", head, CLASSES, in_chans=FEATURES, image_size=1, **{**HEADS.get(head, SPINE), **arguments}
    )


def members(head, settings=(({}, 0), ({}, 1), ({}, 2)), recipe=RECIPE, **arguments):
    """One a setting: what its recipe has of its own, and its seed."""
    return [Member(model(head, **arguments), replace(recipe, stacked=True, **own), seed) for own, seed in settings]


def alone(data, member, arguments):
    """The same run made by the reference loop: its record and its weights."""
    net = model(member.model.arguments["head"], **arguments)
    record = train(net, data, replace(member.config, stacked=False), member.seed, "cpu", progress=False)
    return record, net.state_dict()


def check_equal(data, stack, arguments):
    records = train_stacked(data, stack, "cpu", progress=False)
    sets = [data] * len(stack) if isinstance(data, DataSet) else data
    for of, member, record, own in zip(sets, stack, records, arguments, strict=True):
        expected, weights = alone(of, member, own)
        assert record.curve == expected.curve and record.test == expected.test
        for name, weight in member.model.state_dict().items():
            assert torch.allclose(weight, weights[name], rtol=1e-9, atol=1e-11), name


@pytest.mark.parametrize("head", HEADS)
def test_members_are_the_runs_of_their_seeds(head, data):
    check_equal(data, members(head, [({}, 0), ({}, 1)], drop_rate=0.3), [{"drop_rate": 0.3}] * 2)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_with_every_optimizer_and_a_schedule(optimizer, data):
    recipe = replace(RECIPE, optimizer=optimizer, schedule="cosine", steps=9, epochs=None, warmup=3, evals_per_epoch=2)
    check_equal(data, members("spinal", [({}, 0), ({}, 1)], recipe), [{}] * 2)


def test_a_grid_of_rates_and_dropout_at_once_in_any_order(data):
    settings = [
        ({"learning_rate": rate, "weight_decay": decay}, seed)
        for seed in (3, 4)
        for rate, decay in ((0.03, 0.0), (0.001, 0.1), (0.01, 0.0))
    ]
    arguments = [{"drop_rate": [0.0, rate, 0.0, 0.0, 0.0, rate]} for rate in (0.0, 0.5, 0.2, 0.5, 0.0, 0.0)]
    stack = [members("spinal", [setting], **own)[0] for setting, own in zip(settings, arguments, strict=True)]
    check_equal(data, stack, arguments)


@pytest.mark.parametrize("head", ["linear", "mlp", "spinal"])
def test_each_member_has_examples_of_its_own(head):
    check_equal([clouds(4), clouds(5)], members(head, [({}, 0), ({}, 1)], drop_rate=0.3), [{"drop_rate": 0.3}] * 2)


def test_regressions_each_on_examples_of_its_own():
    """In another order than they are given, and with the lowest loss of an epoch's last batch."""
    sets = []
    for part in map(clouds, range(3)):
        splits = (Split(s.images, s.images.flatten(1)[:, :2].prod(1)) for s in (part.train, part.val, part.test))
        sets.append(DataSet(*splits, {"name": "products", "num_classes": 1}, "generated"))
    recipe = replace(RECIPE, optimizer="adam", schedule="cosine", loss="mse", epochs=4, evals_per_epoch=0.5)
    settings = [({"learning_rate": rate}, seed) for seed, rate in enumerate((0.01, 0.001, 0.01))]
    sizes = {**SPINE, "act_layer": "LeakyReLU", "drop_rate": 0.3}
    stack = [
        Member(create_model("pixels", "spinal", 1, FEATURES, 1, **sizes), replace(recipe, stacked=True, **own), seed)
        for own, seed in settings
    ]
    for of, member, record in zip(sets, stack, train_stacked(sets, stack, "cpu", progress=False), strict=True):
        net = create_model("pixels", "spinal", 1, FEATURES, 1, **sizes)
        expected = train(net, of, replace(member.config, stacked=False), member.seed, "cpu", progress=False)
        assert record.curve == expected.curve and record.test == expected.test
        assert {"lowest_last_batch", "val_mse", "test_mse"} < set(record.curve[-1])


def test_a_record_says_all_that_one_of_train_does(data):
    stack = members("spinal")
    records = train_stacked(data, stack, "cpu", progress=False)
    expected, _ = alone(data, stack[1], {})
    check_record(asdict(records[1]))
    found = {**asdict(records[1]), "recipe": {**records[1].recipe}}
    assert found["recipe"].pop("stacked") is True
    circumstances = {"key", "seconds", "images_per_second", "peak_memory_mb", "date"}
    assert {k: v for k, v in found.items() if k not in circumstances} == {
        k: v for k, v in asdict(expected).items() if k not in circumstances
    }
    assert len({record.key for record in records} | {expected.key}) == 4


def test_a_member_that_diverges_ends_and_leaves_the_others_alone(data):
    recipe = replace(RECIPE, optimizer="sgd", epochs=3)
    stack = members("spinal", [({}, 0), ({"learning_rate": 1e200}, 1), ({}, 2)], recipe)
    records = train_stacked(data, stack, "cpu", progress=False)
    assert [record.diverged for record in records] == [False, True, False]
    assert len(records[1].curve) < 3 == len(records[0].curve)
    assert records[0].curve == alone(data, stack[0], {})[0].curve
    assert not math.isnan(sum(w.sum() for w in stack[2].model.state_dict().values()))


def test_a_stack_cut_off_again_and_again_ends_as_if_it_never_was(data, tmp_path):
    settings = [({}, 0), ({"learning_rate": 0.003}, 1), ({"learning_rate": 1e200}, 2)]
    whole = members("spinal", settings, drop_rate=0.3)
    expected = train_stacked(data, whole, "cpu", progress=False)
    assert [record.diverged for record in expected] == [False, False, True]
    path, steps = tmp_path / "stack.npz", expected[0].n_steps
    for step in range(1, steps):
        cut = members("spinal", settings, drop_rate=0.3)
        with pytest.raises(OutOfTime, match=f"step {step} of {steps}"):
            train_stacked(data, cut, "cpu", progress=False, checkpoint=path, time_limit=0)
    with np.load(path) as file:
        seconds = json.loads(str(file["run"]))["seconds"]
    found = train_stacked(data, cut, "cpu", progress=False, checkpoint=path, time_limit=0)
    assert [(r.key, r.curve, r.test, r.diverged) for r in found] == [
        (r.key, r.curve, r.test, r.diverged) for r in expected
    ]
    assert sum(record.seconds for record in found) > seconds - 0.0005 * len(found)  # of all parts
    for a, b in zip(whole[:2], cut[:2], strict=True):
        assert all(map(torch.equal, a.model.state_dict().values(), b.model.state_dict().values()))
    again = train_stacked(data, whole, "cpu", progress=False)  # weights that it trained itself were not given
    assert [record.curve for record in again] == [record.curve for record in expected]


def test_a_stack_is_saved_while_it_runs_and_its_file_is_of_all_its_members(data, tmp_path):
    path = tmp_path / "stack.npz"
    expected = train_stacked(data, members("spinal"), "cpu", progress=False, checkpoint=path, checkpoint_seconds=0)
    with np.load(path) as file:
        assert json.loads(str(file["run"]))["step"] == expected[0].n_steps
    with pytest.raises(ValueError, match="checkpoint of another run"):
        train_stacked(data, members("spinal")[:2], "cpu", progress=False, checkpoint=path)


@pytest.mark.parametrize(
    ("stack", "says"),
    [
        (lambda: [], "no member"),
        (lambda: [members("spinal")[0], members("mlp")[0]], "one shape"),
        (lambda: [members("spinal")[0], members("spinal", layer_width=5)[0]], "one shape"),
        (lambda: members("spinal_direct"), "cannot wire DirectSpinalHead"),
        (lambda: members("spinal_tied", num_layers=7), "cannot wire TiedSpinalHead"),
        (lambda: members("spinal", norm_layer="BatchNorm1d"), "cannot have BatchNorm1d"),
        (lambda: members("spinal", act_layer="PReLU"), "weights in PReLU"),
        (lambda: members("spinal", [({}, 0), ({"batch_size": 20}, 1)]), "one recipe but for learning_rate"),
        (lambda: [replace(members("spinal")[0], config=RECIPE)], "stacked=True"),
        (
            lambda: [
                members("spinal_random_mask", mask_seed=0)[0],
                members("spinal_random_mask", mask_seed=1)[0],
            ],
            "other masks",
        ),
    ],
)
def test_what_cannot_be_stacked_is_refused_before_anything_is_drawn(stack, says, data):
    stack = stack()
    before = [w.clone() for member in stack for w in member.model.state_dict().values()]
    with pytest.raises(ValueError, match=says):
        train_stacked(data, stack, "cpu", progress=False)
    after = [w for member in stack for w in member.model.state_dict().values()]
    assert all(map(torch.equal, before, after))


def test_sets_of_other_numbers_or_sizes_are_refused(data):
    with pytest.raises(ValueError, match="1 sets for 2 members"):
        train_stacked([data], members("spinal")[:2], "cpu", progress=False)
    with pytest.raises(ValueError, match=r"\[90, 60, 50\] beside \[100, 50, 50\]"):
        train_stacked([data, clouds(1, (90, 150, 200))], members("spinal")[:2], "cpu", progress=False)
