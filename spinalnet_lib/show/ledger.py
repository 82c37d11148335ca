"""The ledger of claims for people to read: lines of a terminal, a table of the book, the list in README.md, and JSON."""

from __future__ import annotations

import html
import json
import math
import os
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ..files import write_whole
from ..study.claims import ClaimVerdict, Finding, Part
from ..study.tested import describe

_BEGIN, _END = "<!-- written by `spinalnet verdicts --readme README.md` -->", "<!-- end -->"


def verdict_line(verdict: ClaimVerdict) -> str:
    """The id, its verdicts, what changes one of them, the claim, and the command of what is untested: one line."""
    line = f"{verdict.id:4} {_told(verdict)}. {verdict.claim.text}"
    missing = dict.fromkeys(_command(finding) for finding in verdict.findings if finding.state == "untested")
    return f"{line}. To test: {'; '.join(missing)}" if missing else line


def _command(finding: Finding) -> str:
    minutes = "" if finding.minutes is None else f" (about {finding.minutes:,.0f} minutes)"
    return f"`{finding.command}`{minutes}"


def _told(verdict: ClaimVerdict) -> str:
    texts = []
    for finding in verdict.findings:
        text = f"{finding.reading}: {finding.state}" if finding.reading else finding.state
        text += _needed(finding) + _decided(finding)
        if changes := _changes(finding):
            text += f" ({'; '.join(changes)})"
        texts.append(text)
    return "; ".join(texts)


def _decided(finding: Finding) -> str:
    """Of an untested finding the verdicts on those of its comparisons that are there."""
    names = Counter(part.verdict.words for part in finding.parts if part.verdict.name != "untested")
    if finding.state != "untested" or not names:
        return ""
    return f" (of its {len(finding.parts)} comparisons {', '.join(f'{n} × {name}' for name, n in names.items())})"


def _changes(finding: Finding) -> list[str]:
    """First what changes the state of the claim, then what changes a comparison in it only."""
    texts = [f"{state} with: {', '.join(readings)}" for state, readings in finding.overturned.items()]
    return texts + [f"a comparison has another verdict with: {', '.join(finding.changed)}"] * bool(finding.changed)


def _needed(finding: Finding) -> str:
    """Seeds that would decide what is open; another state is decided whatever one comparison in it needs."""
    count = finding.seeds_needed
    if count is None or finding.state != "open":
        return ""
    return f" (seeds needed: {'no number will do' if math.isinf(count) else f'{count:,.0f}'})"


def comparison_line(part: Part) -> str:
    """Its verdict, its figures, the sign-flip p, what the arm costs, and the readings under which the verdict has another
    name or leaning: one line.
    """
    line = describe(part)
    if part.beside:
        line += f"; sign-flip p {part.beside['sign_flip_p']:.2g}{_costs(part.beside['sets'])}"
    for what, readings in (("another verdict", part.changed), ("another leaning", part.leans_otherwise)):
        line += f"; {what} with: {', '.join(readings)}" if readings else ""
    return line


def _costs(sets: dict[str, dict]) -> str:
    """The arm's cost over the reference's, a mean over the sets, and the arms whose rate is at the edge of its grid or is not
    the one with the lowest error.
    """
    ratios: dict[str, list[float]] = {}
    for of_set in sets.values():
        ours, theirs = list(of_set["cost"].values())[:2]
        for what, name in (("weights", "weights"), ("multiply-adds", "macs"), ("training time", "seconds")):
            ratios.setdefault(what, []).append(ours[name] / theirs[name])
        for what, of_parts in of_set["cost"].get("latency", {}).items():
            ratios.setdefault(what.replace(",", " at"), []).append(of_parts["head"])
    told = ", ".join(f"{what}: {statistics.fmean(values):.2f}" for what, values in ratios.items())

    def arms(what: str) -> list[str]:
        return [f"{arm} on {name}" for name, row in sets.items() for arm, its in row["settings"].items() if its[what]]

    edges, by_error = arms("at_edge"), arms("other_by_error")
    searched = any(row["settings"] for row in sets.values())
    texts = [f"head's cost over the reference's: {told}"] * bool(told)
    texts += [f"at the grid's edge: {', '.join(edges)}"] * bool(edges)
    texts += [f"validation error would choose other settings for: {', '.join(by_error) or 'none'}"] * searched
    return "".join(f"; {text}" for text in texts)


def comparisons_json(parts: Sequence[Part]) -> str:
    """All that `comparison_verdicts` gave, as a JSON array; an infinite number is the text "infinite"."""
    rows = [asdict(part) | {"changed_by": part.changed, "leaning_changed_by": part.leans_otherwise} for part in parts]
    return json.dumps(_finite(rows), ensure_ascii=False, indent=1)


def verdicts_json(verdicts: Sequence[ClaimVerdict]) -> str:
    """All that the verdicts hold, as a JSON array; an infinite number is the text "infinite"."""
    rows = []
    for verdict in verdicts:
        findings = [
            {
                **asdict(finding),
                "seeds_needed": finding.seeds_needed,
                "overturned": finding.overturned,
                "changed_by": finding.changed,
            }
            for finding in verdict.findings
        ]
        rows.append({**asdict(verdict.claim), "verdict": verdict.verdict, "findings": findings})
    return json.dumps(_finite(rows), ensure_ascii=False, indent=1)


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return "infinite" if isinstance(value, float) and math.isinf(value) else value


def ledger_html(verdicts: Sequence[ClaimVerdict]) -> str:
    """The ledger as a table: the claim, its verdicts, and folded what they rest on and how they are made again.

    `widgets/folds.js` opens the row that a link leads to; without it the row is found and opened by hand.
    """
    rows = "".join(
        f'<tr id="claim-{verdict.id.lower()}"><th scope="row">{verdict.id} {html.escape(verdict.claim.text)}</th>'
        f"<td>{'<br/>'.join(map(_state, verdict.findings))}{_details(verdict)}</td></tr>"
        for verdict in verdicts
    )
    head = '<thead><tr><th scope="col">claim</th><th scope="col">verdict, and what it rests on</th></tr></thead>'
    return f'<table class="dataframe spinal-ledger">{head}<tbody>{rows}</tbody></table>'


def _state(finding: Finding) -> str:
    return f"{_reading(finding)}<strong>{html.escape(finding.state)}</strong>{_needed(finding)}"


def _reading(finding: Finding) -> str:
    return f"{html.escape(finding.reading)}: " if finding.reading else ""


def _details(verdict: ClaimVerdict) -> str:
    """What a reader opens: the evidence of each reading, what changes its verdict, and how it is made again."""
    texts = [f"<em>{_reading(finding)}</em>{html.escape(finding.evidence)}" for finding in verdict.findings]
    texts += [html.escape(verdict.claim.remark)] if verdict.claim.remark else []
    texts += [
        f"<em>{_reading(finding)}</em>{html.escape(changes)}"
        for finding in verdict.findings
        for changes in _changes(finding)
    ]
    texts += [
        f"<em>{_reading(finding)}</em>overturned by {html.escape(finding.overturned_by)}; "
        f"from {html.escape(', '.join(finding.sources))}; again with <code>{html.escape(finding.command)}</code>"
        + (f", about {finding.minutes:,.0f} minutes" if finding.minutes else "")
        for finding in verdict.findings
    ]
    inner = "".join(f"<p>{text}.</p>" for text in dict.fromkeys(texts))
    return f"<details><summary>Evidence of {verdict.id}, and how to make it again</summary>{inner}</details>"


def ledger_list(verdicts: Sequence[ClaimVerdict]) -> str:
    """The ledger as a Markdown list, a line for the claims that have the same verdict."""
    alike: dict[str, list[str]] = {}
    for verdict in verdicts:
        states = set(verdict.states.values())
        told = states.pop() if len(states) == 1 else verdict.verdict
        alike.setdefault(told, []).append(f"{verdict.id} {verdict.claim.short}")
    return "\n".join(f"- **{told}**: {'; '.join(claims)}" for told, claims in alike.items())


def read_page(path: str | os.PathLike) -> tuple[str, str]:
    """What stands before and after the list in a page; ValueError where a marker is missing."""
    before, begin, rest = Path(path).read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"no place for the ledger in {path}: put the lines {_BEGIN!r} and {_END!r} into it")
    return before, after


def page_with_ledger(path: str | os.PathLike, verdicts: Sequence[ClaimVerdict], answers: Mapping[str, str]) -> str:
    """The page at `path` with the list between its markers written anew; all else in it stays as it is.

    `answers` are what the study found, by question, as `study_answers` gives them; they stand before the claims.
    """
    before, after = read_page(path)
    first = "".join(f"- **{asked}** {found}\n" for asked, found in answers.items())
    return f"{before}{_BEGIN}\n{first}{ledger_list(verdicts)}\n{_END}{after}"


def write_page(path: str | os.PathLike, verdicts: Sequence[ClaimVerdict], answers: Mapping[str, str]) -> None:
    """Write that page in the place of the old one."""
    write_whole(path, page_with_ledger(path, verdicts, answers))
