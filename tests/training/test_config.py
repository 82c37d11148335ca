"""Recipes: checked when written down, and recorded in full."""

import json
from dataclasses import replace

import pytest

from spinalnet_lib import TrainConfig
from spinalnet_lib.training.config import describe_recipe, schedule, step_milestones


def test_cosine_falls_from_one_to_zero_and_constant_stays():
    cosine = TrainConfig(schedule="cosine")
    assert [schedule(cosine, step, 10, 1) for step in (0, 5, 10)] == pytest.approx([1, 0.5, 0])
    assert [schedule(TrainConfig(), step, 10, 1) for step in (0, 5, 10)] == [1, 1, 1]
    warm = TrainConfig(schedule="cosine", warmup=4)
    assert [schedule(warm, step, 12, 1) for step in (0, 3, 4, 8, 12)] == pytest.approx([0.25, 1, 1, 0.5, 0])


def test_steps_fall_at_their_epochs_and_come_back_with_a_stage():
    config = TrainConfig(schedule="step", milestones=[[2, 0.1], [4, 1]])
    assert [schedule(config, step, 60, 10) for step in (0, 19, 20, 39, 40, 59)] == [1, 1, 0.1, 0.1, 1, 1]
    assert step_milestones((10, 1.0), (5, 0.1), every=4, factor=0.5) == ((4, 0.5), (8, 0.25), (10, 0.1), (14, 0.05))
    recorded = json.loads(json.dumps(describe_recipe(config)))
    assert TrainConfig(**recorded) == config and hash(config)


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"optimizer": "adamm"}, "'adam'"),
        ({"schedule": "cosin"}, "'cosine'"),
        ({"learning_rate": 0}, "learning_rate.*0"),
        ({"learning_rate": float("nan")}, "learning_rate.*nan"),
        ({"weight_decay": -0.1}, "weight_decay.*-0.1"),
        ({"batch_size": 1.5}, "batch_size.*1.5"),
        ({"read_test": "yes"}, "read_test.*'yes'"),
        ({"momentum": 1.0}, "momentum.*1.0"),
        ({"epochs": 0}, "epochs.*0"),
        ({"epochs": 1, "steps": 3}, "epochs=1, steps=3"),
        ({"steps": 0}, "steps.*0"),
        ({"warmup": -1}, "warmup.*-1"),
        ({"evals_per_epoch": -2}, "evals_per_epoch.*-2"),
        ({"gradient_norms": 1}, "gradient_norms.*1"),
        ({"gradient_norms": True, "stacked": True}, "gradient_norms=True.*stacked=True"),
        ({"gradient_norms": True, "loss": "mse"}, "gradient_norms=True.*loss='mse'"),
        ({"evaluations": 0}, "evaluations.*0"),
        ({"evaluations": 5, "evals_per_epoch": 2}, "evaluations=5.*evals_per_epoch=2"),
        ({"augmentation": "flip"}, "augmentation.*'flip'"),
        ({"schedule": "redraw", "redraw_power": 3}, "read_test=True"),
        ({"redraw_power": 3}, "redraw_power=3"),
        ({"schedule": "redraw", "redraw_power": "x", "read_test": True}, "redraw_power.*'x'"),
        ({"schedule": "redraw", "redraw_power": -3, "read_test": True}, "redraw_power.*-3"),
        ({"stacked": True, "fast": True}, "stacked=True.*fast=True"),
        ({"stacked": True, "statistics": ((0.5,), (0.5,))}, "stacked=True.*statistics"),
        ({"schedule": "step"}, "schedule='step'.*milestones"),
        ({"milestones": ((7, 0.1),)}, "milestones.*7"),
        ({"schedule": "step", "milestones": (7, 0.1)}, "milestones.*7"),
        ({"schedule": "step", "milestones": ((7, 0.1), (7, 0.01))}, "milestones.*7, 7"),
        ({"schedule": "step", "milestones": ((0, 0.1),)}, "milestones.*0"),
        ({"schedule": "step", "milestones": ((7, 0),)}, "milestones.*0"),
        ({"statistics": 0.5}, "statistics.*0.5"),
        ({"statistics": ((0.5, 0.5), (0.5,))}, "statistics.*2.*1"),
        ({"statistics": ((0.5,), (0,))}, "statistics.*0"),
    ],
)
def test_a_wrong_recipe_is_refused(kwargs, says):
    with pytest.raises((ValueError, TypeError), match=says):
        TrainConfig(**kwargs)


def test_a_run_is_counted_in_epochs_or_in_steps():
    assert TrainConfig().epochs == 8 and describe_recipe(TrainConfig())["epochs"] == 8
    for config in (
        TrainConfig(steps=3),
        replace(TrainConfig(), steps=3),
        replace(TrainConfig(epochs=2), epochs=None, steps=3),
    ):
        assert (config.epochs, config.steps) == (None, 3)
        recipe = describe_recipe(config)
        assert recipe["epochs"] is None and recipe["steps"] == 3


def test_a_recipe_as_recorded_holds_what_is_new_only_where_it_is_used():
    """The key of a run is made of it: another entry would be another run."""
    assert list(describe_recipe(TrainConfig())) == [
        *("optimizer", "learning_rate", "momentum", "weight_decay", "batch_size", "epochs", "schedule"),
        *("evals_per_epoch", "read_test"),
    ]
    assert describe_recipe(TrainConfig(fast=True))["fast"] is True
