"""A report shows all runs once, keeps the test set closed unless asked, and says where everything comes from."""

import dataclasses
import re

import pytest

from spinalnet_lib import append_record, load_records
from spinalnet_lib.show.report import write_report
from spinalnet_lib.show.report_figures import curves_figure
from spinalnet_lib.show.run_groups import group_runs, mean_and_spread


def runs_of(record, count=3, **changes):
    """Copies of a run as other seeds, each with an error of its own."""
    found = []
    for seed in range(count):
        curve = [{**point, "val_error": 0.1 + 0.01 * seed} for point in record.curve]
        parts = {"seed": seed, "curve": curve, "key": f"{abs(hash((seed, str(changes)))):064x}"[:64], **changes}
        found.append(dataclasses.replace(record, **parts))
    return found


def with_head(record, head):
    return {**record.model, "head": head}


@pytest.fixture
def written(record, tmp_path):
    for run in [*runs_of(record), *runs_of(record, 2, model=with_head(record, "mlp"))]:
        append_record(tmp_path / "runs" / "digits.jsonl", run)
    return tmp_path


def test_the_page_has_every_run_its_figure_and_its_provenance(written):
    page = write_report([written / "runs"], written / "report").read_text()
    assert page.startswith("# 5 runs")
    assert "| spinal, no dropout | 3 | 11 ± 1 |" in page and "| mlp, no dropout | 2 | 10.5 ± 0.71 |" in page
    ((alt, name),) = re.findall(r"!\[(.+)\]\((.+\.png)\)", page)
    assert "at the end: mlp, no dropout 10.5 (2 runs); spinal, no dropout 11 (3 runs)" in alt
    content = (written / "report" / name).read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) > 10_000
    assert "| files | digits.jsonl |" in page and "| torch |" in page
    assert sorted(path.name for path in (written / "report").iterdir()) == sorted([name, "report.md"])


def test_test_results_are_closed_unless_asked_and_never_mixed_up(written):
    closed = write_report([written / "runs"], written / "report").read_text()
    assert "5 of these runs have read their test set; its results are left out" in closed
    record = load_records(written / "runs")[0]
    assert "test accuracy" not in closed and f"{100 * record.test['last']:.3g}" not in closed
    opened = write_report([written / "runs"], written / "report", read_test=True).read_text()
    three = " | ".join(mean_and_spread([100 * record.test[name]] * 3) for name in ("last", "val_best", "test_max"))
    assert f"| spinal, no dropout | 3 | {three} |" in opened and "chosen on the test set" in opened


def test_a_run_that_is_in_two_files_counts_once(written):
    (written / "runs" / "again.jsonl").write_text((written / "runs" / "digits.jsonl").read_text())
    assert write_report([written / "runs"], written / "report").read_text().startswith("# 5 runs")


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


def test_diverged_runs_are_counted_and_not_averaged(record):
    (section,) = group_runs([*runs_of(record), *runs_of(record, 1, diverged=True)])
    assert len(section.records) == 4 and "(3 runs)" in curves_figure(section).alt
    (section,) = group_runs(runs_of(record, diverged=True))
    assert curves_figure(section) is None
    assert mean_and_spread([float("inf")]) == "diverged"


def test_the_projects_own_records_give_a_report_with_the_search(tmp_path):
    page = write_report(out=tmp_path).read_text()
    count = len(load_records("tuning")) + len(load_records("regression")) + len(load_records("first_training"))
    assert page.startswith(f"# {count} runs")
    assert "spinal: learning rate | dropout 0 | dropout 0.5" in page and "inside the grid" in page
    best = re.search(r"lowest: spinal ([\d.]+) at", page).group(1)
    assert f"**{best}**" in page


def test_without_a_record_it_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no record in .*empty; train first"):
        write_report([tmp_path / "empty"], tmp_path / "report")
    assert not (tmp_path / "report").exists()
