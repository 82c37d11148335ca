"""The ledger of the paper's claims: what is claimed, and the state of the evidence so far."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..checks import needs
from ..heads.counting import head_cost
from ..heads.widths import largest_cheaper_width
from ..models.bodies import create_backbone
from ..models.sizes import paper_head
from ..paths import data_path

if TYPE_CHECKING:
    import pandas as pd


def claims_table(bench: Sequence[dict] = ()) -> pd.DataFrame:
    """One row a claim: id, claim, kind, state, evidence. What can be counted or was measured is written by code.

    `bench` are the rows of `load_bench()`; without them, what was timed is left open.
    """
    with needs("book"):
        import pandas as pd

    table = pd.read_csv(data_path("paper", "claims.csv"), keep_default_na=False)
    for claim, evidence in (("C1", _weights()), ("C2", _computations(bench))):
        table.loc[table["id"] == claim, "evidence"] = evidence
    return table


def _saving(backbone: str, name: str) -> str:
    dense, spinal = _paper_weights(backbone, "mlp"), _paper_weights(backbone, "spinal")
    return f"{name}: {spinal:,} weights instead of {dense:,} ({spinal / dense - 1:+.1%})"


def _weights() -> str:
    features = create_backbone("vgg5").num_features
    spinal, linear = _paper_weights("vgg5", "spinal"), head_cost("linear", features, 10).weights
    width = largest_cheaper_width(linear, features, 10)
    return (
        f"Counted. {_saving('two_conv', '2-conv CNN')}; {_saving('vgg5', 'VGG-5')}; but {spinal / linear:.0f} times those of "
        f"one Linear on VGG-5's features, which it undercuts there up to layer width {width} only"
    )


READINGS = {"less": "less time", "more": "more time", "unclear": "no clear difference"}


def reading(row: dict) -> str:
    """What a row of `load_bench` says, one of `READINGS`: clear only where the whole range lies on one side of one."""
    return "less" if row["high"] < 1 else "more" if row["low"] > 1 else "unclear"


def _computations(bench: Sequence[dict]) -> str:
    """Rows of VGG-5's heads alone, with the batch of the paper: plain, with the same masks, fused, compiled."""
    plain = {"name": "head training step, batch 100", "peer": "dense head of VGG-5"}
    rows = [row for row in bench if "dense head" in row["peer"] and re.search(r"batch 100\b", row["name"])]
    timed = any(row.items() >= plain.items() for row in rows)
    times = [] if timed else [f"{plain['name']}, against {plain['peer']}: not timed yet"]
    times += [
        f"{row['name']}, against {row['peer']}: {READINGS[reading(row)]}, "
        f"{row['ratio']:.2f} times ({row['low']:.2f} to {row['high']:.2f})"
        for row in rows
    ]
    return f"Counted: multiply-adds equal weights, so as C1. Measured on a CPU: {'; '.join(times)}"


def _paper_weights(backbone: str, head: str) -> int:
    return head_cost(head, create_backbone(backbone).num_features, 10, **paper_head(backbone, head)).weights
