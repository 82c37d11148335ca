import numpy as np
import pytest

from spinalnet_lib import load_dataset, load_facts, load_records
from spinalnet_lib.show import plots
from spinalnet_lib.show.palette import LIGHT
from tests.show.cases import assert_drawn_with_words, drawn, runs_of, with_head

RECORDS = [r for r in load_records("first_training") if r.dataset == "mnist_5k"]
PICTURES = {
    "images": lambda: plots.plot_images(load_dataset("digits"), per_class=3),
    "curves": lambda: plots.draw_curves(arms(), "Validation error of two heads over training, one thin line a seed."),
}


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_every_plot_is_drawn_with_words(make):
    assert_drawn_with_words(make())


def arms():
    names = list(dict.fromkeys(r.arm for r in RECORDS))
    return {name: [r for r in RECORDS if r.arm == name] for name in names}


def test_every_seed_is_drawn_and_the_mean_thick_with_the_hue_of_its_head_and_a_dash_for_dropout():
    lines = drawn(plots.draw_curves(arms(), "two heads")).lines
    for arm, runs in arms().items():
        curves = [[100 * point["val_error"] for point in r.curve] for r in runs]
        seeds, (mean, *_) = lines[: len(runs)], lines[len(runs) :]
        assert [list(line.get_ydata()) for line in seeds] == curves
        assert list(mean.get_ydata()) == pytest.approx(np.mean(curves, axis=0))
        assert mean.get_label() == arm and mean.get_linewidth() > seeds[0].get_linewidth()
        assert mean.get_color() == (LIGHT.spinal if runs[0].head == "spinal" else LIGHT.dense)
        assert (mean.get_linestyle() == "--") == ("dropout 0.5" in arm)
        lines = lines[len(runs) + 1 :]
    assert not lines


def test_images_are_the_first_of_their_class():
    data = load_dataset("digits")
    grid = drawn(plots.plot_images(data, per_class=2)).images[0].get_array()
    for c in (0, 9):
        first, second = data.train.images[data.train.labels == c][:2, 0].numpy()
        row = slice(10 * c + 1, 10 * c + 9)
        assert (grid[row, 1:9] == first[..., None]).all() and (grid[row, 11:19] == second[..., None]).all()


def test_of_many_classes_some_are_shown_and_named():
    data = load_dataset("digits")
    picture = plots.plot_images(data, per_class=3, most_classes=4)
    assert picture.alt.startswith(
        "3 training images of 4 of the 10 classes of Optical digits, 8×8, a row a class: 0, 3, 6, 9"
    )
    assert [label.get_text() for label in drawn(picture).get_yticklabels()] == ["0", "3", "6", "9"]


def test_shared_images_are_those_of_the_facts():
    facts = load_facts()
    picture = plots.plot_shared_images(facts)
    assert "100 % of mnist_5k's in mnist's" in picture.alt and "qmnist_labels's in mnist" not in picture.alt
    shared = facts["emnist_letters"]["shares_images_with"]["emnist_balanced_reduced"]
    share = 100 * shared["test_in_train"] / facts["emnist_letters"]["test"]
    assert f"{share:.0f} % of emnist_letters's in emnist_balanced_reduced" in picture.alt
    names = [label.get_text() for label in drawn(picture).get_yticklabels()]
    sharing = [name for name, found in facts.items() if found["shares_images_with"]]
    assert names == [f"{place}  {name}" for place, name in enumerate(sharing, 1)]


def test_runs_evaluated_at_different_steps_share_the_mean_of_the_steps_they_have_in_common(record):
    first, second = runs_of(record, 2)
    first.curve.append({**first.curve[-1], "step": 99, "val_error": 0.5})
    *_, mean = drawn(plots.draw_curves({"both": [first, second]}, "two runs")).lines
    assert list(mean.get_ydata()) == pytest.approx([10.5])
    other = runs_of(record, 1, model=with_head(record, "mlp"))
    assert len(drawn(plots.draw_curves({"a": [first], "b": other}, "two arms")).lines) == 4
