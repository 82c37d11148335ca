"""The command prints a line a claim, or all of it as JSON, or writes the list into a page."""

import json

from spinalnet_lib import append_record, verdicts
from spinalnet_lib.cli.main import main
from spinalnet_lib.show.ledger import ledger_list
from spinalnet_lib.study.comparisons import COMPARISONS


def test_lines_and_json_say_the_same_of_each_claim(capsys):
    assert main(["verdicts", "--json"]) == 0
    claims = json.loads(capsys.readouterr().out)
    assert [claim["id"] for claim in claims] == [f"C{i}" for i in range(1, 22)]
    assert main(["verdicts"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line, claim in zip(lines, claims, strict=True):
        assert line.split()[0] == claim["id"] and claim["text"] in line
        for finding in claim["findings"]:
            told = f"{finding['reading']}: {finding['state']}" if finding["reading"] else finding["state"]
            assert told in line and (finding["state"] != "untested" or finding["command"] in line)


def test_each_comparison_of_the_plan_is_a_line(capsys):
    assert main(["verdicts", "--comparisons"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main(["verdicts", "--comparisons", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)
    for each, line, part in zip(COMPARISONS, lines, parts, strict=True):
        assert line.startswith(f"{each.name}: {part['verdict']['name']}") and part["name"] == each.name
    assert main(["verdicts", "--comparisons", "--readme", "README.md"]) == 2


def test_records_of_ones_own_are_read_and_a_page_is_written(record, tmp_path, capsys):
    runs, page = tmp_path / "runs.jsonl", tmp_path / "page.md"
    append_record(runs, record)
    page.write_text("a\n<!-- written by `spinalnet verdicts --readme README.md` -->\n<!-- end -->\n")
    assert main(["verdicts", str(runs), "--readme", str(page)]) == 0
    assert ledger_list(verdicts([record])) in page.read_text() and str(page) in capsys.readouterr().out


def test_mistakes_are_one_line(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("no markers\n")
    for argv, says in (
        (["verdicts", "nowhere"], "'nowhere'"),
        (["verdicts", "--readme", str(page)], "no place for the ledger"),
        (["verdicts", "--readme", str(tmp_path / "none.md")], "none.md"),
    ):
        assert main(argv) == 2
        error = capsys.readouterr().err
        assert says in error and error.count("\n") == 1
    assert page.read_text() == "no markers\n"
