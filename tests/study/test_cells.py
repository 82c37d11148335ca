"""The study is the written protocol's: arms, seeds, sets, and settings from the search."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from spinalnet_lib import count_parameters, create_model, load_records
from spinalnet_lib.models.sizes import OTHER, PRIMARY, UNSTACKED
from spinalnet_lib.study import cells as study_module
from spinalnet_lib.study.cells import STUDIES, list_cells
from spinalnet_lib.study.jobs import grouped
from spinalnet_lib.study.tiers import TIERS
from spinalnet_lib.study.tuning import Search, Setting
from spinalnet_lib.training.stacked.heads import check_stackable
from tests.study.cases import expected, search, with_losses


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
    assert counts == {**dict.fromkeys(OTHER, 10), **dict.fromkeys(first, 30), **resized}
    found = Search(ended, "mnist", "two_conv", TIERS["C"].searched("two_conv"))
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


def test_power_is_told_by_seeds_that_chose_nothing_and_read_no_test_set(ended):
    cells = list_cells("power", "C", ended, ["mnist"])
    assert Counter(cell.head for cell in cells) == dict.fromkeys((*PRIMARY, "linear"), 8)
    assert {cell.seed for cell in cells} == set(range(1002, 1010))
    assert not any(cell.config.read_test for cell in cells) and all(cell.tuning_id for cell in cells)


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
    cells = list_cells("study", "R")
    assert len(cells) == 30 * 4 * 4
    keys = {record.key for record in load_records("regression")}
    assert {*expected(cells[:16], device="cpu")} <= keys


def test_ablations_run_again_at_the_parameters_of_the_spinal_head(ended):
    cells = list_cells("study", "C", ended, ["mnist"])
    sizes = {}
    for cell in cells:
        if cell.seed == 0:
            size = count_parameters(create_model("two_conv", cell.head, 10, **cell.head_arguments).head)
            sizes.setdefault(cell.head, []).append(size)
    (budget,) = sizes["spinal"]
    for head in ("spinal_no_chain", "spinal_full", "spinal_last", "spinal_overlap"):
        assert abs(sizes[head][-1] / budget - 1) < 0.08
    assert sizes["spinal_full"][0] > 1.5 * budget


@pytest.mark.parametrize("tier", ["G", "H"])
def test_tiers_of_a_gpu_warp_and_take_large_steps(tier):
    todo = list_cells("tuning", tier)
    plan = TIERS[tier]
    assert plan.device == "cuda"
    places = {(cell.dataset, cell.backbone): set() for cell in todo}
    for cell in todo:
        places[cell.dataset, cell.backbone].add(cell.head)
    assert len(todo) == sum(map(len, places.values())) * 5 * 2 * 2
    assert all(cell.config.augmentation and cell.config.batch_size == 1000 and cell.config.fast for cell in todo)
    # Where the spine replaces one Linear there is no dense head beside it.
    dense = {backbone for (_, backbone), heads in places.items() if "mlp" in heads}
    assert dense == {"vgg5", "cifar_cnn", "vgg16_bn"} & {backbone for _, backbone in places}
    for backbone in {backbone for _, backbone in places}:
        assert {"linear", "mlp_matched"} < places[plan.datasets[0], backbone]


def test_the_published_recipe_has_few_seeds_and_is_the_papers():
    cells = list_cells("published", "G", (), ["mnist"])
    assert Counter(cell.head for cell in cells) == {"spinal": 3, "mlp": 3}
    assert {(cell.config.epochs, cell.config.learning_rate) for cell in cells} == {(200, 0.005)}
    assert list_cells("published", "C") == []


@pytest.fixture
def chosen(monkeypatch):
    """Every search ended at one setting, and ablations are re-solved to one width."""
    monkeypatch.setattr(study_module, "equal_width", lambda *arguments: 20)
    monkeypatch.setattr(study_module.Search, "chosen", lambda self, arm: Setting(0.01, 0.5, "a search"))


def test_tier_f_is_every_arm_and_size_on_features_of_bodies_of_both_kinds(chosen):
    bodies = [name.partition("+")[2] for name in TIERS["F"].datasets if name.startswith("kmnist_10k+")]
    heads = [name.split("-")[1] for name in bodies]
    assert heads == ["linear", "spinal"] * 3  # cut off, as many of either
    cells = list_cells("study", "F", (), ["mnist"])
    assert {cell.dataset.partition("+")[2] for cell in cells} == set(bodies)
    one = [cell for cell in cells if cell.dataset == "mnist+trained:two_conv-linear-0" and cell.seed == 0]
    assert {cell.head for cell in one} == {*PRIMARY, *OTHER}
    sizes = [cell.head_arguments for cell in one if cell.head == "spinal" and "num_splits" in cell.head_arguments]
    assert len(sizes) == 18 and {size["layer_width"] for size in sizes} == {8, 32, 128}
    assert all(cell.config.stacked != (cell.head in UNSTACKED) for cell in cells)
    assert not any(cell.config.fast for cell in cells) and {cell.seed for cell in cells} == set(range(5))


@pytest.mark.parametrize(("dataset", "features"), [("mnist", 320), ("monkeys10", 1280)])
def test_every_head_of_tier_f_can_be_built_and_its_stacks_stacked(dataset, features, chosen):
    # Cards of packed sets are not in a clone: their classes do not matter here.
    names = [name for name in TIERS["F"].datasets if name.startswith(dataset)][:1]
    for group in grouped(list_cells("study", "F", (), names)):
        heads = [create_model("pixels", cell.head, 10, features, 1, **cell.head_arguments).head for cell in group[:2]]
        assert len({cell.seed for cell in group}) == (5 if group[0].config.stacked else 1)
        if group[0].config.stacked:
            check_stackable(heads)


def test_what_is_unknown_is_named():
    with pytest.raises(ValueError, match="unknown study 'tunning'; did you mean 'tuning'"):
        list_cells("tunning", "C")
    with pytest.raises(ValueError, match=r"unknown tier 'X'.*R"):
        list_cells(STUDIES[0], "X")
    with pytest.raises(ValueError, match="unknown data set of tier C 'mnits'; did you mean 'mnist'"):
        list_cells("study", "C", (), ["mnits"])
    assert list_cells("tuning", "C", (), ["my_own_set"])[0].dataset == "my_own_set"
    assert list_cells("tuning", "R") == []
