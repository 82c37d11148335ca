"""The study is the written protocol's: arms, seeds, sets, and settings from the search."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from spinalnet_lib import count_parameters, create_model, load_records
from spinalnet_lib.models.sizes import OTHER, PRIMARY
from spinalnet_lib.study import cells as study_module
from spinalnet_lib.study.cells import STUDIES, list_cells
from spinalnet_lib.study.jobs import grouped
from spinalnet_lib.study.tiers import TIERS
from spinalnet_lib.study.tuning import Search, Setting
from spinalnet_lib.training.recipes import TUNING_RATES
from spinalnet_lib.training.stacked.heads import check_stackable
from tests.study.cases import expected, recorded, search, with_losses


def test_the_search_of_tier_c_is_the_protocols():
    todo = list_cells("tuning", "C")
    assert {cell.head for cell in todo} == {*PRIMARY, "linear", "mlp_deep_skip"}
    assert len(todo) == 5 * 5 * 5 * 2 * 2
    assert all(cell.cut_seed == cell.seed and cell.config.evaluations == 5 for cell in todo)
    assert not any(cell.config.read_test for cell in todo)
    assert {cell.seed for cell in todo} == {1000, 1001}
    assert {cell.seed for cell in todo[: len(todo) // 2]} == {1000}  # cut off, it has whole seeds


@pytest.fixture(scope="module")
def ended(record):
    """The records of a search on MNIST that has ended."""
    return with_losses(search(record))


def test_tier_c_takes_what_the_search_chose(ended):
    cells = list_cells("study", "C", ended, ["mnist"])
    counts = Counter(cell.head for cell in cells)
    resized = {"spinal_full": 20, "spinal_overlap": 20}  # the other two re-solve to the width they had
    first = (*PRIMARY, "linear")
    crossed = {"spinal": 40, "mlp": 40}  # ten seeds with the dropout that was not chosen
    assert counts == {**dict.fromkeys(OTHER, 10), **dict.fromkeys(first, 30), **resized, **crossed}
    found = Search(ended, ["mnist"], "two_conv", TIERS["C"].searched("two_conv"))
    of_head = {head: found.chosen(head) for head in counts}
    for cell in cells:
        chosen = of_head[cell.head]
        assert (cell.config.learning_rate, cell.tuning_id) == (chosen.learning_rate, chosen.tuning_id)
        assert cell.config.read_test and cell.config.steps == 2000
    # Cut off anywhere, no primary arm has a seed more than another; the other arms come after them.
    for end in range(0, 120, 7):
        counts = Counter(cell.head for cell in cells[:end])
        assert max(counts.values(), default=0) - min((counts[arm] for arm in first), default=0) <= 1
    assert {cell.head for cell in cells[:120]} == set(first)
    assert all(cell.cut_seed == cell.seed for cell in cells)
    masks = {cell.head_arguments["mask_seed"] for cell in cells if cell.head == "spinal_random_mask"}
    assert masks == set(range(10))


@pytest.mark.parametrize("tier", TIERS)
def test_no_search_reads_a_test_set(tier):
    assert not any(cell.config.read_test for cell in list_cells("tuning", tier))


def test_power_is_told_by_seeds_that_chose_nothing_and_read_no_test_set(ended):
    cells = list_cells("power", "C", ended, ["mnist"])
    tuned = [cell for cell in cells if cell.config.steps]
    assert Counter(cell.head for cell in tuned) == dict.fromkeys((*PRIMARY, "linear"), 8)
    assert {cell.seed for cell in cells} == set(range(1002, 1010))
    assert not any(cell.config.read_test for cell in cells) and all(cell.tuning_id for cell in tuned)


def test_power_of_the_published_recipe_is_told_by_its_own_runs(ended):
    cells = [cell for cell in list_cells("power", "C", ended, ["mnist"]) if cell.config.epochs]
    assert Counter(cell.head for cell in cells) == {"spinal": 8, "mlp": 8}
    read = {cell.head: cell for cell in list_cells("published", "C", (), ["mnist"])}
    for cell in cells:  # but for the seed and the test set they are the runs as published
        alike = replace(cell, config=replace(cell.config, read_test=True), seed=9, cut_seed=9)
        assert replace(alike, tuning_id=read[cell.head].tuning_id) == read[cell.head]


@pytest.mark.parametrize("tier", ["R", "W", "F", "D4"])
def test_a_tier_whose_least_difference_is_stated_has_no_power_runs(tier):
    assert list_cells("power", tier, None) == []


def test_a_tier_is_not_begun_before_its_search_has_ended(ended):
    with pytest.raises(ValueError, match=r"spinal on kmnist_10k with two_conv lacks 10 of 10 .* tuning --tier C`"):
        list_cells("study", "C", ended, ["kmnist_10k"])


@pytest.mark.parametrize(
    "stray",
    [
        {"recipe": {"steps": 20}},
        {"model": {"head_arguments": {"layer_width": 9, "num_layers": 6, "drop_rate": 0.0}}},
        {"device": "cuda"},
        {"dataset": "fashion_mnist"},
        {"seed": 5},
    ],
)
def test_runs_of_another_kind_do_not_change_what_a_search_chose(stray, ended):
    rates = [cell.config.learning_rate for cell in list_cells("study", "C", ended, ["mnist"])]
    strange = []
    for record in ended[:20]:
        changes = {
            name: {**getattr(record, name), **value} if isinstance(value, dict) else value
            for name, value in stray.items()
        }
        strange.append(replace(record, curve=[{**record.curve[-1], "val_nll": 0.0}], **changes))
    for records in ([*ended, *strange], [*strange, *ended]):
        assert [cell.config.learning_rate for cell in list_cells("study", "C", records, ["mnist"])] == rates


def test_a_card_that_is_damaged_fails_with_its_cells_and_not_with_the_list(ended, monkeypatch):
    listed = len(list_cells("study", "C", ended, ["mnist"]))
    monkeypatch.setattr(study_module, "load_card", lambda *args: json.loads("{"))
    assert len(list_cells("study", "C", ended, ["mnist"])) == listed


def test_tier_r_is_what_was_committed():
    cells = list_cells("published", "R")
    assert len(cells) == 30 * 4 * 4 + (60 * 5 - 30 * 3) * 4  # its first seeds had four arms
    keys = {record.key for record in load_records("regression")}
    assert {*expected(cells[:16], device="cpu")} <= keys


def test_ablations_run_again_at_the_parameters_of_the_spinal_head(ended):
    cells = list_cells("study", "C", ended, ["mnist"])
    sizes = {}
    for cell in cells:
        if cell.seed == 0:
            size = count_parameters(create_model("two_conv", cell.head, 10, **cell.head_arguments).head)
            sizes.setdefault(cell.head, []).append(size)
    (budget,) = {*sizes["spinal"]}
    for head in ("spinal_no_chain", "spinal_full", "spinal_last", "spinal_overlap"):
        assert abs(sizes[head][-1] / budget - 1) < 0.08
    assert sizes["spinal_full"][0] > 1.5 * budget


# Of the tiers of a GPU: bodies with the dropout of the published spine and the third arm, and sets in their order.
OF_A_GPU = {
    "G": (
        {"vgg5": (0.5, "mlp")},
        ("fashion_mnist", "mnist", "emnist_letters", "emnist_balanced_reduced", "kmnist_10k"),
    ),
    "H": ({"cifar_cnn": (0.1, "mlp"), "resnet18_cells": (0.0, "linear"), "vgg16_bn": (0.5, "mlp")}, ("cifar10",)),
    "T": ({"efficientnet_lite0": (0.5, "linear")}, ("monkeys10", "fruits360_varieties", "caltech101_reduced")),
}


@pytest.mark.parametrize("tier", OF_A_GPU)
def test_tiers_of_a_gpu_have_a_small_search_and_three_arms_of_eight_seeds(tier):
    bodies, names = OF_A_GPU[tier]
    assert TIERS[tier].device == "cuda" and TIERS[tier].datasets == names
    searched, cells = list_cells("tuning", tier), list_cells("study", tier, None)
    assert Counter((cell.dataset, cell.backbone) for cell in searched) == {
        (name, body): 3 * 3 for name in names for body in bodies
    }
    assert Counter((cell.dataset, cell.backbone) for cell in cells) == {
        (name, body): 3 * 8 for name in names for body in bodies
    }
    assert list(dict.fromkeys(cell.dataset for cell in cells)) == list(names)
    for cell in searched:
        rate, third = bodies[cell.backbone]
        assert (cell.seed, cell.config.steps) == (1000, 500) and not cell.config.read_test
        assert cell.head in ("spinal", "spinal_spatial", "mlp_matched", third)
        rates = cell.head_arguments["drop_rate"]
        assert (max(rates) if isinstance(rates, list) else rates) == rate
    assert {cell.config.learning_rate for cell in searched} == set(TUNING_RATES[2:])
    assert {cell.seed for cell in cells} == set(range(8)) and {cell.config.steps for cell in cells} == {2000}
    large = tier != "T"
    assert all(cell.config.augmentation and cell.config.batch_size == (1000 if large else 64) for cell in cells)


def test_a_small_search_grows_and_chooses_as_a_large_one(record):
    of_step = {rate: step for step, rate in enumerate(TUNING_RATES)}
    first = recorded(record, list_cells("tuning", "G", (), ["mnist"]))
    searched = [cell for cell in list_cells("tuning", "G", with_losses(first, TUNING_RATES[4]), ["mnist"])]
    assert len(searched) == len(first) + 3 and max(cell.config.learning_rate for cell in searched) > TUNING_RATES[4]
    with pytest.raises(ValueError, match="lacks 1 of 4"):
        list_cells("study", "G", with_losses(first, TUNING_RATES[4]), ["mnist"])
    ended = with_losses(recorded(record, searched), TUNING_RATES[4])
    assert {of_step[cell.config.learning_rate] for cell in list_cells("study", "G", ended, ["mnist"])} == {4}


def test_the_published_recipe_has_few_seeds_and_is_the_papers():
    cells = list_cells("published", "G", (), ["mnist"])
    assert Counter(cell.head for cell in cells) == {"spinal": 3, "mlp": 3}
    assert {(cell.config.epochs, cell.config.learning_rate) for cell in cells} == {(200, 0.005)}
    cells = list_cells("published", "C")
    assert Counter((cell.dataset, cell.head) for cell in cells) == {
        (name, head): 10 for name in TIERS["C"].datasets for head in ("spinal", "mlp")
    }
    assert all(cell.cut_seed == cell.seed for cell in cells)


@pytest.fixture
def chosen(monkeypatch):
    """Every search ended at one setting, and ablations are re-solved to one width."""
    monkeypatch.setattr(study_module, "equal_width", lambda *arguments: 20)
    monkeypatch.setattr(
        study_module.Search,
        "chosen",
        lambda self, arm, rate=None: Setting(0.01, 0.5 if rate is None else rate, "a search"),
    )


def test_tier_f_is_eight_bodies_whose_heads_have_seeds_of_their_own(chosen):
    cells = list_cells("study", "F")
    linear = [cell for cell in cells if "-linear-" in cell.dataset]
    bodies = Counter(cell.dataset.partition("+")[0] for cell in linear if cell.seed == 0 and cell.head == "spinal")
    assert bodies == {"mnist": 8, "fashion_mnist": 8, "emnist_letters": 8}
    assert {int(cell.dataset.rpartition("-")[2]) for cell in linear} == set(range(100, 108))
    assert {cell.seed for cell in cells} == set(range(5)) and len(cells) == (24 + 3) * 4 * 5
    searched = list_cells("tuning", "F")
    assert {int(cell.dataset.rpartition("-")[2]) for cell in searched} == {108, 109}
    assert len(searched) == len(set(searched)) == 3 * 2 * 4 * 5 * 2 * 2


def test_a_search_on_two_bodies_is_one(record):
    plan, name = TIERS["F"], "mnist+trained:two_conv-linear-100"
    of_both = with_losses(recorded(record, list_cells("tuning", "F", (), [name])))
    assert list_cells("study", "F", of_both, [name])[0].config.learning_rate == TUNING_RATES[2]
    with pytest.raises(ValueError, match="lacks"):
        list_cells("study", "F", [found for found in of_both if found.dataset.endswith("108")], [name])
    assert plan.search_sets(name) == plan.search_sets("mnist+trained:two_conv-linear-107")


def test_tier_p_draws_its_images_anew_with_each_seed(chosen):
    cells = list_cells("study", "P", (), ["monkeys10"])
    assert {cell.dataset for cell in cells} == {"monkeys10+efficientnet_lite0"}
    counts = Counter((cell.head, cell.head_arguments.get("layer_width"), cell.train_per_class) for cell in cells)
    arms = (("linear", None), ("mlp_matched", 20), ("spinal", 20))
    assert counts == {("spinal", 128, None): 30} | {(*arm, count): 30 for arm in arms for count in (None, 5, 20)}
    assert all(cell.cut_seed == cell.seed and cell.config.stacked for cell in cells)
    of_images = list_cells("study", "P", (), ["fashion_mnist"])
    assert {(cell.backbone, cell.train_per_class, cell.config.stacked) for cell in of_images} == {
        ("two_conv", count, False) for count in (50, 200, 1000)
    }


def test_tier_w_narrows_all_arms_alike(chosen):
    cells = [cell for cell in list_cells("study", "W") if cell.dataset == "mnist" and cell.seed == 0]
    widths = {
        (cell.head, cell.head_arguments.get("layer_width", cell.head_arguments.get("hidden_sizes"))) for cell in cells
    }
    assert widths == {(head, 2**power) for head in PRIMARY for power in range(1, 7)} and len(cells) == 18
    every = list_cells("study", "W")
    assert len(every) == 18 * 2 * 10 and {cell.seed for cell in every} == {*range(10)}
    assert {cell.dataset for cell in every} == {"mnist", "emnist_letters"}


def test_dropout_is_crossed_with_the_head(chosen):
    cells = list_cells("study", "C", (), ["mnist"])
    rates = {cell.head: set() for cell in cells}
    for cell in cells:
        rate = cell.head_arguments["drop_rate"]
        rates[cell.head].add(rate[-1] if isinstance(rate, (list, tuple)) else rate)
    assert rates["spinal"] == rates["mlp"] == {0.0, 0.5} and rates["linear"] == {0.5}


@pytest.mark.parametrize(("tier", "dataset", "features"), [("F", "mnist", 320), ("P", "monkeys10", 1280)])
def test_heads_on_features_can_be_built_and_their_stacks_stacked(tier, dataset, features, chosen):
    # Cards of packed sets are not in a clone: their classes do not matter here.
    names = [name for name in TIERS[tier].datasets if name.startswith(dataset)][:1]
    for group in grouped(list_cells("study", tier, (), names)):
        heads = [create_model("pixels", cell.head, 10, features, 1, **cell.head_arguments).head for cell in group[:2]]
        assert len({cell.seed for cell in group}) == (5 if tier == "F" else 1)
        check_stackable(heads)


def test_what_is_unknown_is_named():
    with pytest.raises(ValueError, match="unknown study 'tunning'; did you mean 'tuning'"):
        list_cells("tunning", "C")
    with pytest.raises(ValueError, match=r"unknown tier 'X'.*R"):
        list_cells(STUDIES[0], "X")
    with pytest.raises(ValueError, match="unknown data set of tier C 'mnits'; did you mean 'mnist'"):
        list_cells("study", "C", (), ["mnits"])
    assert list_cells("tuning", "C", (), ["my_own_set"])[0].dataset == "my_own_set"
    assert list_cells("published", "W") == []


def test_tier_d4_is_chains_of_thirty_layers_whose_gradients_are_recorded(ended):
    cells = list_cells("study", "D4", ended)
    assert Counter(cell.head for cell in cells) == dict.fromkeys(
        ("spinal", "mlp_deep", "mlp_deep_skip", "spinal_last"), 10
    )
    assert all(cell.config.gradient_norms and cell.cut_seed == cell.seed for cell in cells)
    settings = {(cell.head, cell.config.learning_rate) for cell in list_cells("study", "C", ended, ["mnist"])}
    sizes = {}
    for cell in cells[:4]:
        assert (cell.head, cell.config.learning_rate) in settings
        head = create_model("two_conv", cell.head, 10, **cell.head_arguments).head
        assert len(head.layers) == 30
        sizes[cell.head] = count_parameters(head)
    assert all(abs(sizes[head] / sizes["spinal"] - 1) < 0.03 for head in ("mlp_deep", "mlp_deep_skip"))


def test_sensitivity_is_the_neighbouring_rate_four_times_the_steps_and_the_choice_by_error(record):
    """The lowest error is at the lowest rate on MNIST, and where the loss is lowest on Fashion-MNIST."""
    records = []
    for name in ("mnist", "fashion_mnist"):
        for found in with_losses(search(record, name)):
            at = found.recipe["learning_rate"]
            error = at if name == "mnist" else found.last["val_nll"] / 10
            records.append(replace(found, curve=[{**found.last, "val_error": error}]))
    cells = list_cells("sensitivity", "C", records, ["mnist", "fashion_mnist"])
    found = Counter((cell.dataset, cell.head, cell.config.learning_rate, cell.config.steps) for cell in cells)
    beside = TUNING_RATES[1]  # nearer by its number than the one above
    expected = {(name, beside, 2000) for name in ("mnist", "fashion_mnist")}
    expected |= {("fashion_mnist", TUNING_RATES[2], 8000), ("mnist", TUNING_RATES[0], 2000)}
    assert found == {(name, head, *rest): 10 for name, *rest in expected for head in ("spinal", "mlp_matched")}
    assert all(cell.config.read_test and cell.tuning_id and cell.cut_seed == cell.seed for cell in cells)


def test_runs_can_be_counted_before_a_search_has_ended(ended):
    for study in STUDIES:
        known, unknown = (list_cells(study, "C", records, ["mnist"]) for records in (ended, None))
        assert len(unknown) == len(known), study
    parts = {
        part: list_cells("study", "C", ended, ["mnist"], part=part) for part in ("primary", "crossed", "ablations")
    }
    assert {cell for cells in parts.values() for cell in cells} == set(list_cells("study", "C", ended, ["mnist"]))
    with pytest.raises(ValueError, match="part of tier C 'abl'"):
        list_cells("study", "C", ended, part="abl")
