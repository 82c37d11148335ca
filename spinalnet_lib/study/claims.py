"""The ledger of the paper's claims: what is claimed, and the state of the evidence so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    import pandas as pd

    table = pd.read_csv(data_path("paper", "claims.csv"), keep_default_na=False)
    for claim, evidence in (("C1", _weights()), ("C2", _computations(bench)), ("C7", _sizes())):
        table.loc[table["id"] == claim, "evidence"] = evidence
    return table


def _weights() -> str:
    return f"Counted. {_saving('two_conv', '2-conv CNN')}; {_saving('vgg5', 'VGG-5')}; but {_against_linear()}"


def _saving(backbone: str, name: str) -> str:
    dense, spinal = _paper_weights(backbone, "mlp"), _paper_weights(backbone, "spinal")
    return f"{name}: {spinal:,} weights instead of {dense:,} ({spinal / dense - 1:+.1%})"


def _against_linear() -> str:
    features = create_backbone("vgg5").num_features
    spinal, linear = _paper_weights("vgg5", "spinal"), head_cost("linear", features, 10).weights
    width = largest_cheaper_width(linear, features, 10)
    return f"{spinal / linear:.0f} times those of one Linear on VGG-5's features, which it undercuts there up to layer width {width} only"


def _computations(bench: Sequence[dict]) -> str:
    rows = {row["peer"]: row for row in bench if row["name"] == "head training step, batch 100"}
    times = [
        f"{row['ratio']:.2f} times that of the {peer} ({row['low']:.2f} to {row['high']:.2f})"
        for peer, row in rows.items()
    ]
    time = (
        f"the time of a training step of VGG-5's spinal head, batch 100, on a CPU and without the body, is {' and '.join(times)}"
        if times
        else "not timed yet"
    )
    return f"Counted: multiply-adds equal weights, so as C1. Measured: {time}"


def _sizes() -> str:
    return (
        "True here for every size with at least as many layers and at least as many features as input splits (a property test); "
        "the authors' code loses features or fails where sizes do not divide"
    )


def _paper_weights(backbone: str, head: str) -> int:
    return head_cost(head, create_backbone(backbone).num_features, 10, **paper_head(backbone, head)).weights
