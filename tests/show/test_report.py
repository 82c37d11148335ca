"""A report shows all runs once, keeps the test set closed unless asked, and says where everything comes from."""

import dataclasses
import io
import re
from dataclasses import replace

import pytest
from PIL import Image

from spinalnet_lib import TrainConfig, append_record, load_records
from spinalnet_lib.records.files import own_records
from spinalnet_lib.show import report
from spinalnet_lib.show.palette import LIGHT
from spinalnet_lib.show.provenance import describe_mean
from spinalnet_lib.show.report import draw_search, search_losses, write_report
from spinalnet_lib.show.run_groups import group_runs
from spinalnet_lib.study.cell import Cell
from spinalnet_lib.study.cells import list_cells
from spinalnet_lib.study.jobs import Failures
from spinalnet_lib.study.statistics import mean_interval
from tests.show.cases import LOSSES, assert_drawn_with_words, drawn, runs_of, search_of, with_head
from tests.study.cases import comparison, complete, ended_search, own_results, run_of


@pytest.fixture
def written(record, tmp_path):
    for run in [*runs_of(record), *runs_of(record, 2, model=with_head(record, "mlp"))]:
        append_record(tmp_path / "runs" / "digits.jsonl", run)
    return tmp_path


def test_the_page_has_every_run_its_figure_and_its_provenance(written):
    page = write_report([written / "runs"], written / "report").read_text()
    assert page.startswith("# 5 runs")
    assert (
        "| spinal, no dropout | 3 | 11 (8.52 to 13.5) |" in page
        and "| mlp, no dropout | 2 | 10.5 (4.15 to 16.9) |" in page
    )
    ((alt, name),) = re.findall(r"!\[(.+)\]\((.+\.png)\)", page)
    assert "at the end: mlp, no dropout 10.5 (2 runs); spinal, no dropout 11 (3 runs)" in alt
    content = (written / "report" / name).read_bytes()
    assert content.startswith(b"\x89PNG")
    darkest, lightest = Image.open(io.BytesIO(content)).convert("L").getextrema()
    assert lightest - darkest > 200
    assert "| files | digits.jsonl |" in page and "| torch |" in page
    assert sorted(path.name for path in (written / "report").iterdir()) == sorted([name, "report.md"])


def test_test_results_are_closed_unless_asked_and_never_mixed_up(written):
    closed = write_report([written / "runs"], written / "report").read_text()
    assert "5 of these runs have read their test set; its results are left out" in closed
    record = load_records(written / "runs")[0]
    assert "test accuracy" not in closed and f"{100 * record.test['last']:.3g}" not in closed
    opened = write_report([written / "runs"], written / "report", read_test=True).read_text()
    three = " | ".join(describe_mean([100 * record.test[name]] * 3) for name in ("last", "val_best", "test_max"))
    assert f"| spinal, no dropout | 3 | {three} |" in opened and "chosen on the test set" in opened


def test_a_run_that_is_in_two_files_counts_once_and_of_two_results_none_is_chosen(written):
    (written / "runs" / "again.jsonl").write_text((written / "runs" / "digits.jsonl").read_text())
    with pytest.warns(UserWarning, match="5 records"):
        assert write_report([written / "runs"], written / "report").read_text().startswith("# 5 runs")
    first = load_records(written / "runs" / "digits.jsonl")[0]
    append_record(written / "other.jsonl", replace(first, curve=[{**first.last, "val_error": 0.5}]))
    with pytest.raises(ValueError, match=first.key[:10]):
        write_report([written / "runs", written / "other.jsonl"], written / "report")


def test_diverged_runs_are_counted_and_not_averaged(record, tmp_path):
    for run in [*runs_of(record), *runs_of(record, 1, diverged=True)]:
        append_record(tmp_path / "runs.jsonl", run)
    page = write_report([tmp_path / "runs.jsonl"], tmp_path).read_text()
    assert "| 4 | 1 | 0 to 2 | 1 |" in page and "11 (3 runs)" in page and "| 4 | 11 (8.52 to 13.5) |" in page
    append_record(tmp_path / "lost.jsonl", runs_of(record, 1, diverged=True)[0])
    page = write_report([tmp_path / "lost.jsonl"], tmp_path / "no figure").read_text()
    assert "All of these runs diverged." in page and "| diverged |" in page
    assert [path.name for path in (tmp_path / "no figure").iterdir()] == ["report.md"]


def test_runs_that_failed_are_listed_by_their_last_try(written):
    record, cell = load_records(written / "runs")[0], Cell("digits", "two_conv", "spinal", 7, TrainConfig())
    assert "failed" not in write_report([written / "runs"], written / "report").read_text()
    failures = Failures(written / "runs")
    for key, reason in (("lost", "no memory"), ("lost", "the disk |\nis full"), (record.key, "stopped")):
        failures.add(key, cell if key == "lost" else replace(cell, seed=record.seed), reason)
    page = write_report([written / "runs" / "digits.jsonl"], written / "report").read_text()
    section = page[page.index("## Runs that failed") :].split("\n\n")[1].splitlines()
    assert len(section) == 4 and "no memory" not in page
    assert section[2].startswith(f"| {cell.describe()} | the disk \\| is full |") and section[2].endswith("| no |")
    assert section[3].endswith("| yes |")


def test_a_search_is_tables_with_the_lowest_marked(record, tmp_path):
    for run in search_of(record, LOSSES):
        append_record(tmp_path / "runs.jsonl", run)
    page = write_report([tmp_path / "runs.jsonl"], tmp_path / "report").read_text()
    assert "spinal: learning rate | dropout 0 | dropout 0.5" in page and "inside the grid" in page
    assert "| 0.003 | **0.0000** | 0.5000 |" in page and "lowest: spinal 0.0000 at 0.003, dropout 0" in page


def test_losses_of_a_search_are_those_of_places_whose_seeds_are_all_there(record):
    whole = search_of(record, LOSSES)
    assert search_losses(*group_runs(whole)) == {"spinal": LOSSES}
    assert len(search_losses(*group_runs(whole[1:]))["spinal"]) == len(LOSSES) - 1


def test_runs_of_the_search_do_not_hide_those_of_the_study(record, tmp_path):
    """They have one recipe but for what a search varies; the study's have curves, and the search its own grid."""
    search = [run for run in search_of(record, LOSSES) if run.seed == 1000]
    others = [dataclasses.replace(record, seed=seed, key=f"{seed:064x}", recipe=search[0].recipe) for seed in range(3)]
    found = {section.title: section for section in group_runs([*search, *others])}
    (title, study), (named, tuned) = sorted(found.items())
    assert named == f"{title}, search" and not study.searched and len(study.records) == 3
    assert tuned.searched and search_losses(tuned)["spinal"].keys() == LOSSES.keys()
    own = [dataclasses.replace(run, seed=run.seed - 1000) for run in search]
    assert not any(section.searched for section in group_runs(own))


def test_each_dropout_rate_of_a_search_is_a_line_and_a_ring_marks_the_lowest():
    picture = draw_search("a search", {"spinal": LOSSES})
    assert_drawn_with_words(picture)
    plain, dropped, ring = drawn(picture).lines
    assert (plain.get_linestyle(), dropped.get_linestyle()) == ("-", "--")
    assert {line.get_color() for line in (plain, dropped)} == {LIGHT.spinal}
    assert list(ring.get_xdata()) == [0.003]
    assert draw_search("a search that diverged", {"spinal": dict.fromkeys(LOSSES, float("inf"))}) is None


def test_the_projects_own_records_give_a_report(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "draw_curves", lambda *args: None)
    page = write_report(out=tmp_path).read_text()
    count = len(own_records())
    assert page.startswith(f"# {count:,} runs") and "validation MSE" in page


def test_exploratory_pairs_are_one_table_by_validation_error_unless_asked(record, tmp_path, monkeypatch):
    searches = ended_search(record, "mnist", tier="F")
    opened = complete(
        record, [comparison("C NIST, tuned, spinal against mlp_matched")], 0.0
    )  # the cell on these images
    runs = []
    for cell in list_cells("study", "F", searches, ["mnist"]):
        error = 0.1 - 0.02 * (cell.head == "spinal")
        run = run_of(record, cell, error - 0.008 * (cell.dataset.endswith("100") and cell.head == "spinal"))
        runs.append(replace(run, curve=[*run.curve[:-1], {**run.last, "val_error": 0.5 * error}]))
        append_record(tmp_path / "runs.jsonl", runs[-1])
    own_results(monkeypatch, tmp_path, tuning=searches, study=[*opened, *runs])
    monkeypatch.setattr(report, "draw_curves", lambda *args: None)
    page = write_report([tmp_path / "runs.jsonl"], tmp_path / "report").read_text()
    pair = "| F, primary: mnist+trained:two_conv-linear | all | spinal |"
    assert "## Pairs without a verdict" in page and "points of validation error" in page
    assert f"{pair} linear | 8 of 8 bodies | 1 (1 to 1) |" in page
    page = write_report([tmp_path / "runs.jsonl"], tmp_path / "report", read_test=True).read_text()
    mean, low, high = mean_interval([2.8] + [2.0] * 7)
    assert f"{pair} linear | 8 of 8 bodies | {mean:.3g} ({low:.3g} to {high:.3g}) |" in page


def test_a_folder_that_cannot_be_is_said_before_a_figure_is_drawn(written, monkeypatch):
    monkeypatch.setattr(report, "draw_curves", lambda *args: pytest.fail("drawn in vain"))
    (written / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_report([written / "runs"], written / "file" / "report")


def test_without_a_record_it_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty"):
        write_report([tmp_path / "empty"], tmp_path / "report")
    assert not (tmp_path / "report").exists()
