"""EfficientNet-Lite0 as a body to train on: the weights it starts from, how it sees images, and its tier."""

from dataclasses import replace

import pytest
import torch

from spinalnet_lib import create_model, evaluate, train
from spinalnet_lib.data.splits import DataSet, Split
from spinalnet_lib.models.lite0 import MEAN, STD, EfficientNetLite0
from spinalnet_lib.models.saved import load_model, save_model
from spinalnet_lib.study.cells import list_cells
from spinalnet_lib.training.features.extractors import body_extractor, create_extractor
from spinalnet_lib.training.recipes import tuned_recipe
from spinalnet_lib.training.runs import initialise


@pytest.fixture(scope="module")
def photographs():
    """Photographs of 40 pixels in two classes: the two that scikit-learn brings, cut at random places."""
    from sklearn.datasets import load_sample_images

    scenes = [torch.from_numpy(image.copy()).permute(2, 0, 1) for image in load_sample_images().images]
    generator = torch.Generator().manual_seed(0)

    def split(count):
        labels = torch.arange(count) % 2
        corners = torch.randint(0, 380, (count, 2), generator=generator).tolist()
        cuts = [scenes[k][:, i : i + 40, j : j + 40] for k, (i, j) in zip(labels.tolist(), corners, strict=True)]
        return Split(torch.stack(cuts), labels)

    train_split = split(12)
    card = {"name": "scenes", "num_classes": 2}
    return DataSet(train_split, *(replace(split(4), statistics=train_split.statistics) for _ in range(2)), card)


def started(seed, head="linear", **sizes):
    model = create_model("efficientnet_lite0", head, 2, image_size=40, pretrained=True, **sizes)
    initialise(model, seed, start="given")
    return model


def test_given_weights_are_imagenets_for_every_seed_and_the_head_is_the_seeds_own():
    first, other = started(0), started(1)
    expected = create_extractor("efficientnet_lite0").body.state_dict()
    for model in (first, other):
        found = model.body.network.state_dict()
        assert found.keys() == expected.keys() and all(torch.equal(found[key], expected[key]) for key in expected)
    assert not torch.equal(first.head.classifier.weight, other.head.classifier.weight)


def test_its_features_are_those_of_the_frozen_extractor(photographs):
    frozen = create_extractor("efficientnet_lite0")(photographs.val, slice(None))
    model = started(0).eval()
    seen = photographs.val.seen_by(model).batch(slice(None))[0]
    torch.testing.assert_close(model.body(seen), frozen, rtol=1e-3, atol=1e-4)  # resized before or after normalising
    torch.testing.assert_close(body_extractor(model)(photographs.val, slice(None)), frozen, rtol=1e-3, atol=1e-4)


def test_it_normalises_as_it_was_trained_and_other_bodies_by_the_data_set(photographs):
    seen = photographs.val.seen_by(started(0))
    assert seen.mean.tolist() == pytest.approx(MEAN) and seen.std.tolist() == pytest.approx(STD)
    assert photographs.val.seen_by(create_model("two_conv", "linear", 2)) is photographs.val
    assert photographs.val.seen_by(torch.nn.Linear(1, 1)) is photographs.val


def test_a_few_steps_change_body_and_head_alike_and_lower_the_loss(photographs, tmp_path):
    model = create_model("efficientnet_lite0", "spinal", 2, image_size=40, pretrained=True, layer_width=16)
    recipe = replace(tuned_recipe(0.001, batch_size=4), steps=4, warmup=1, evals_per_epoch=1, start="given")
    record = train(model, photographs, recipe, seed=0, device="cpu", progress=False)
    assert record.curve[-1]["train_loss"] < record.curve[0]["train_loss"]
    start = create_extractor("efficientnet_lite0").body.state_dict()
    weights = {name: tensor for name, tensor in start.items() if name.endswith("weight")}
    now = model.body.network.state_dict()
    assert all(not torch.equal(now[name], tensor) for name, tensor in weights.items())
    # Saved and loaded it says the same, and the record's last point is what `evaluate` says of it.
    save_model(model, tmp_path / "model.npz")
    again = load_model(tmp_path / "model.npz")
    accuracy = evaluate(again, photographs.val)[0]
    assert accuracy == pytest.approx(1 - record.curve[-1]["val_error"])


def test_fewer_images_are_evaluated_at_a_time(photographs, monkeypatch):
    seen = []
    monkeypatch.setattr(
        EfficientNetLite0, "forward_features", lambda self, x: seen.append(len(x)) or torch.ones(len(x), 1280)
    )
    monkeypatch.setattr(EfficientNetLite0, "at_once", 3)
    evaluate(started(0), photographs.val)
    assert seen == [3, 1]


def test_tier_t_searches_and_has_its_three_arms():
    cells = list_cells("tuning", "T", datasets=["monkeys10"])
    assert {cell.backbone for cell in cells} == {"efficientnet_lite0"}
    assert {cell.head for cell in cells} == {"spinal", "mlp_matched", "linear"}
    assert len(cells) == len(set(cells)) == 3 * 3  # arms and rates


def test_grey_images_are_repeated_to_three_channels():
    colour, grey = (
        create_model("efficientnet_lite0", "linear", 2),
        create_model("efficientnet_lite0", "linear", 2, in_chans=1),
    )
    grey.load_state_dict(colour.state_dict())
    x = torch.rand(1, 1, 224, 224)
    torch.testing.assert_close(grey.eval()(x), colour.eval()(x.expand(-1, 3, -1, -1)))
    assert len(grey.body.mean) == len(grey.body.std) == 1
    with pytest.raises(ValueError, match=r"in_chans.* 4"):
        create_model("efficientnet_lite0", "linear", 2, in_chans=4)
