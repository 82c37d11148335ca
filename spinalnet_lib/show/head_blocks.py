"""A head as one matrix of blocks: which are on, how many weights they hold, and which registered head that makes.

The matrix has a column for each feature and each layer output, a row for each layer output and each logit; outside its
blocks it is zero. `widgets/one_matrix.js` computes the same.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable

from ..heads.spinal import split_sizes
from ..words import counted
from .head_presets import (
    ARCH2,
    CHAIN,
    DIRECT,
    EARLIER,
    HEADS,
    LAST,
    OUTPUTS,
    REST,
    REST_FIRST,
    SPINE,
    SPLIT,
    SWITCHES,
)


def head_blocks(v: dict) -> dict:
    """The matrix for `in_features`, `num_classes`, `layer_width`, `num_layers`, `num_splits`, `hidden_size`, `blocks`, `twist`.

    A block is `[kind, switch, first row, rows, first column, columns, weights, macs, reader, source]`: `switch` is -1 for
    one that cannot be switched, `reader` a layer or -1 for the logits, `source` a layer or -1 for the features. `off`
    holds those that are switched off. Weights that a layer has from another one are no weights of its own. Raises
    ValueError for blocks and sizes that make no head; it names the controls.
    """
    error = _refusal(v)
    if error:
        raise ValueError(error)
    width = _solved_width(v)
    return {**_matrix(v, width), "layer_width": width}


def cheaper_up_to(v: dict, weights: list[int]) -> list[int] | None:
    """For each number of weights the largest layer width at which the head has fewer; None where its width is not free."""
    if not set(v["blocks"]) & {LAST, OUTPUTS} or v["twist"] in ("spine", "one", "dense", "halves"):
        return None
    count = _by_width(v, "weights")
    return [bisect_left(range(1, most + 1), most, key=count) for most in weights]


def _by_width(v: dict, key: str) -> Callable[[int], int]:
    """A count as a function of the layer width: a quadratic, so three counts give it."""
    one, two, three = (_matrix(v, width)[key] for width in (1, 2, 3))
    bend = three - 2 * two + one
    return lambda width: one + (width - 1) * (two - one) + (width - 1) * (width - 2) // 2 * bend


def arms(v: dict) -> list[str]:
    """The registered heads that have this matrix, the one with exactly these switches first."""
    twist, names = v["twist"], []
    if not set(v["blocks"]) & {LAST, OUTPUTS}:
        return ["linear"]
    plain = twist in ("none", "halves")
    for name, preset in HEADS.items():
        known = "columns" if twist == "arch2" else "none" if twist == "halves" else twist
        if preset["twist"] != known or (twist == "halves" and name != "mlp"):
            continue
        exact = sorted(preset["blocks"]) == sorted(v["blocks"])
        if exact:
            names.insert(0, name)
        elif plain and _told(preset["blocks"], v) == _told(v["blocks"], v):
            names.append(name)
    return names


def arm_arguments_of(name: str, v: dict) -> dict:
    """What `create_head(name, in_features, num_classes, ...)` takes beside its two sizes to make this matrix."""
    layers, width = v["num_layers"], v["layer_width"]
    if name == "linear":
        return {}
    if name == "mlp":
        return {"hidden_sizes": [_width(v, width, i) for i in range(layers)]}
    if name == "spinal_columns":
        sizes, depths = _column_sizes(v)
        own = {"column_sizes": sizes, "layer_width": width, "num_layers": depths}
        return {**own, "hidden_size": v["hidden_size"]}
    if name == "spinal_big":
        return {"hidden_sizes": v["hidden_size"], "num_layers": layers, "num_splits": v["num_splits"]}
    arguments = {"layer_width": width, "num_layers": layers, "num_splits": v["num_splits"]}
    if name in ("spinal_full", "progressive"):
        del arguments["num_splits"]
    return arguments


def _told(blocks: list[int], v: dict) -> set[int]:
    """The switches that make a difference at these sizes."""
    if not set(blocks) & {LAST, OUTPUTS}:
        return {DIRECT}
    empty: set[int] = set()
    if v["num_layers"] == 1:
        empty |= {SPLIT, REST, CHAIN, EARLIER, OUTPUTS}
    if v["num_layers"] == 2:
        empty |= {EARLIER}
    if v["num_splits"] == 1:
        empty |= {REST_FIRST, REST}
    return set(blocks) - empty


def _refusal(v: dict) -> str | None:
    on, twist = set(v["blocks"]), v["twist"]
    features, layers, splits = v["in_features"], v["num_layers"], v["num_splits"]
    if not on & {LAST, OUTPUTS, DIRECT}:
        return f"Nothing reaches the logits; switch on “{SWITCHES[LAST]}” or “{SWITCHES[DIRECT]}”"
    if not on & {LAST, OUTPUTS}:
        return None
    if twist == "one":
        layers = 1
    if twist == "arch2" and features != sum(ARCH2["column_sizes"]):
        return f"The paper's three spines read {sum(ARCH2['column_sizes']):,} features; set features to that"
    if twist == "arch2":
        layers, splits = min(ARCH2["num_layers"]), 2
    if twist == "columns":
        features, splits = features // 2, 2
    if twist == "cells" and features % splits:
        return f"{features:,} features make no {splits} cells of one size; set features to a multiple of input splits"
    cut = REST_FIRST not in on or (layers > 1 and (SPLIT in on) != (REST in on))
    needs_spine = twist in ("spine", "one")
    if (cut or needs_spine) and splits > features:
        return _too_few_features(features, splits)
    if needs_spine and v["num_layers"] < splits:
        return _too_few_layers(v["num_layers"], splits)
    if not (REST_FIRST in on or (REST in on and layers > 1)):
        if SPLIT not in on and splits > 1:
            return f"Only split 0 is read; switch on “{SWITCHES[SPLIT]}” or “{SWITCHES[REST_FIRST]}”"
        if layers < splits:
            return _too_few_layers(layers, splits)
    if LAST not in on:
        return f"The last layer feeds nothing; switch on “{SWITCHES[LAST]}”"
    if OUTPUTS not in on and layers > 1 and CHAIN not in on:
        return f"Layers feed nothing; switch on “{SWITCHES[OUTPUTS]}” or “{SWITCHES[CHAIN]}”"
    return None


def spine_refusal(features: int, layers: int, splits: int) -> str | None:
    """Why these sizes make no spine, in words of the controls; None if they make one."""
    if splits > features:
        return _too_few_features(features, splits)
    return _too_few_layers(layers, splits) if layers < splits else None


def _too_few_features(features: int, splits: int) -> str:
    return f"{counted(features, 'feature')} cannot fill {splits} input splits; lower input splits to {features:,}"


def _too_few_layers(layers: int, splits: int) -> str:
    remedy = f"raise layers to {splits} or lower input splits to {layers}"
    return f"{counted(layers, 'layer')} cannot read {splits} input splits; {remedy}"


def _width(v: dict, width: int, layer: int) -> int:
    return max(1, width >> layer) if v["twist"] == "halves" else width


def _solved_width(v: dict) -> int:
    """The layer width: as set, or the one that comes nearest to the parameters of another head."""
    twist = v["twist"]
    if not set(v["blocks"]) & {LAST, OUTPUTS} or twist not in ("spine", "one", "dense"):
        return v["layer_width"]
    if twist == "dense":
        hidden, features, classes = v["hidden_size"], v["in_features"], v["num_classes"]
        budget = hidden * (features + classes + 1) + classes
    else:
        budget = _matrix({**v, "blocks": SPINE, "twist": "none"}, v["layer_width"])["parameters"]
    size = _by_width(v, "parameters")
    width = max(1, bisect_right(range(1, budget + 1), budget, key=size))
    return width if budget - size(width) <= size(width + 1) - budget else width + 1


def _column_sizes(v: dict) -> tuple[list[int], list[int]]:
    """Features and layers of each spine."""
    if v["twist"] == "arch2":
        return list(ARCH2["column_sizes"]), list(ARCH2["num_layers"])
    if v["twist"] == "columns":
        return split_sizes(v["in_features"], 2), [v["num_layers"]] * 2
    return [v["in_features"]], [1 if v["twist"] == "one" else v["num_layers"]]


def _read(twist: str, layer: int, start: int, sizes: list[int]) -> list[tuple[int, int]]:
    """First feature and the one after the last of each run that a layer reads as its own."""
    features, split = sum(sizes), layer % len(sizes)
    first = start + sum(sizes[:split])
    last = first + sizes[split]
    if twist == "random":  # drawn over all features; see `share` below
        return [(start, start + features)]
    if twist == "overlap":
        left = round(0.25 * sizes[split - 1]) if split else 0
        right = round(0.25 * sizes[split + 1]) if split + 1 < len(sizes) else 0
        return [(first - left, last + right)]
    if twist == "windows":
        size = max(1, round(features / len(sizes)))
        first = layer * size % features
        last = first + size
        if last > features:
            return [(start, start + last - features), (start + first, start + features)]
        return [(start + first, start + last)]
    return [(first, last)]


def _splits(twist: str, sizes: list[int], splits: int) -> list[list[int]]:
    """First feature and the one after the last of each split: of every spine in turn, none where they are drawn at random."""
    features = sum(sizes)
    cut = [n for size in sizes for n in split_sizes(size, splits)]
    if twist == "random":
        return []
    if twist == "windows":
        cut = [max(1, round(features / splits))] * splits
    ends = [min(end, features) for end in itertools.accumulate(cut, initial=0)]
    return [[a, b] for a, b in itertools.pairwise(ends) if a < b]


def _gaps(runs: list[tuple[int, int]], start: int, stop: int) -> list[tuple[int, int]]:
    """What lies between runs."""
    ends = [start, *(end for run in runs for end in run), stop]
    return [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if a < b]


def _matrix(v: dict, width: int) -> dict:
    on, twist = set(v["blocks"]), v["twist"]
    features, classes, hidden = v["in_features"], v["num_classes"], v["hidden_size"]
    has_layers = bool(on & {LAST, OUTPUTS})
    merged = twist in ("columns", "arch2")
    blocks, off, layers = [], [], []
    spines, row, start = [], 0, 0
    sizes, depths = _column_sizes(v)
    for size, depth in zip(sizes, depths, strict=True):
        spine = []
        for i in range(depth):
            spine.append(len(layers))
            layers.append([row, _width(v, width, i)])
            row += layers[-1][1]
        spines.append((start, size, spine))
        start += size
    if merged:
        layers.append([row, hidden])
        row += hidden
    top = row  # of the logits

    def put(
        kind: str, switch: int, reader: int, first: int, columns: int, source: int, share: float = 1, used: int = 1
    ):
        """`share` of the block's cells hold weights; `used` is 0 where they are another layer's weights."""
        y, rows = layers[reader] if reader >= 0 else (top, classes)
        if rows and columns:
            macs = rows * (columns if share == 1 else share)
            block = [kind, switch, y, rows, first, columns, macs * used, macs, reader, source]
            lives = has_layers or reader < 0 <= switch == DIRECT
            (blocks if lives and (switch < 0 or switch in on) else off).append(block)

    splits = 2 if merged else v["num_splits"]
    own = 0  # layers with weights of their own
    for start, size, spine in spines:
        cut = split_sizes(size, splits)
        for i, n in enumerate(spine):
            is_new = not ((twist == "shared" and i > 1) or (twist == "tied" and i >= 2 * splits))
            own += is_new * layers[n][1]
            runs = _read(twist, i, start, cut)
            share = cut[i % splits] if twist == "random" else 1
            for a, b in runs:
                padded = -(-size // splits) if twist == "shared" else b - a
                real = share if twist == "random" else padded if padded != b - a else 1
                put("input", SPLIT if i else -1, n, a, b - a, -1, real, is_new)
            for a, b in _gaps(runs, start, start + size):
                put("input", REST if i else REST_FIRST, n, a, b - a, -1)
            for before in spine[:i]:
                switch = CHAIN if before == n - 1 else EARLIER
                put("chain", switch, n, features + layers[before][0], layers[before][1], before, 1, is_new)
            reader, switch = len(layers) - 1 if merged else -1, LAST if i == len(spine) - 1 else OUTPUTS
            put("output", switch, reader, features + layers[n][0], layers[n][1], n)
    if merged:
        own += hidden
        put("output", -1, -1, features + layers[-1][0], hidden, len(layers) - 1)
    put("output", DIRECT, -1, 0, features, -1)

    weights = sum(block[6] for block in blocks)
    rows = top + classes if has_layers else classes
    columns = features + top if has_layers else features
    return {
        "blocks": blocks,
        "off": off,
        "layers": layers,
        "splits": _splits(twist, sizes, splits),
        "top": top,
        "weights": weights,
        "parameters": weights + (own if has_layers else 0) + classes,
        "macs": sum(block[7] for block in blocks),
        "filled": sum(min(block[7], block[3] * block[5]) for block in blocks),
        "cells": rows * columns,
    }
