"""The verdicts on the paper's claims C1 to C21, from records, counts, measurements and documents, by the plan's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..checks import needs
from ..records.files import own_records
from ..records.record import Record
from . import counted, documents, tested
from .claims import ClaimVerdict, Finding, Part, list_claims
from .comparisons import COMPARISONS

if TYPE_CHECKING:
    import pandas as pd


def verdicts(records: Sequence[Record] | None = None, bench: Sequence[dict] | None = None) -> list[ClaimVerdict]:
    """What can be said of each claim, C1 to C21 in their order.

    `records` are those of the study with its searches and power runs, by default all of the project's own; `bench` rows of
    `load_bench()` and `load_bench("costs")`, by default the committed ones. A claim about accuracy has two findings, as
    claimed and because of the spine; one without all its planned runs is untested. Rules: `data/protocol.md`.
    """
    records = own_records() if records is None else records
    costs = counted.replaced_heads()
    found: dict[str, Sequence[Finding]] = {
        "C1": [counted.fewer_weights(costs)],
        "C2": counted.computations(
            costs, [*counted.measured("cpu"), *counted.measured("costs")] if bench is None else bench
        ),
        "C5": [counted.universal()],
        "C6": [counted.convertible()],
        "C7": [counted.any_size()],
        **tested.findings(records),
    }
    claims = {claim.id: claim for claim in list_claims()}
    found |= {name: documents.state_of_the_art(claims[name], records=records) for name in documents.SETS}
    found["C21"] = [documents.biology()]
    return [ClaimVerdict(claim, tuple(found[name])) for name, claim in claims.items()]


def comparison_verdicts(records: Sequence[Record] | None = None) -> list[Part]:
    """Of every comparison of the plan its verdict and what stands beside it, those that decide no claim, too.

    `records` as in `verdicts`.
    """
    judge = tested.judge_of(own_records() if records is None else records)
    return [judge.part(comparison) for comparison in COMPARISONS]


def claims_table(found: Sequence[ClaimVerdict] | None = None) -> pd.DataFrame:
    """One row a claim: id, claim, kind, state, evidence, what would overturn it, its sources and the commands behind it.

    `found` are what `verdicts` gave, by default from the project's own records.
    """
    with needs("book"):
        import pandas as pd

    rows = []
    for verdict in verdicts() if found is None else found:
        claim, findings = verdict.claim, verdict.findings
        row = {"id": claim.id, "claim": claim.text, "kind": claim.kind, "state": verdict.verdict}
        row |= {"evidence": verdict.evidence, "overturned_by": _joined(f.overturned_by for f in findings)}
        row |= {"sources": _joined(source for f in findings for source in f.sources)}
        rows.append(row | {"commands": _joined(f.command for f in findings)})
    return pd.DataFrame(rows)


def _joined(texts) -> str:
    return "; ".join(dict.fromkeys(texts))
