"""The answer so far in a few sentences, written from counts, records and published figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..data.regression import NOISE_FLOOR, TARGETS
from ..heads.counting import count_macs, head_cost
from ..models.bodies import create_backbone
from ..models.sizes import paper_head
from ..records.record import Record
from ..study.claims import ClaimVerdict
from ..study.reading import paper_errors
from ..study.statistics import mean_interval
from ..words import signed
from .scoreboard import sign_of

if TYPE_CHECKING:
    import pandas as pd

_BEST = "vgg5"  # the body of the paper's best numbers


_RIVALS = {
    ("mlp_matched", "tuned"): "a dense head of its own size",
    ("mlp", "tuned"): "the larger dense head that it replaces",
    ("mlp", "published"): "that head as published, with dropout in it alone",
}


def answer_so_far(first_training: Sequence[Record], verdicts: Sequence[ClaimVerdict], comparisons: pd.DataFrame) -> str:
    """Markdown: what the study found on images, first runs showed, was counted, and the paper's regressions measure.

    `first_training` are the runs of `load_records("first_training")`; those on all of MNIST are read. `comparisons` is what
    `comparisons_table` gave.
    """
    signs = [sign_of(found) for found in verdicts]
    recorded, waiting = signs.count("documents"), signs.count("undecided")
    parts = {
        "Fewer errors?": _study(comparisons),
        "Spine or dropout?": _dropout(first_training),
        "Fewer weights, less work?": _counted(),
        "Better regressions?": _regressions(),
        "All claims:": f"Of the paper's {len(verdicts)} claims {len(signs) - recorded - waiting} can be judged today, "
        f"{recorded} are records that only documents speak of, and the others wait for runs or data.",
    }
    return "**The answer so far.**\n\n" + "\n".join(f"- **{asked}** {said}" for asked, said in parts.items() if said)


def _study(comparisons: pd.DataFrame) -> str:
    """A sentence on the paper's small CNN; empty while nothing is judged."""
    found = study_in_words(comparisons)
    about = "With the paper's small CNN the spinal head gets a verdict for each family of image sets"
    return f"{about}: {found}. *Equivalent* heads are less than one error in ten apart." if found else ""


def study_in_words(comparisons: pd.DataFrame) -> str:
    """Tier C's verdicts on the spinal head in Markdown, by rival, as far as all its families are judged.

    `comparisons` are rows of `comparisons_table`.
    """
    said = []
    for (reference, recipe), words in _RIVALS.items():
        of_rival = (comparisons["reference"] == reference) & (comparisons["recipe"] == recipe)
        names = Counter(comparisons.loc[of_rival & (comparisons["tier"] == "C"), "verdict"])
        if names and "untested" not in names:
            said.append(f"against {words} {', '.join(f'{n} × *{name}*' for name, n in names.items())}")
    return "; ".join(said)


def _counted() -> str:
    body = create_backbone(_BEST)
    dense, spinal = (head_cost(head, body.num_features, 10, **paper_head(_BEST, head)) for head in ("mlp", "spinal"))
    whole = count_macs(body, (1, body.image_size, body.image_size)) + dense.macs
    return (
        f"In the paper's VGG-5 a spinal head has {1 - spinal.weights / dense.weights:.0%} fewer weights than the head it "
        f"replaces, and the network {(dense.macs - spinal.macs) / whole:.2%} fewer multiply-adds."
    )


def _dropout(records: Sequence[Record]) -> str:
    errors = {(r.arm, r.seed): 100 * r.curve[-1]["val_error"] for r in records if r.dataset == "mnist"}

    def lead(dense: str) -> tuple[float, float, float]:
        return mean_interval(
            [errors[dense, seed] - e for (arm, seed), e in errors.items() if arm == "spinal, no dropout"]
        )

    published, equal = lead("mlp, dropout 0.5"), lead("mlp, no dropout")
    turned = (published[0] > 0) != (equal[0] > 0)
    return (
        f"In our first runs of the paper's small CNN on MNIST the spinal head's validation error is {_points(published)} as "
        f"published, where only the dense head has dropout, and {_points(equal)} when neither has"
        f"{': the lead came with the dropout of the dense head, not with the spine.' if turned else '.'}"
    )


def _points(lead: tuple[float, float, float]) -> str:
    mean, low, high = lead
    ends = " to ".join(signed(end, ".2f") for end in sorted((low, high) if mean > 0 else (-low, -high)))
    return f"**{abs(mean):.2f} points {'lower' if mean > 0 else 'higher'}** (95 % interval {ends})"


def _regressions() -> str:
    errors = [error for target in TARGETS for error in paper_errors(target)]
    return (
        f"Of the paper's {len(errors)} regression errors after the longer training {sum(error < NOISE_FLOOR for error in errors)} are "
        "smaller than the variance of the noise in the data, which no expected error on new points can be."
    )
