"""What the paper fine-tunes: each row builds the head that was counted in its script, and is a recipe that trains."""

from dataclasses import replace

import pytest
import torch

from spinalnet_lib import create_head, create_model, load_model, published_recipe, published_transfer, save_model, train
from spinalnet_lib.data.splits import DataSet, Split
from spinalnet_lib.heads.counting import count_parameters
from spinalnet_lib.training.config import schedule
from spinalnet_lib.training.published_transfer import TRANSFERS

# Counted by building the classes of the scripts: data set, width of the spine, its features and classes, parameters of
# the spinal head and of the head that it replaces.
COUNTED = [
    ("stl10", 512, 2048, 10, 2_910_218, 20_490),
    ("cifar100", 512, 2048, 100, 3_094_628, 204_900),
    ("cifar10", 20, 2048, 10, 84_010, 20_490),
    ("svhn", 20, 2048, 10, 84_010, 20_490),
    ("cinic10", 20, 2048, 10, 84_010, 20_490),
    ("birds225", 1024, 2048, 225, 8_274_145, 461_025),
    ("caltech101", 101, 2048, 101, 485_608, 206_949),
    ("caltech101", 1024, 2048, 101, 7_766_117, 206_949),
    ("fruits360", 131, 2048, 131, 657_358, 268_419),
    ("cars", 196, 2048, 196, 1_072_708, 401_604),
    ("flowers102", 102, 2048, 102, 491_130, 208_998),
    ("hymenoptera", 5, 512, 2, 5_277, 1_026),  # 7,897 exist, but two layers are never used
    ("mnist", 1024, 25088, 10, 54_579_210, 119_586_826),
]


@pytest.mark.parametrize(("dataset", "width", "features", "classes", "spine", "rival"), COUNTED)
def test_heads_have_the_parameters_of_the_scripts(dataset, width, features, classes, spine, rival):
    row = published_transfer(dataset, layer_width=width)
    with torch.device("meta"):
        heads = [
            create_head(row.head, features, classes, **row.head_arguments),
            create_head(row.rival, features, classes, **row.rival_arguments),
        ]
    assert [count_parameters(head) for head in heads] == [spine, rival]


@pytest.mark.parametrize("row", TRANSFERS, ids=lambda row: f"{row.dataset}-{row.source}")
def test_each_row_is_a_recipe_from_given_weights(row):
    recipe = row.recipe
    assert (recipe.optimizer, recipe.momentum, recipe.weight_decay) == ("sgd", 0.9, 0.0)
    assert recipe.start == "given" and recipe.statistics and not recipe.read_test
    assert published_transfer(row.dataset, row.backbone, row.head_arguments["layer_width"]) == row


def test_stages_follow_one_another():
    def rates(dataset):
        config = published_transfer(dataset).recipe
        return [config.learning_rate * schedule(config, epoch * 3 + 2, 0, 3) for epoch in range(config.epochs)]

    assert rates("stl10") == pytest.approx([1e-3] * 7 + [1e-4] * 7 + [1e-5] * 6)
    assert rates("caltech101") == pytest.approx([1e-2] * 5 + [1e-3] * 5)
    assert rates("monkeys10") == pytest.approx(([1e-2] * 7 + [1e-3] * 3) * 2)
    assert rates("cinic10")[14:28] == pytest.approx([1e-4] * 6 + [1e-3] * 7 + [1e-4])


def test_published_recipe_is_that_of_the_row():
    vgg = published_transfer("birds225", "torchvision:vgg19_bn")
    assert published_recipe("torchvision:vgg19_bn", "birds225") == vgg.recipe and vgg.rival == "mlp"
    assert published_recipe("torchvision:wide_resnet101_2", "cifar10_small") == published_transfer("cifar10").recipe


@pytest.mark.parametrize(
    ("asked", "has"),
    [
        (("kmnist",), "it has stl10, cifar10, "),
        (("stl10", "torchvision:resnet50"), "there torchvision:wide_resnet101_2, width 512;"),
        (("nope",), "it has stl10, cifar10, "),
        (("caltech101", None, 7), "there .*, width 101; .*, width 1024;"),
    ],
    ids=str,
)
def test_what_the_paper_does_not_fine_tune_is_named_with_what_is_near_and_what_else_will_do(asked, has):
    with pytest.raises(ValueError, match=f"{asked[-1]}.*{has}.*--recipe transfer$") as refused:
        published_transfer(*asked)
    assert len(str(refused.value)) < 300


def test_a_rows_statistics_stay_with_the_model(tmp_path):
    """A short run of a row's recipe on noise: what it saw is what it is evaluated and saved with."""
    row = published_transfer("stl10")
    images = torch.randint(0, 256, (16, 3, 8, 8), dtype=torch.uint8)
    split = Split(images, torch.arange(16) % 2)
    data = DataSet(split, split, split, {"name": "noise", "num_classes": 2})
    model = create_model("pixels", "spinal", 2, in_chans=3, image_size=8, layer_width=4)
    recipe = replace(row.recipe, start="seed", augmentation=None, batch_size=8, epochs=8)
    record = train(model, data, recipe, 0, "cpu", progress=False)
    assert record.recipe["statistics"] == row.recipe.statistics and len(record.curve) == 8
    save_model(model, tmp_path / "model.npz", data)
    again = load_model(tmp_path / "model.npz")
    for found in (model, again):
        torch.testing.assert_close(split.seen_by(found).mean, torch.tensor(row.recipe.statistics[0]))
    plain = train(model, data, replace(recipe, statistics=None), 0, "cpu", progress=False)
    assert plain.key != record.key and split.seen_by(model) is split
