"""The picture of regression errors: its alt text is counted from the figures and records that it draws."""

import pytest

from spinalnet_lib import load_records, plot_below_the_noise
from spinalnet_lib.data.published import published_figures
from spinalnet_lib.data.regression import NOISE_FLOOR, TARGETS
from spinalnet_lib.show.noise_plot import NETS, errors_of
from spinalnet_lib.study.reading import held_out_error, lowest_batch_loss


def test_it_draws_the_papers_figures_and_every_run_of_both_nets():
    records = load_records("regression")
    figures = published_figures("regression")
    for target in TARGETS:
        errors = errors_of(target, records)
        of_target = figures[(figures["dataset"] == target) & figures["measure"].str.endswith("200 epochs")]
        assert sorted(value for values in errors["paper"] for value in values) == sorted(of_target["value"])
        for place, net in enumerate(NETS):
            runs = [run for run in records if (run.dataset, run.head) == (target, net)]
            assert len(runs) >= 8
            runs.sort(key=lambda run: run.seed)
            assert errors["alike"][place] == [lowest_batch_loss(run) for run in runs]
            assert errors["fresh"][place] == [held_out_error(run) for run in runs]


def test_the_alt_text_counts_what_lies_below_the_noise():
    figures = published_figures("regression")
    below = (figures[figures["measure"].str.endswith("200 epochs")]["value"] < NOISE_FLOOR).sum()
    picture = plot_below_the_noise(load_records("regression"))
    assert f"{below} of the paper's {2 * len(TARGETS)} lie below" in picture.alt
    assert picture.to_bytes().startswith(b"\x89PNG")


def test_without_runs_it_says_what_to_load(record):
    with pytest.raises(ValueError, match="regression"):
        plot_below_the_noise([record])
