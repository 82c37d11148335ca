"""The paper's claims, numbered as the book numbers them, and the form that a verdict on one has."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field

from ..paths import data_path
from .verdict import Verdict, name_of


@dataclass(frozen=True)
class Claim:
    """What the paper claims; `remark` is what its own documents say of it."""

    id: str
    short: str
    text: str
    kind: str  # counting, theory, accuracy, measurement, documentary or argument
    remark: str


def list_claims() -> list[Claim]:
    """The claims C1 to C21 of `data/paper/claims.csv`, in their order."""
    with data_path("paper", "claims.csv").open(encoding="utf-8", newline="") as file:
        return [
            Claim(row["id"], row["short"], row["claim"], row["kind"], row["remark"]) for row in csv.DictReader(file)
        ]


@dataclass(frozen=True)
class Part:
    """One comparison that a finding rests on: its verdict, and the verdicts under other readings of the same runs."""

    name: str
    verdict: Verdict
    delta: float | None = None
    sensitivity: dict[str, str] = field(default_factory=dict)  # what was changed -> the verdict then, in words
    keys: tuple[str, ...] = ()  # of the records
    planned: int = 0  # pairs of runs; `verdict.units` are there
    beside: dict = field(default_factory=dict)  # what decides nothing: p, pairing, losses (`study.beside`)
    datasets: tuple[str, ...] = ()

    @property
    def readings(self) -> dict[str, str]:
        """What was changed, or counted beside -> the verdict then, in words."""
        population = self.verdict.population_words
        return self.sensitivity | ({"population of test images": population} if population else {})

    @property
    def changed(self) -> list[str]:
        """The readings under which the verdict has another name."""
        return [what for what, words in self.readings.items() if name_of(words) != self.verdict.name]

    @property
    def leans_otherwise(self) -> list[str]:
        """The readings under which an equivalent pair stays so, and leans to another side or to none."""
        others = self.readings.items()
        return [what for what, words in others if name_of(words) == self.verdict.name and words != self.verdict.words]


def other_states(readings: dict[str, str], state: str) -> dict[str, list[str]]:
    """From what was changed and the state then: of each state but this one the readings that lead to it."""
    others: dict[str, list[str]] = {}
    for what, then in readings.items():
        if then != state:
            others.setdefault(then, []).append(what)
    return others


@dataclass(frozen=True)
class Finding:
    """One verdict on a claim: its state, what it rests on, what would overturn it, and how it is made again."""

    state: str
    evidence: str
    overturned_by: str
    command: str
    sources: tuple[str, ...]  # files and folders of the project that hold what was read or counted
    reading: str = ""  # "as claimed" and "because of the spine", or another, where a claim has several
    parts: tuple[Part, ...] = ()
    minutes: float | None = None  # that the command would take, where records or measurements tell
    sensitivity: dict[str, str] = field(default_factory=dict)  # what was changed or left out -> the state then

    @property
    def seeds_needed(self) -> float | None:
        """Of an open finding the most that one of its open comparisons needs; infinite: no number will do."""
        needed = [part.verdict.seeds_needed for part in self.parts if part.verdict.seeds_needed is not None]
        return max(needed, default=None)

    @property
    def overturned(self) -> dict[str, list[str]]:
        """Of each other state the readings under which the finding has it."""
        return other_states(self.sensitivity, self.state)

    @property
    def changed(self) -> list[str]:
        """What changes the name of one of its comparisons' verdicts, and not the finding's state."""
        own = {what for readings in self.overturned.values() for what in readings}
        return sorted({what for part in self.parts for what in part.changed} - own)


@dataclass(frozen=True)
class ClaimVerdict:
    """The verdict on a claim, or its verdicts where it is read in more ways than one."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def id(self) -> str:
        return self.claim.id

    @property
    def states(self) -> dict[str, str]:
        """Of each reading its state."""
        return {finding.reading: finding.state for finding in self.findings}

    @property
    def verdict(self) -> str:
        """The states in words, each with its reading where there are several."""
        return "; ".join(f"{reading}: {state}" if reading else state for reading, state in self.states.items())

    @property
    def evidence(self) -> str:
        """What it rests on, and what the paper's own documents say."""
        texts = [f"{f.reading}: {f.evidence}" if f.reading else f.evidence for f in self.findings]
        remark = [self.claim.remark] if self.claim.remark else []
        return ". ".join([*dict.fromkeys(texts), *remark])
