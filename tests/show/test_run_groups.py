from dataclasses import replace

from spinalnet_lib.show.run_groups import group_arms, group_runs, last_value
from spinalnet_lib.training.recipes import POWER_SEEDS
from tests.show.cases import LOSSES, runs_of, search_of


def test_runs_that_may_not_be_compared_are_in_sections_of_their_own(record):
    other_recipe = {**record.recipe, "batch_size": 100}
    own = runs_of(record, dataset="kmnist_10k", dataset_source="packed")
    sections = group_runs([*runs_of(record), *runs_of(record, recipe=other_recipe), *own])
    assert [section.title for section in sections] == [
        "digits: pixels, sgd, 1 epochs of 100",
        "digits: pixels, sgd, 1 epochs of 64",
        "kmnist_10k, own split: pixels, sgd, 1 epochs of 64",
    ]
    assert not any(section.searched for section in sections)


def test_arms_are_told_apart_by_what_they_differ_in(record):
    wide = {**record.model, "head_arguments": {"layer_width": 16}}
    (section,) = group_runs([*runs_of(record), *runs_of(record, model=wide)])
    assert list(section.arms) == ["spinal, no dropout, layer_width 4", "spinal, no dropout, layer_width 16"]


def test_several_learning_rates_of_one_arm_are_a_search(record):
    (section,) = group_runs(search_of(record, LOSSES))
    assert section.searched and len(section.records) == 2 * len(LOSSES)


def test_the_last_value_is_in_percent_and_infinite_where_a_run_diverged(record):
    run, lost = *runs_of(record, 1), *runs_of(record, 1, diverged=True)
    assert last_value(run) == 10 and last_value(lost) == float("inf")


def test_numbers_of_images_and_pilots_are_not_pooled_with_the_study(record):
    few = runs_of(record, split_sizes={**record.split_sizes, "train_per_class": 5})
    pilots = [replace(run, seed=POWER_SEEDS[run.seed]) for run in runs_of(record, key="pilot")]
    sections = group_runs([*runs_of(record), *few, *pilots])
    assert [(section.title.partition("of 64")[2], len(section.records)) for section in sections] == [
        ("", 3),
        (", pilots", 3),
        (", 5 images a class", 3),
    ]
    assert list(group_arms([*runs_of(record), *few])) == [
        "spinal, no dropout, train_per_class None",
        "spinal, no dropout, train_per_class 5",
    ]


def test_an_official_split_is_not_called_our_own(record):
    """Whether a set was packed says nothing of who cut it."""
    names = ("cifar10", "kmnist_10k", "cifar10+efficientnet_lite0", "caltech101_reduced+efficientnet_lite0")
    sections = [group_runs(runs_of(record, dataset=name, dataset_source="packed"))[0] for name in names]
    assert [", own split" in section.title for section in sections] == [False, True, False, True]


def test_masks_that_are_drawn_anew_with_each_seed_are_one_arm(record):
    masked = [
        replace(run, model={**run.model, "head_arguments": {"layer_width": 4, "mask_seed": run.seed}})
        for run in runs_of(record)
    ]
    (section,) = group_runs(masked)
    assert len(section.arms) == 1
