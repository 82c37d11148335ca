from spinalnet_lib import append_record
from spinalnet_lib.cli.main import main


def test_a_report_is_written_and_its_place_is_said(record, tmp_path, capsys):
    append_record(tmp_path / "runs.jsonl", record)
    command = ["report", str(tmp_path / "runs.jsonl"), "--out", str(tmp_path / "page")]
    assert main(command) == 0
    page = (tmp_path / "page" / "report.md").read_text()
    assert str(tmp_path / "page") in capsys.readouterr().out and "test accuracy" not in page
    assert main([*command, "--read-test"]) == 0
    assert "test accuracy" in (tmp_path / "page" / "report.md").read_text()


def test_without_records_it_is_one_line(tmp_path, capsys):
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "page")]) == 2
    assert str(tmp_path) in capsys.readouterr().err and not (tmp_path / "page").exists()
