"""Files of records shown, checked and merged by the command."""

import dataclasses

from spinalnet_lib import append_record, load_records
from spinalnet_lib.cli.main import main


def test_records_are_shown_checked_and_merged(record, tmp_path, capsys):
    out, into = tmp_path / "runs.jsonl", tmp_path / "all.jsonl"
    for seed in range(3):
        append_record(out, dataclasses.replace(record, seed=seed, key=f"{seed:064x}"))
    assert main(["records", "show", str(out)]) == 0
    assert capsys.readouterr().out.count("validation error") == 3
    assert main(["records", "check", str(out)]) == 0 and main(["records", "check"]) == 0
    assert "3 records, sound" in capsys.readouterr().out
    assert main(["records", "merge", str(out), "--into", str(into)]) == 0 and len(load_records(into)) == 3
    assert main(["records", "merge", str(out), "--into", str(tmp_path / "all")]) == 2
    assert "no folder that is there" in capsys.readouterr().err and not (tmp_path / "all").exists()
    into.write_text("{broken}\n")
    assert main(["records", "check", str(into)]) == 2
    errors = capsys.readouterr().err
    assert "line 1 is damaged" in errors and "1 problems, 0 sound records" in errors


def test_a_run_that_is_there_twice_is_shown_once_and_one_with_two_results_twice(record, tmp_path, capsys):
    out = tmp_path / "runs.jsonl"
    other = dataclasses.replace(record, curve=[*record.curve[:-1], record.curve[-1] | {"val_error": 0.5}])
    for each in (record, record, other):
        append_record(out, each)
    assert main(["records", "show", str(out)]) == 0
    shown = capsys.readouterr()
    assert shown.out.count(record.key[:10]) == 2 and "1 records are of runs that are there already" in shown.err
