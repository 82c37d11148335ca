"""The ledger in its four forms: a line a claim, a table, the list in README.md, JSON."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from spinalnet_lib import comparisons_table, ledger_html, verdicts
from spinalnet_lib.show.answer import study_answers
from spinalnet_lib.show.ledger import (
    comparison_line,
    ledger_list,
    page_with_ledger,
    verdict_line,
    verdicts_json,
    write_page,
)
from spinalnet_lib.study.claims import Claim, ClaimVerdict, Finding, Part
from spinalnet_lib.study.verdict import Verdict

OPEN = Verdict("open", 10, 2.0, 0.01, (-0.1, 0.1), (-0.1, 0.1), seeds_needed=math.inf)
SHAKY = Part("A against <B>", OPEN, 0.01, {"δ of 20 %": "equivalent", "unpaired": "open"}, ("ab12",), 10)


def verdict(number, state, other=None, **more):
    claim = Claim(f"C{number}", f"short {number}", f"Claim <{number}>", "accuracy", "")
    findings = [Finding(state, "evidence & more", "other runs", "spinalnet sweep", ("data/results",), "first", **more)]
    findings += [replace(findings[0], state=other, reading="second", parts=())] if other else []
    return ClaimVerdict(claim, tuple(findings))


SHOWN = [
    verdict(1, "holds", "untested", minutes=12.3),
    verdict(2, "open", parts=(SHAKY,)),
    verdict(3, "holds", "untested"),
]


@pytest.fixture(scope="module")
def today():
    return verdicts()


def test_a_line_begins_with_the_id_and_names_verdicts_and_the_missing_command():
    line = verdict_line(SHOWN[0])
    assert re.match(r"C1 +first: holds; second: untested", line) and "\n" not in line
    assert line.endswith("To test: `spinalnet sweep` (about 12 minutes)")


def test_a_comparisons_line_has_its_costs_and_says_what_is_at_the_edge_of_its_grid():
    costs = {"spinal": {"weights": 30, "macs": 40, "seconds": 8.0}, "mlp": {"weights": 20, "macs": 20, "seconds": 4.0}}
    costs["latency"] = {"latency, batch 1": {"head": 3.5, "net": 1.1}}
    tried = {"settings_tried": 14, "other_by_error": False}
    chosen = {"spinal": tried | {"at_edge": True}, "mlp": tried | {"at_edge": False}}
    sets = {"mnist": {"cost": costs, "settings": chosen}, "letters": {"cost": costs, "settings": {}}}
    line = comparison_line(replace(SHAKY, beside={"sign_flip_p": 0.25, "sets": sets}))
    assert "weights: 1.50, multiply-adds: 2.00, training time: 2.00, latency at batch 1: 3.50; at the grid" in line
    assert "edge: spinal on mnist;" in line and "mlp on" not in line and "letters" not in line
    assert "validation error would choose other settings for: none" in line
    chosen["mlp"]["other_by_error"] = True
    line = comparison_line(replace(SHAKY, beside={"sign_flip_p": 0.25, "sets": sets}))
    assert "other settings for: mlp on mnist" in line
    sets = {"letters": sets["letters"]}  # as published nothing is chosen
    assert "would choose" not in comparison_line(replace(SHAKY, beside={"sign_flip_p": 0.25, "sets": sets}))


def test_a_line_names_sets_that_we_split_ourselves():
    assert "own split: kmnist_10k)" in comparison_line(replace(SHAKY, datasets=("mnist", "kmnist_10k")))
    assert "own split" not in comparison_line(replace(SHAKY, datasets=("mnist",)))


def test_an_untested_claim_tells_which_of_its_comparisons_are_decided():
    open_one = replace(SHAKY, name="other", verdict=Verdict("untested", 3, 0.5))
    line = verdict_line(verdict(4, "untested", parts=(SHAKY, open_one)))
    assert f"(of its 2 comparisons 1 × {SHAKY.verdict.words})" in line
    assert "of its" not in verdict_line(verdict(4, "untested", parts=(open_one,)))
    assert "of its" not in verdict_line(verdict(4, "open", parts=(SHAKY,)))


def test_what_changes_a_claim_stands_before_what_changes_a_comparison_only():
    told = verdict(4, "not supported", parts=(SHAKY,), sensitivity={"without a": "open", "unpaired": "not supported"})
    for text in (verdict_line(told), ledger_html([told])):
        assert text.index("open with: without a") < text.index("a comparison has another verdict with: δ of 20 %")
        assert "unpaired" not in text
    (finding,) = json.loads(verdicts_json([told]))[0]["findings"]
    assert finding["overturned"] == {"open": ["without a"]} and finding["changed_by"] == ["δ of 20 %"]


def test_a_line_is_marked_where_another_reading_changes_a_name_and_tells_the_seeds_that_are_needed():
    line = verdict_line(SHOWN[1])
    assert "no number will do" in line and "δ of 20 %" in line and "unpaired" not in line and "To test" not in line


def test_seeds_are_asked_for_what_is_open_only():
    for state, asked in (("open", True), ("not supported", False)):
        told = verdict(4, state, parts=(SHAKY,))
        assert ("no number will do" in verdict_line(told)) == asked == ("no number will do" in ledger_html([told]))


def test_a_comparison_is_a_line_with_what_would_change_it():
    line = comparison_line(replace(SHAKY, beside={"sign_flip_p": 0.0321, "sets": {}}))
    assert line.startswith(f"{SHAKY.name}: open") and "p 0.032" in line and "no number of seeds" in line
    assert "δ of 20 %" in line and "unpaired" not in line


def test_json_holds_everything():
    first, second, _ = json.loads(verdicts_json(SHOWN))
    assert first["id"] == "C1" and [f["state"] for f in first["findings"]] == ["holds", "untested"]
    (finding,) = second["findings"]
    assert finding["seeds_needed"] == finding["parts"][0]["verdict"]["seeds_needed"] == "infinite"
    assert finding["parts"][0]["sensitivity"] == SHAKY.sensitivity and finding["parts"][0]["keys"] == ["ab12"]
    assert finding["changed_by"] == ["δ of 20 %"] and finding["command"] and finding["overturned_by"]


class Cells(HTMLParser):
    """Texts of the rows of a table, cell by cell, and tags that were not closed."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.rows += [[]] if tag == "tr" else []
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        """A break has no end."""

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.rows[-1][-1] += data


def test_the_table_has_a_row_a_claim_and_is_sound_html():
    cells = Cells(ledger_html(SHOWN))
    rows = cells.rows[1:]
    assert not cells.open and len(rows) == len(SHOWN) and {len(row) for row in cells.rows} == {2}
    assert rows[0][0] == "C1 Claim <1>" and rows[0][1].startswith("first: holdssecond: untested")
    assert all(text in rows[0][1] for text in ("evidence & more", "spinalnet sweep", "other runs"))


def test_the_list_puts_claims_with_one_verdict_into_one_line():
    lines = ledger_list(SHOWN).splitlines()
    assert lines == ["- **first: holds; second: untested**: C1 short 1; C3 short 3", "- **open**: C2 short 2"]


def test_a_page_keeps_all_but_what_stands_between_its_markers(tmp_path, root):
    page, readme = tmp_path / "page.md", (root / "README.md").read_text()
    page.write_text(readme)
    write_page(page, SHOWN, {})
    written = page.read_text()
    before, after = readme.partition("<!--")[0], readme.partition("<!-- end -->")[2]
    assert written.startswith(before) and written.endswith(after) and after and ledger_list(SHOWN) in written
    assert page_with_ledger(page, SHOWN, {}) == written
    page.write_text("no markers")
    with pytest.raises(ValueError, match="verdicts --readme"):
        write_page(page, SHOWN, {})


def test_the_readme_says_what_the_records_say(today, root):
    """`spinalnet verdicts --readme README.md` writes it anew."""
    assert (root / "README.md").read_text() == page_with_ledger(
        root / "README.md", today, study_answers(comparisons_table())
    )


def test_the_ledger_of_the_book_is_made_when_it_is_built(root):
    notebook = json.loads((root / "book" / "introduction.ipynb").read_bytes())
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert any("ledger = verdicts()" in cell for cell in code) and any("ledger_html(ledger)" in cell for cell in code)


def test_todays_table_shows_every_state_of_every_claim(today):
    rows = Cells(ledger_html(today)).rows[1:]
    assert [row[0].split()[0] for row in rows] == [verdict.id for verdict in today]
    for row, of_claim in zip(rows, today, strict=True):
        for reading, state in of_claim.states.items():
            assert (f"{reading}: {state}" if reading else state) in row[1]
        assert all(finding.evidence in row[1] for finding in of_claim.findings) and of_claim.claim.remark in row[1]
