"""Claims about counts: fewer weights (C1), less computing and time (C2), what a spine can express (C5, C6) and read (C7).

A state is true, false or depends. It follows from heads that are counted or built here and now, and each finding states
the inequality on which it depends.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache

import torch

from ..heads.counting import HeadCost, count_weights, head_cost
from ..heads.dense import MLPHead
from ..heads.spinal import SpinalHead, split_sizes
from ..heads.theory import as_spine
from ..heads.widths import largest_cheaper_width
from ..models.bodies import create_backbone
from ..models.mnist_bodies import VGG5
from ..models.sizes import list_paper_heads, paper_head
from ..paths import data_path
from ..words import signed
from .claims import Finding

CLASSES = 10
Costs = Mapping[str, tuple[HeadCost, HeadCost]]  # body -> of the head that is replaced and of the spinal one
READINGS = {"less": "less time", "more": "more time", "unclear": "no clear difference"}
_CHEAPER = (
    "(L - 1)w² + (S + LC)w < M, with L layers of width w that read S features in all, C classes, M weights replaced"
)
_COUNTING = ("spinalnet_lib/heads/counting.py", "spinalnet_lib/models/sizes.py")
_THEORY = ("spinalnet_lib/heads/theory.py",)
_COUNT_AGAIN = "spinalnet verdicts"
_BENCH = "make bench"


def every(holds: Sequence[bool]) -> str:
    """true, false or depends: whether a claim holds for all of some cases, for none, or for some."""
    return "true" if all(holds) else "depends" if any(holds) else "false"


def replaced_heads() -> Costs:
    """Of each body in the paper's scripts what both heads cost, for ten classes."""
    costs = {}
    for body, head in list_paper_heads():
        if head.startswith("spinal"):
            base = {"arch2": "two_conv"}.get(body, body.removesuffix("_cells"))
            dense = next(pair for pair in ((base, "mlp"), (base, "linear")) if pair in list_paper_heads())
            costs[body] = _cost(*dense), _cost(body, head)
    return costs


def _cost(body: str, head: str) -> HeadCost:
    with torch.device("meta"):
        features = create_backbone(body).num_features
    return head_cost(head, features, CLASSES, **paper_head(body, head))


def fewer_weights(costs: Costs) -> Finding:
    """C1, from `replaced_heads`."""
    weights = {body: (dense.weights, spinal.weights) for body, (dense, spinal) in costs.items()}
    saves = {body: spinal < dense for body, (dense, spinal) in weights.items()}
    features = VGG5.num_features
    linear = head_cost("linear", features, CLASSES).weights
    width = largest_cheaper_width(linear, features, CLASSES)
    larger = [body for body, fewer in saves.items() if not fewer]
    evidence = (
        f"Counted: fewer for {sum(saves.values())} of the {len(saves)} bodies in the paper's MNIST and CIFAR scripts"
        f"{', not for ' + ', '.join(larger) if larger else ''}. "
        f"{_saving('2-conv CNN', *weights['two_conv'])}; {_saving('VGG-5', *weights['vgg5'])}; but "
        f"{weights['vgg5'][1] / linear:.0f} times those of one Linear on VGG-5's features, which it undercuts there up to layer "
        f"width {width} only. Fewer where {_CHEAPER}"
    )
    return Finding(every(list(saves.values())), evidence, "another count of these heads", _COUNT_AGAIN, _COUNTING)


def _saving(name: str, dense: int, spinal: int) -> str:
    return f"{name}: {spinal:,} weights instead of {dense:,} ({signed(spinal / dense - 1, '+.1%')})"


def computations(costs: Costs, bench: Sequence[dict]) -> tuple[Finding, Finding]:
    """C2: multiply-adds from `replaced_heads`, and time as measured; `bench` are rows of a report on a CPU, or none."""
    fewer = [spinal.macs < dense.macs for dense, spinal in costs.values()]
    equal = all(cost.macs == cost.weights for pair in costs.values() for cost in pair)
    as_weights = (
        "Counted: multiply-adds equal weights, so as C1" if equal else "Counted: multiply-adds and weights differ"
    )
    counted = Finding(
        every(fewer),
        f"{as_weights}: fewer for {sum(fewer)} of {len(fewer)} bodies. Fewer where {_CHEAPER}",
        "another count of these heads",
        _COUNT_AGAIN,
        _COUNTING,
        "computations",
    )
    return counted, _time(bench)


def _time(bench: Sequence[dict]) -> Finding:
    """Rows of spinal heads against the dense heads that they replace; those of VGG-5 with the paper's batch in full."""
    of_heads = [row for row in bench if row["peer"].startswith("dense ") or _is_of_a_body(row)]
    plain = {"name": "head training step, batch 100", "peer": "dense head of VGG-5"}
    shown = [row for row in of_heads if "dense head" in row["peer"] and re.search(r"batch 100\b", row["name"])]
    timed = any(row.items() >= plain.items() for row in shown)
    texts = [] if timed else [f"{plain['name']}, against {plain['peer']}: not timed yet"]
    texts += [
        f"{row['name']}, against {row['peer']}: {READINGS[reading(row)]}, "
        f"{row['ratio']:.2f} times ({row['low']:.2f} to {row['high']:.2f})"
        for row in shown
    ]
    found = [reading(row) for row in of_heads]
    counts = ", ".join(f"{found.count(kind)} {words}" for kind, words in READINGS.items())
    summary = f"Of {len(found)} comparisons of heads on a CPU: {counts}{_by_body(bench)}. " if found else ""
    return Finding(
        every([kind == "less" for kind in found]) if found else "untested",
        f"{summary}Measured on a CPU: {'; '.join(texts)}. Less where the ratio of times lies below 1",
        "ratios whose ranges lie on the other side of 1, on a machine that does nothing else",
        _BENCH,
        ("data/results/bench/cpu.json", "data/results/bench/costs.json"),
        "time",
    )


def _by_body(bench: Sequence[dict]) -> str:
    """In which nets all of the head's times are on one side, and in which they are not."""
    of_body: dict[str, set[str]] = {}
    for row in filter(_is_of_a_body, bench):
        of_body.setdefault(row["body"], set()).add(READINGS[reading(row)])
    alike: dict[str, list[str]] = {}
    for body, found in of_body.items():
        alike.setdefault(found.pop() if len(found) == 1 else "no one answer", []).append(body)
    return "".join(f"; {words} on {', '.join(bodies)}" for words, bodies in alike.items())


@cache
def measured(report: str) -> tuple[dict, ...]:
    """Rows of a committed report of `spinalnet bench`, "cpu" or "costs"; none where nothing was measured yet."""
    path = data_path("results", "bench", f"{report}.json")
    groups = json.loads(path.read_bytes())["groups"].values() if path.is_file() else ()
    return tuple(row for group in groups for row in group["rows"])


def _is_of_a_body(row: dict) -> bool:
    """Whether a row of costs is a time of a body's spine against its dense head."""
    timed = row.get("quantity", "").startswith(("latency", "training step"))
    return timed and (row["arm"], row["reference"]) == ("spinal", "mlp")


def reading(row: dict) -> str:
    """What a row of `load_bench` says, one of `READINGS`: clear only where the whole range lies on one side of one."""
    return "less" if row["high"] < 1 else "more" if row["low"] > 1 else "unclear"


def universal() -> Finding:
    """C5: dense heads of one hidden layer, converted unit by unit into spines of width 2."""
    made = [_convert(units, units_per_layer=1) for units in (1, 2, 5)]
    same = [
        equal and (spine.layer_width, spine.num_layers) == (2, 2 * mlp.hidden_sizes[0]) for mlp, spine, equal in made
    ]
    evidence = (
        "Constructed: any dense ReLU head with one hidden layer of n units becomes a spinal head of width 2 with 2n layers that "
        f"gives the same numbers (as_spine; {sum(same)} of {len(same)} conversions here did). So it holds for w ≥ 2 if L may "
        f"grow as 2n; no head of a fixed size is universal. {_larger(made)}"
    )
    overturned = "a dense ReLU head whose spine gives other numbers"
    return Finding(every(same), evidence, overturned, _COUNT_AGAIN, _THEORY)


def convertible() -> Finding:
    """C6: dense heads of several hidden layers, converted layer by layer."""
    made = [_convert(sizes) for sizes in ((4,), (5, 3), (3, 5, 4))]
    same = [equal for _, _, equal in made]
    evidence = (
        "Constructed for ReLU layers without norm and dropout: the first hidden layer takes two spinal layers of twice its "
        f"width, each further one takes one (as_spine; {sum(same)} of {len(same)} conversions here gave the same numbers). "
        f"{_larger(made)}"
    )
    overturned = "a hidden ReLU layer whose spine gives other numbers"
    return Finding(every(same), evidence, overturned, _COUNT_AGAIN, _THEORY)


def _convert(hidden_sizes: int | Sequence[int], **how) -> tuple[MLPHead, SpinalHead, bool]:
    """A dense head with random weights, its spine, and whether both give the same logits."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):  # a new head draws from the generator of all
        mlp = MLPHead(7, 3, hidden_sizes)
    with torch.no_grad():
        for parameter in mlp.parameters():
            parameter.normal_(generator=generator)
        spine = as_spine(mlp, **how)
        x = torch.randn(50, mlp.in_features, generator=generator)
        return mlp, spine, torch.allclose(mlp(x), spine(x), rtol=1e-4, atol=1e-4)


def _larger(made: Sequence[tuple]) -> str:
    pairs = [(count_weights(mlp), count_weights(spine)) for mlp, spine, _ in made]
    sizes = ", ".join(f"{spine:,} weights for {dense:,}" for dense, spine in pairs)
    verb = "is larger" if all(spine > dense for dense, spine in pairs) else "is not always larger"
    return f"The spinal form {verb}: {sizes}"


def any_size() -> Finding:
    """C7: every spine of up to five features, layers and splits, with width and classes of one and of three."""
    up_to_five = range(1, 6)
    sizes = list(itertools.product(up_to_five, (1, 3), up_to_five, up_to_five, (1, 3)))  # d, C, L, k, w
    built = {size: _can_be_built(*size) for size in sizes}
    as_said = all(works == (k <= min(d, layers)) for (d, _, layers, k, _), works in built.items())
    rule = "with k ≤ d and k ≤ L, and for no other" if as_said else "but not as k ≤ d and k ≤ L would have it"
    evidence = (
        f"Built: of {len(built):,} small sizes {sum(built.values()):,} work and read every feature, {rule} (d features, "
        "k input splits, L layers; any width, any number of classes)"
    )
    sources = ("spinalnet_lib/heads/spinal.py",)
    return Finding(every(list(built.values())), evidence, "a size that breaks k ≤ min(d, L)", _COUNT_AGAIN, sources)


def _can_be_built(features: int, classes: int, layers: int, splits: int, width: int) -> bool:
    """Whether there is such a spine, and it reads every feature."""
    try:
        head_cost("spinal", features, classes, layer_width=width, num_layers=layers, num_splits=splits)
        return sum(split_sizes(features, splits)) == features
    except ValueError:
        return False
