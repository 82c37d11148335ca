import itertools

import pytest

from spinalnet_lib import published_recipe, redraw_recipe, tuned_recipe
from spinalnet_lib.models.bodies import list_backbones
from spinalnet_lib.training.config import describe_recipe
from spinalnet_lib.training.recipes import _PUBLISHED, TUNING_DROPOUT, TUNING_RATES, TUNING_SEEDS

# As in the published scripts: optimizer, learning rate, batch, epochs, and what is warped.
SCRIPTS = {
    ("two_conv", "mnist"): ("sgd", 0.01, 64, 8, None),
    ("arch2", "mnist"): ("sgd", 0.01, 64, 200, "perspective"),
    ("arch2", "fashion_mnist"): ("sgd", 0.005, 64, 200, "crop_scale"),
    ("vgg5", "kmnist"): ("adam", 0.005, 100, 200, "perspective"),
    ("vgg5", "fashion_mnist"): ("adam", 0.005, 100, 200, "crop_scale"),
    ("cifar_cnn", "cifar10"): ("adam", 0.001, 100, 160, "padding"),
    ("cifar_cnn", "cifar100"): ("adam", 0.001, 200, 160, "padding"),
    ("resnet18", "cifar10"): ("adam", 0.001, 200, 160, "padding"),
    ("vgg16_bn", "cifar10"): ("adam", 0.0001, 100, 200, "padding"),
    ("vgg16_bn", "cifar100"): ("adam", 0.0001, 200, 200, "padding"),
}


@pytest.mark.parametrize(("backbone", "dataset"), SCRIPTS)
def test_published_recipes_are_those_of_the_scripts(backbone, dataset):
    config = published_recipe(backbone, dataset)
    optimizer, rate, batch, epochs, warp = SCRIPTS[backbone, dataset]
    found = (config.optimizer, config.learning_rate, config.batch_size, config.epochs)
    assert found == (optimizer, rate, batch, epochs)
    assert (config.augmentation is None) == (warp is None) and not config.read_test
    assert warp is None or getattr(config.augmentation, warp)


def test_every_published_body_is_known():
    assert set(_PUBLISHED) <= set(list_backbones())
    with pytest.raises(ValueError, match="unknown backbone with a published recipe 'vgg6'; did you mean 'vgg5'"):
        published_recipe("vgg6")


@pytest.mark.parametrize("recipe", [published_recipe, redraw_recipe])
def test_a_data_set_that_nobody_knows_is_refused_with_near_names(recipe):
    with pytest.raises(ValueError, match=r"'cifar1'.*'cifar10'"):
        recipe("vgg5", "cifar1")
    assert recipe("vgg5", "digits").epochs == 200


def test_a_users_own_set_has_the_recipe_of_the_body(tmp_path, monkeypatch):
    (tmp_path / "walks").mkdir()
    (tmp_path / "walks" / "card.json").write_text('{"kind": "folder", "splits": {"train": 3}, "num_classes": 2}')
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    assert published_recipe("vgg5", "walks") == published_recipe("vgg5")


def test_redraws_are_marked_as_reading_the_test_set():
    config = redraw_recipe("resnet18", "cifar10")
    assert (config.schedule, config.redraw_power, config.read_test) == ("redraw", 5, True)
    assert redraw_recipe("vgg5").redraw_power == 3
    with pytest.raises(ValueError, match="unknown backbone with redraws"):
        redraw_recipe("two_conv")


def test_the_tuned_recipe_is_counted_in_steps_and_keeps_the_test_set_closed():
    recipe = describe_recipe(tuned_recipe(TUNING_RATES[2]))
    # Every number of it: another would be another study.
    assert recipe == {
        "optimizer": "adamw",
        "learning_rate": pytest.approx(0.001),
        "momentum": 0.5,  # of SGD, which it is not
        "weight_decay": 0.01,
        "batch_size": 128,
        "epochs": None,
        "schedule": "cosine",
        "evals_per_epoch": 1,
        "read_test": False,
        "steps": 2000,
        "warmup": 100,
        "fast": True,
    }
    assert pytest.approx([1e-4, 10**-3.5, 1e-3, 10**-2.5, 1e-2]) == TUNING_RATES
    assert (TUNING_DROPOUT, TUNING_SEEDS) == ((0.0, 0.5), (1000, 1001))
    assert [high / low for low, high in itertools.pairwise(TUNING_RATES)] == pytest.approx([10**0.5] * 4)


def test_a_part_of_a_set_has_the_recipe_of_the_whole_and_an_unknown_set_none(tmp_path, monkeypatch):
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    (tmp_path / "fashion_mnist_10k").mkdir()
    card = '{"kind": "arrays", "num_classes": 10, "splits": {"train": 10}}'
    (tmp_path / "fashion_mnist_10k" / "card.json").write_text(card)
    assert published_recipe("vgg5", "fashion_mnist_10k") == published_recipe("vgg5", "fashion_mnist")
    assert published_recipe("vgg5", "fashion_mnist") != published_recipe("vgg5", "mnist")
    for name in ("nope", "mnist_nope", "fashion_mnist_20k"):
        with pytest.raises(ValueError, match=name):
            published_recipe("vgg5", name)
