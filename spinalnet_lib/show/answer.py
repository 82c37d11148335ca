"""The answer so far in a few sentences, written from counts, records and published figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..data.facts import has_own_split
from ..data.regression import NOISE_FLOOR, TARGETS
from ..datasets import split_name
from ..heads.counting import count_macs, head_cost
from ..models.bodies import create_backbone
from ..models.sizes import paper_head
from ..study.claims import ClaimVerdict
from ..study.comparisons import COMPARISONS
from ..study.reading import paper_errors
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
_RIVALS_ON_FEATURES = {
    ("linear", "tuned"): "one linear layer",
    ("mlp_matched", "tuned"): _RIVALS["mlp_matched", "tuned"],
}


def answer_so_far(verdicts: Sequence[ClaimVerdict], comparisons: pd.DataFrame, pairs: pd.DataFrame) -> str:
    """Markdown: what the study found on images, what was counted, and what the paper's regressions measure.

    `comparisons` is what `comparisons_table` gave, and `pairs` what `paired_gains` did.
    """
    signs = [sign_of(found) for found in verdicts]
    recorded, waiting = signs.count("documents"), signs.count("undecided")
    parts = {
        "Fewer errors?": _study(comparisons),
        "On a trained body?": _frozen(comparisons),
        "Spine or dropout?": _dropout(pairs),
        "Which parts matter?": _parts(pairs),
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
    return (
        f"{about}: {found}. *Equivalent*: the interval leaves out differences of one error in ten or more; *matters*: it lies beyond "
        "them; *size open*: the sign is clear, the size is not."
        if found
        else ""
    )


def _frozen(comparisons: pd.DataFrame) -> str:
    """A sentence on frozen features; empty while one of their sets is not judged."""
    found = frozen_in_words(comparisons)
    return (
        f"On features of a pretrained, frozen network the spinal head gets a verdict for each set: {found}."
        if found
        else ""
    )


def study_in_words(comparisons: pd.DataFrame) -> str:
    """Tier C's verdicts on the spinal head in Markdown, by rival, as far as all its families are judged.

    `comparisons` are rows of `comparisons_table`.
    """
    return _in_words(comparisons[comparisons["tier"] == "C"], _RIVALS)


def frozen_in_words(comparisons: pd.DataFrame) -> str:
    """Tier P's verdicts likewise, of heads on features of a pretrained network."""
    return _in_words(comparisons[comparisons["tier"] == "P"], _RIVALS_ON_FEATURES)


def study_answers(comparisons: pd.DataFrame) -> dict[str, str]:
    """Whether a spine helps, by where: what is judged so far."""
    found = {
        f"does a spine help, on images, with the paper's small CNN{_own_splits('C')}?": study_in_words(comparisons),
        f"and on features of a pretrained, frozen network{_own_splits('P')}?": frozen_in_words(comparisons),
    }
    return {asked: said for asked, said in found.items() if said}


def _own_splits(tier: str) -> str:
    names = {split_name(name)[0] for each in COMPARISONS if each.tier == tier for name in each.datasets}
    return f" ({sum(map(has_own_split, names))} of its {len(names)} sets in splits of our own)"


def _in_words(rows: pd.DataFrame, rivals: Mapping[tuple[str, str], str]) -> str:
    said = []
    for (reference, recipe), words in rivals.items():
        of_rival = (rows["reference"] == reference) & (rows["recipe"] == recipe)
        names = Counter(rows.loc[of_rival, "words"])
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


def _dropout(pairs: pd.DataFrame) -> str:
    """Whose lead it is, by the study's two by two of head and dropout; empty while it is incomplete."""
    told = pairs[(pairs["arm"] == "spinal, dropout 0") & pairs["gain"].notna()]
    published, equal = (told[told["reference"] == f"mlp, dropout {rate:g}"] for rate in (0.5, 0.0))
    if not len(published) or len(published) != len(equal):
        return ""
    turned = (published["gain"] > 0).all() and (equal["gain"] <= 0).all()
    return (
        f"The study switched dropout on and off under one recipe, on {len(published)} sets. With dropout in the dense head alone, as "
        f"published, the spinal head has {_points(published)}; with dropout in neither head it has {_points(equal)}"
        f"{'. The lead came with the dropout of the dense head, not with the spine.' if turned else '.'}"
    )


def _parts(pairs: pd.DataFrame) -> str:
    """What is lost without a spine's ways to the logits, and without its chain; empty while these runs are incomplete."""
    of_spine = pairs[pairs["arm"] == "spinal"]
    last, loose = (of_spine[of_spine["reference"] == head] for head in ("spinal_last", "spinal_no_chain"))
    if not len(last) or not len(loose) or last["gain"].isna().any() or loose["gain"].isna().any():
        return ""
    return (
        f"Parts of the spine were taken away on {len(last)} sets, without a verdict. If only the last layer feeds the classes, "
        f"the test error changes by {_change(last)}; without the chain between the layers by {_change(loose)}."
    )


def _change(rows: pd.DataFrame) -> str:
    """Points of error, from the smallest to the largest, and how many of their intervals leave out zero."""
    least, most = signed(rows["gain"].min()), signed(rows["gain"].max())
    clear = int((rows["low"] * rows["high"] > 0).sum())
    many = {0: "no interval leaves", len(rows): "every interval leaves"}.get(
        clear, f"{clear} of {len(rows)} intervals leave"
    )
    return f"**{least} to {most} points** ({many} out zero)"


def _points(rows: pd.DataFrame) -> str:
    """Points of error that are gained, from the smallest to the largest, and how many rows' intervals leave out zero."""
    sign, words = (-1, "more") if rows["gain"].max() <= 0 else (1, "less")
    ends = sorted(sign * rows["gain"])
    least, most = (f"{ends[place]:.2f}".replace("-", "−") for place in (0, -1))
    clear = int((rows["low"] * rows["high"] > 0).sum())
    return f"**{least} to {most} points of test error {words}** (an interval leaves out zero on {clear} of them)"


def _regressions() -> str:
    errors = [error for target in TARGETS for error in paper_errors(target)]
    return (
        f"Of the paper's {len(errors)} regression errors after the longer training {sum(error < NOISE_FLOOR for error in errors)} are "
        "smaller than the variance of the noise in the data, which no expected error on new points can be."
    )
