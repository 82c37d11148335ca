from spinalnet_lib import append_record
from spinalnet_lib.cli.main import main


def test_a_report_is_written_and_its_place_is_said(record, tmp_path, capsys):
    append_record(tmp_path / "runs.jsonl", record)
    assert main(["report", str(tmp_path / "runs.jsonl"), "--out", str(tmp_path / "page"), "--read-test"]) == 0
    assert str(tmp_path / "page") in capsys.readouterr().out
    assert "test accuracy" in (tmp_path / "page" / "report.md").read_text()
