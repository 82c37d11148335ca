import dataclasses

import numpy as np
import pytest

from spinalnet_lib import load_dataset, load_facts, load_records, mean_interval
from spinalnet_lib.show import plots
from spinalnet_lib.show.palette import LIGHT
from tests.show.cases import assert_drawn_with_words, drawn, runs_of, with_head

RECORDS = [r for r in load_records("first_training") if r.dataset == "mnist_5k"]
PICTURES = {
    "images": lambda: plots.plot_images(load_dataset("digits"), per_class=3),
    "curves": lambda: plots.plot_error_curves(RECORDS),
    "last": lambda: plots.plot_last_errors(RECORDS),
    "one seed": lambda: plots.plot_last_errors(RECORDS[:1]),
}


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_every_plot_is_drawn_with_words(make):
    assert_drawn_with_words(make())


def arms():
    names = list(dict.fromkeys(r.arm for r in RECORDS))
    return {name: [r for r in RECORDS if r.arm == name] for name in names}


def test_every_seed_is_drawn_and_the_mean_thick_with_the_hue_of_its_head_and_a_dash_for_dropout():
    lines = drawn(plots.plot_error_curves(RECORDS)).lines
    for arm, runs in arms().items():
        curves = [[100 * point["val_error"] for point in r.curve] for r in runs]
        seeds, (mean, *_) = lines[: len(runs)], lines[len(runs) :]
        assert [list(line.get_ydata()) for line in seeds] == curves
        assert list(mean.get_ydata()) == pytest.approx(np.mean(curves, axis=0))
        assert mean.get_label() == f"{arm} ({len(runs)} seeds)" and mean.get_linewidth() > seeds[0].get_linewidth()
        assert mean.get_color() == (LIGHT.spinal if runs[0].head == "spinal" else LIGHT.dense)
        assert (mean.get_linestyle() == "--") == ("dropout 0.5" in arm)
        lines = lines[len(runs) + 1 :]
    assert not lines


def test_last_errors_are_those_of_the_last_step():
    picture = plots.plot_last_errors(RECORDS)
    points = [c.get_offsets()[:, 0] for c in drawn(picture).collections if len(c.get_offsets()) > 1]
    for (arm, runs), there in zip(arms().items(), points, strict=True):
        errors = [r.last["val_error"] for r in runs]
        assert sorted(there / 100) == pytest.approx(sorted(errors))
        mean, low, high = mean_interval(errors)
        assert f"{arm} {mean:.1%} ({low:.1%} to {high:.1%}, 10 seeds)" in picture.alt


def test_curves_of_unequal_length_are_refused():
    short = dataclasses.replace(RECORDS[0], key="0" * 64, curve=RECORDS[0].curve[:2])
    with pytest.raises(ValueError, match="plot_error_curves"):
        plots.plot_error_curves([*RECORDS, short])


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


def test_heads_of_unlike_sizes_are_arms_of_their_own(record):
    wide = {**record.model, "head_arguments": {"layer_width": 16}}
    alt = plots.plot_last_errors([*runs_of(record), *runs_of(record, model=wide)]).alt
    assert "layer_width 4 11.0%" in alt and "layer_width 16 11.0%" in alt


@pytest.mark.parametrize("plot", [plots.plot_error_curves, plots.plot_last_errors])
def test_no_records_is_said(plot):
    with pytest.raises(ValueError, match="no records"):
        plot([])


def test_runs_evaluated_at_different_steps_share_the_mean_of_the_steps_they_have_in_common(record):
    first, second = runs_of(record, 2)
    first.curve.append({**first.curve[-1], "step": 99, "val_error": 0.5})
    *_, mean = drawn(plots.draw_curves({"both": [first, second]}, "two runs")).lines
    assert list(mean.get_ydata()) == pytest.approx([10.5])
    other = runs_of(record, 1, model=with_head(record, "mlp"))
    assert len(drawn(plots.draw_curves({"a": [first], "b": other}, "two arms")).lines) == 4
