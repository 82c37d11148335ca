"""Climb and cut: an image read by a small spine level by level, and what a cut root, cord or way up does to it."""

from __future__ import annotations

import math

import numpy as np
import traitlets

from ..data.packed_images import PACKED, SHADES, pack_images, unpack_images
from ..models.small_spine import ALPHABETS, SmallSpine, decided_at, read_spine, unpack_spine
from ..show.palette import LIGHT
from .base import Widget, percent, slider

LEVELS, SIDE, STORED = 7, 28, 200
LONGEST_INK = 1100  # characters; a board full of alternating shades has fewer
BETS = {
    "none": "at which level is it decided?",
    **{str(k): f"at level {k}" for k in range(1, LEVELS + 1)},
    "show": "no bet, show me",
}
CUTS = {
    "none": "nothing",
    **{f"root-{k}": f"the root of level {k}" for k in range(1, LEVELS + 1)},
    **{f"cord-{k}": f"the cord from level {k} to {k + 1}" for k in range(1, LEVELS)},
    **{f"way-{k}": f"the way up of level {k}" for k in range(1, LEVELS + 1)},
    **{f"both-{k}": f"cord and way up of level {k}" for k in range(1, LEVELS)},
}
_EMPTY = "An empty board says nothing: draw on it, or take a stored image."
_spines: dict[str, SmallSpine] = {}  # unpacked, by the hash of their weights


def climb_and_cut_state(values: dict, data: dict) -> dict:
    """What the spine of `alphabet` says at each level about stored image `sample`, or about `ink` where that is 0.

    `data`: of each alphabet the content of its file. `votes` are centred over the classes, [level from 0][class], level 0
    before any has spoken; `leaders` are the classes ahead after each level, `whole` the same without the cut; `decided` is the
    level from which on the last leader leads; `right` and `right_whole` count stored images.
    """
    spine, cut = _spine(data[values["alphabet"]]), values["cut"]
    own = values["sample"] == 0
    at = values["sample"] - 1
    board = unpack_images(values["ink"], SIDE**2).reshape(SIDE, SIDE) if own else spine.images[at]
    counted = {"right": spine.right(cut), "right_whole": spine.right()}
    cut_row = ["cut", CUTS[cut]]
    stored_row = ["validation images read right", _share(counted["right"], len(spine.labels))]
    if cut != "none":
        stored_row[1] += f"; with nothing cut {_share(counted['right_whole'], len(spine.labels))}"
    shades = board.ravel().tolist()
    if not board.any():
        nothing = {"votes": [], "leaders": [], "whole": [], "decided": None, "truth": None}
        rows = [["on the board", "nothing"], cut_row, stored_row]
        return {"error": None, "shades": shades, **nothing, **counted, "rows": rows, "summary": _EMPTY}
    running, whole = (spine.climb(board[None], each) for each in (cut, "none"))
    leaders, before = ([spine.classes[c] for c in votes[0, 1:].argmax(axis=1)] for votes in (running, whole))
    decided, answer = int(decided_at(running)[0]), leaders[-1]
    truth = None if own else spine.classes[spine.labels[at]]
    shown = values["bet"] != "none"
    rows = [["on the board", "your drawing" if own else f"{truth}, held out from training"], ["read as", answer]]
    if shown:
        rows.append(["ahead after each level, from below", " ".join(leaders)])
        rows.append(["decided at level", _decided(decided, values["bet"])])
    rows += [cut_row, stored_row]
    said = "Your drawing" if own else f"This {truth}"
    summary = f"{said} is read as {answer}"
    if cut != "none":
        summary += f" with {CUTS[cut]} cut; whole, it is read as {before[-1]}"
    summary += f". It is decided at level {decided}." if shown else ". Bet: at which level is that decided?"
    summary += f" {counted['right']} of {len(spine.labels)} validation images are read right."
    return {
        "error": None,
        "shades": shades,
        "votes": [[_rounded(vote) for vote in votes] for votes in running[0]],
        "leaders": leaders,
        "whole": before,
        "decided": decided,
        "truth": truth,
        **counted,
        "rows": rows,
        "summary": summary,
    }


def _spine(content: dict) -> SmallSpine:
    key = content["card"]["sha256"]
    if key not in _spines:
        _spines[key] = unpack_spine(content)
    return _spines[key]


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({percent(part, whole)})"


def _decided(level: int, bet: str) -> str:
    return f"{level}" if bet == "show" else f"{level}; your bet: {bet}"


def _rounded(vote: float) -> float:
    """To four decimals, as the script rounds: sums in another order differ far behind them, and what ends in 5 goes up in both."""
    return math.floor(vote * 10_000 + 0.500_001) / 10_000


class ClimbAndCut(Widget):
    """A small spine reads an image band by band; a bet at which level it is decided; a root, cord or way up to cut.

    Live: traits `alphabet` ("digits", "letters", "kuzushiji"), `sample` (a stored image from 1, or 0 for the drawing), `ink`
    (the drawing as `pack_images` writes it; `board` gives and takes an array), `bet` ("none", "1" to "7", "show") and `cut`
    ("none", "root-1" to "root-7", "cord-1" to "cord-6", "way-1" to "way-7", "both-1" to "both-6").
    """

    kind = "climb-and-cut"
    title = "Climb and cut"
    files = ALPHABETS

    alphabet = traitlets.Enum(list(ALPHABETS), "digits").tag(sync=True)
    sample = traitlets.Int(5, min=0, max=STORED).tag(sync=True)  # a 9 that is a 4 until its top is felt
    ink = traitlets.Unicode("").tag(sync=True)
    bet = traitlets.Enum(list(BETS), "none").tag(sync=True)
    cut = traitlets.Enum(list(CUTS), "none").tag(sync=True)

    @traitlets.validate("ink")
    def _is_packed(self, proposal):
        ink = proposal["value"]
        if len(ink) > LONGEST_INK or not PACKED.fullmatch(ink):
            raise traitlets.TraitError(f"ink is what pack_images gives for {SIDE} x {SIDE} shades, got {ink[:40]!r}")
        return ink

    @property
    def board(self) -> np.ndarray:
        """What is on the board: shades from 0 to 15, `(28, 28)`; setting it draws."""
        return np.array(self.state()["shades"], np.uint8).reshape(SIDE, SIDE)

    @board.setter
    def board(self, shades) -> None:
        shades = np.asarray(shades)
        if shades.shape != (SIDE, SIDE) or shades.min() < 0 or shades.max() > SHADES:
            raise ValueError(f"board takes {SIDE} x {SIDE} shades from 0 to {SHADES}, got the shape {shades.shape}")
        self.ink, self.sample = pack_images(shades), 0

    def controls(self) -> list[dict]:
        options = {name: [list(option) for option in of.items()] for name, of in (("bet", BETS), ("cut", CUTS))}
        return [
            slider("sample", "stored image (0: your drawing)", 0, STORED),
            {"name": "bet", "label": "your bet", "type": "choice", "options": options["bet"]},
            {"name": "cut", "label": "cut", "type": "choice", "options": options["cut"]},
            {"name": "ink", "label": "An empty board", "type": "ink", "longest": LONGEST_INK, "board": "sample"},
            {
                "name": "alphabet",
                "label": "alphabet",
                "type": "choice",
                "options": [[name, name] for name in ALPHABETS],
                "more": True,
            },
        ]

    def data(self) -> dict:
        return {alphabet: read_spine(alphabet) for alphabet in ALPHABETS}

    def state(self) -> dict:
        return climb_and_cut_state(self.values(), self._constants)

    def draw(self, figure, state: dict) -> None:
        board, bars = figure.subplots(1, 2, width_ratios=(1, 1.7))
        board.imshow(self.board, cmap="gray_r", vmin=0, vmax=SHADES)
        band = SIDE / LEVELS
        for k in range(1, LEVELS):
            board.axhline(k * band - 0.5, color=LIGHT.input, linewidth=0.8)
        board.set_yticks([SIDE - (k - 0.5) * band - 0.5 for k in range(1, LEVELS + 1)], range(1, LEVELS + 1))
        board.set(xticks=[], ylabel="level")
        if not state["votes"]:
            bars.set_axis_off()
            return
        most = max(abs(vote) for votes in state["votes"] for vote in votes) or 1
        classes = self._constants[self.alphabet]["classes"]
        for k, (votes, leader) in enumerate(zip(state["votes"][1:], state["leaders"], strict=True), 1):
            colours = [LIGHT.spinal if name == leader else LIGHT.linear for name in classes]
            bars.bar(range(len(classes)), [0.45 * vote / most for vote in votes], bottom=k, color=colours)
        bars.set_xticks(range(len(classes)), classes)
        bars.set_yticks(range(1, LEVELS + 1), [f"{k}: {leader}" for k, leader in enumerate(state["leaders"], 1)])
        bars.set(ylim=(0.5, LEVELS + 0.5), title="votes after each level")
