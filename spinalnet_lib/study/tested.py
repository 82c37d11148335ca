"""Claims about accuracy and gradients (C3, C4, C8, C9, C19, C20): from verdicts on the plan's comparisons to the claims'.

Which comparisons belong to a claim, and how they add up, is the plan's (`data/protocol.md`).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache

from ..data.facts import has_own_split
from ..data.regression import TARGETS
from ..datasets import split_name
from ..records.record import Record
from ..words import signed
from .beside import beside, mean_over_families
from .claim_rules import (
    NETWORKS,
    all_hold,
    convolutional_network,
    decided_networks,
    gradients,
    most_hold,
    most_networks,
)
from .claim_rules import regressions as three_of_four
from .claims import Finding, Part, other_states
from .comparisons import COMPARISONS, Comparison
from .completeness import needed_seeds
from .evidence import Same, evidence_of
from .gains import badness, delta
from .judged import gains, judged
from .narrow_layers import narrowing
from .order import STUDY_ORDER, Step, study_progress
from .sensitivity import sensitivity
from .tiers import PRIMARY, TIERS
from .verdict import UNDECIDED, Verdict, name_of

CLAIMED, SPINE = "as claimed", "because of the spine"
_MATCHED = "mlp_matched"
_WITH_SECONDARY = ("C", "G", "H")
_LISTED = (
    "vgg5",
    "resnet18_cells",
    "vgg16_bn",
    "densenet121",
)  # bodies of tiers G and H among the paper's nine networks
_TUNED = "As published these networks have too few seeds for a verdict, so both arms are tuned"
_OVERTURNED = {
    "holds": "other seeds or data whose intervals reach down to δ",
    "not supported": "other seeds or data whose intervals lie above δ",
    "contradicted": "other seeds or data whose intervals lie above 0",
    "open": "the seeds that are needed, or a smaller spread",
    "untested": "the planned runs, which decide it",
}


def findings(records: Sequence[Record]) -> dict[str, list[Finding]]:
    """Of each of these claims its findings; `records` hold the searches and power runs, too."""
    judge = judge_of(records)
    return {claim: find(judge) for claim, find in CLAIMS.items()}


def chosen(tier: str, reference: str | None = None, recipe: str = "tuned") -> list[Comparison]:
    """The plan's comparisons of a tier with a reference; without one with the head that the spine replaces."""
    return [
        comparison
        for comparison in COMPARISONS
        if (comparison.tier, comparison.recipe) == (tier, recipe)
        and (comparison.reference == reference if reference else comparison.reference != _MATCHED)
    ]


def _reference(why: str) -> str | None:
    return _MATCHED if why == SPINE else None


class Judge:
    """Parts and findings from one set of records; each comparison is judged once.

    `predict` is whether untested findings tell how long their runs will take, for which all runs of their tiers are listed.
    """

    def __init__(self, records: Sequence[Record], predict: bool = True):
        self.records, self.predict = tuple(records), predict
        self.part = cache(self._part)
        self._progress = cache(lambda tier: study_progress(self.records, (tier,)))

    def _part(self, comparison: Comparison) -> Part:
        verdict, least = judged(comparison, self.records), delta(comparison, self.records)
        if verdict.name != "untested" and self._waits(comparison):
            verdict = Verdict("untested", verdict.units, verdict.half_width)
        told = verdict.name != "untested"
        names = sensitivity(comparison, self.records) if told else {}
        more = beside(comparison, self.records) if told else {}
        seeds = needed_seeds(comparison, self.records)
        runs = evidence_of(self.records).runs(comparison, seeds)
        keys = tuple(sorted(record.key for record in runs.values()))
        return Part(comparison.name, verdict, least, names, keys, len(seeds), more, comparison.datasets)

    def _waits(self, comparison: Comparison) -> bool:
        """Whether it is a key secondary one, which is read only where the primary one of its family is decided."""
        if comparison.tier not in _WITH_SECONDARY or comparison.reference == _MATCHED or comparison.recipe != "tuned":
            return False
        place = comparison.datasets, comparison.backbone
        primary = next(c for c in chosen(comparison.tier, _MATCHED) if (c.datasets, c.backbone) == place)
        return self.name(primary) in UNDECIDED

    def name(self, comparison: Comparison) -> str:
        return self.part(comparison).verdict.name

    def under(self, comparisons: Sequence[Comparison], rule: Callable[[Sequence[str]], str]) -> dict[str, str]:
        """What was changed -> what a claim's rule then says; a comparison that cannot be read so keeps its verdict.

        Nothing while the rule says "untested".
        """
        parts = [self.part(comparison) for comparison in comparisons]
        if rule([part.verdict.name for part in parts]) == "untested":
            return {}
        readings = dict.fromkeys(what for part in parts for what in part.readings)
        return {what: rule([name_of(p.readings.get(what, p.verdict.name)) for p in parts]) for what in readings}

    def finding(
        self, reading: str, comparisons: Sequence[Comparison], state: str, note: str = "", lead: str = "", **more
    ) -> Finding:
        parts = tuple(self.part(comparison) for comparison in comparisons)
        evidence = ". ".join(filter(None, [lead, _say(parts), note]))
        steps = dict.fromkeys(step for comparison in comparisons for step in _steps(comparison))
        tiers = dict.fromkeys(step.tier for step in steps)
        minutes = self.minutes(tiers) if self.predict and state == "untested" else None
        sources = tuple(dict.fromkeys(f"data/results/{step.folder}" for step in steps))
        commands = " && ".join(map(_command, tiers))
        fixed = (state, evidence, _OVERTURNED[state], commands, sources, reading, parts)
        return Finding(*fixed, minutes, **more)

    def minutes(self, tiers: Iterable[str]) -> float | None:
        """That all missing runs of tiers take one after another; None where nothing tells it of some of them."""
        times = [row["minutes"] for tier in tiers for row in self._progress(tier)]
        return None if None in times else math.fsum(times)


@lru_cache(maxsize=1)
def _judge_once(records: Same) -> Judge:
    return Judge(records.records)


def judge_of(records: Sequence[Record]) -> Judge:
    """The judge of these records; while they stay the same it is asked again, and judges nothing twice."""
    return _judge_once(Same(records))


def _networks(judge: Judge, why: str) -> Finding:
    """C3: the CNN's row from the families of tier C, as published where it is read as claimed; other bodies tuned."""
    families = chosen("C", _MATCHED) if why == SPINE else chosen("C", None, "published")
    own = len(families)
    others = [c for tier in ("G", "H") for c in chosen(tier, _reference(why)) if c.backbone in _LISTED]
    first = {c.backbone: c for c in reversed(others)}  # of several sets of a body the first
    first = {body: first[body] for body in _LISTED if body in first}
    every = [*families, *first.values()]

    def rule(names: Sequence[str]) -> str:
        return most_networks(*names[:own], networks=names[own:])

    names = [judge.name(c) for c in every]
    state, decided = rule(names), decided_networks(*names[:own], networks=names[own:])
    cnn = convolutional_network(*names[:own])
    others = other_states(judge.under(families, lambda some: convolutional_network(*some)), cnn)
    then = "".join(f", {other} with: {', '.join(readings)}" for other, readings in others.items())
    note = f"The CNN's row: {cnn}{then}; {decided} of the {NETWORKS} networks {'is' if decided == 1 else 'are'} decided"
    note += f". {_TUNED}" if why == CLAIMED else ""
    if shares := mean_over_families(families[0].reference, judge.records, families[0].recipe):
        (mean, low, high), (least, most) = shares
        note += f"; over the CNN's families the mean gain is {signed(mean, '.3g')} of the reference's error ({signed(low, '.3g')} to {signed(high, '.3g')}), "
        note += f"the families' own are {signed(least, '.3g')} to {signed(most, '.3g')}"
    return judge.finding(why, every, state, note, sensitivity=judge.under(every, rule))


def _gradients(judge: Judge) -> Finding:
    """C4, with each head's own ratio, and with the chains that died, which the plan's floor takes for whole."""
    comparisons, notes = [*chosen("D4", "mlp_deep"), *chosen("D4", "mlp_deep_skip")], []
    state = gradients(*map(judge.name, comparisons))
    for each in comparisons if state != "untested" else ():
        runs = evidence_of(judge.records).runs(each, each.seeds)
        of_arm, of_reference = (
            [runs[arm, name, seed] for name in each.datasets for seed in each.seeds] for arm in each.arms
        )
        notes[:1] = [f"The spinal head's gradient has not vanished: at the end its first layer's is {_ratios(of_arm)}"]
        if dead := sum(not any(run.last["gradient_norms"]) for run in of_reference):
            died = f"{dead} of {len(of_reference)} runs of {each.reference} end without a gradient in any layer"
            notes.append(f"{died}, and the plan's floor counts a ratio of 1 for them")
        else:
            notes.append(f"that of {each.reference} is {_ratios(of_reference)}")
    others = judge.under(comparisons, lambda names: gradients(*names))
    return judge.finding("", comparisons, state, lead="; ".join(notes), sensitivity=others)


def _ratios(runs: Sequence[Record]) -> str:
    ratios = sorted(math.exp(-badness("D4", run, False)) for run in runs)
    middle, least, most = (f"{ratio:,.3g}" for ratio in (statistics.median_low(ratios), ratios[0], ratios[-1]))
    return f"{middle} times its last's ({least} to {most}, {len(ratios)} seeds)"


def _narrow_layers(judge: Judge, why: str, reference: str) -> Finding:
    """C8, on every set of tier W: the slope over all widths, and the gain at the narrowest."""
    narrowest, notes, sets, every = [], [], {}, chosen("W", reference)
    for name in dict.fromkeys(c.family for c in every):
        widths = sorted((c for c in every if c.family == name), key=lambda c: c.width)
        narrowest.append(widths[0])
        sets[name] = found = narrowing(widths, judge.records)
        if found is None:
            complete = sum(gains(c, judge.records) is not None for c in widths)
            notes.append(f"{name}: {complete} of {len(widths)} widths are complete")
            continue
        mean, low, high = (signed(value, ".3g") for value in found.slope)
        notes.append(f"{name}: the gain changes by {mean} ({low} to {high}) a doubling of the width")
    state, changed = all_hold(["untested" if found is None else found.state for found in sets.values()]), {}
    if None not in sets.values():
        readings = dict.fromkeys(what for found in sets.values() for what in found.sensitivity)
        for what in readings:
            changed[what] = all_hold([found.sensitivity.get(what, found.state) for found in sets.values()])
        for left_out in sets:
            changed[f"without {left_out}"] = all_hold([f.state for name, f in sets.items() if name != left_out])
    return judge.finding(why, narrowest, state, "; ".join(notes), sensitivity=changed)


def _regressions(judge: Judge, why: str) -> Finding:
    """C9: seeds that were seen before the plan decide nothing."""
    comparisons = chosen("R", _MATCHED) if why == SPINE else chosen("R", "mlp", "published")
    others = [r for r in judge.records if r.dataset in TARGETS and r.test and r.seed not in comparisons[0].seeds]
    note = f"{len(others):,} runs with other seeds, which had been seen before the plan was written, decide nothing"
    note = note if others else ""
    return _by_number(judge, why, comparisons, three_of_four, note)


_HALVES = {"frozen": "P", "fine-tuned": "T"}


def _transfer(judge: Judge, half: str, tier: str, why: str) -> Finding:
    """C19, one of its halves."""
    return _by_number(judge, f"{why}, {half}", chosen(tier, _reference(why)), most_hold)


def _most_sets(judge: Judge, why: str) -> Finding:
    """C20."""
    comparisons = chosen("G", _reference(why))
    return _by_number(judge, why, comparisons, most_hold, _TUNED if why == CLAIMED else "")


def _by_number(
    judge: Judge,
    reading: str,
    comparisons: Sequence[Comparison],
    rule: Callable[[Sequence[str]], str],
    note: str = "",
) -> Finding:
    """A claim that enough of its comparisons decide; beside it what the rule says without each, and of them read otherwise."""
    names = [judge.name(comparison) for comparison in comparisons]
    state, others = rule(names), judge.under(comparisons, rule)
    for place, comparison in enumerate(comparisons) if state != "untested" else ():
        others[f"without {comparison.name}"] = rule(names[:place] + names[place + 1 :])
    return judge.finding(reading, comparisons, state, note, sensitivity=others)


CLAIMS: dict[str, Callable[[Judge], list[Finding]]] = {
    "C3": lambda judge: [_networks(judge, why) for why in (CLAIMED, SPINE)],
    "C4": lambda judge: [_gradients(judge)],
    "C8": lambda judge: [_narrow_layers(judge, CLAIMED, "mlp"), _narrow_layers(judge, SPINE, _MATCHED)],
    "C9": lambda judge: [_regressions(judge, why) for why in (CLAIMED, SPINE)],
    "C19": lambda judge: [
        _transfer(judge, half, tier, why) for why in (CLAIMED, SPINE) for half, tier in _HALVES.items()
    ],
    "C20": lambda judge: [_most_sets(judge, why) for why in (CLAIMED, SPINE)],
}


def _say(parts: Sequence[Part]) -> str:
    """The tested comparisons in full, and of the others what they wait for."""
    tested = [part for part in parts if part.verdict.name != "untested"]
    rest = [part for part in parts if part not in tested]
    lacking = [part for part in rest if part.verdict.units < part.planned]
    have, planned = sum(part.verdict.units for part in lacking), sum(part.planned for part in lacking)
    waiting = {
        f"are not complete, {have:,} of {planned:,} pairs of runs are there": lacking,
        "lack the power runs that give δ": [part for part in rest if part not in lacking and part.delta is None],
        "are complete and wait for a comparison that is read before them": [
            part for part in rest if part not in lacking and part.delta is not None
        ],
    }
    texts = [describe(part) for part in tested]
    texts += [f"{len(some)} of {len(parts)} comparisons {what}" for what, some in waiting.items() if some]
    return ". ".join(texts)


def describe(part: Part) -> str:
    """A comparison's verdict with its figures; of an untested one how many pairs of runs are there."""
    verdict = part.verdict
    if verdict.interval is None:
        return f"{part.name}: untested, {verdict.units:,} of {part.planned:,} pairs of runs"
    low, high = verdict.interval
    needed = verdict.seeds_needed
    seeds = (
        ""
        if needed is None
        else "; no number of seeds will do"
        if math.isinf(needed)
        else f"; needs {needed:,.0f} seeds"
    )
    own = [name for name in part.datasets if has_own_split(split_name(name)[0])]
    split = f"; own split: {', '.join(own)}" if own else ""
    return f"{part.name}: {verdict.words} (gain {signed(verdict.mean, '.3g')}, {signed(low, '.3g')} to {signed(high, '.3g')}; δ {part.delta:.3g}{seeds}{split})"


def _steps(comparison: Comparison) -> list[Step]:
    """The steps of the study that make what a comparison rests on, in their order."""
    kinds = ("power", "published") if comparison.recipe == "published" else ("tuning", "power", "study")
    of_tier = [step for step in STUDY_ORDER if step.tier == comparison.tier]
    if not any(step.study == "tuning" for step in of_tier):  # it has the settings of tier C
        of_tier = [step for step in STUDY_ORDER if (step.study, step.tier) == ("tuning", "C")] + of_tier
    return [
        step
        for step in of_tier
        if step.study in kinds
        and step.part in (None, PRIMARY)
        and not (step.datasets and {*step.datasets}.isdisjoint(comparison.datasets))
    ]


def _command(tier: str) -> str:
    """Whatever is missing of a tier, in the plan's order."""
    device = " --device cuda" if TIERS[tier].device == "cuda" else ""
    return f"spinalnet sweep all --tier {tier}{device} --out data/results"
