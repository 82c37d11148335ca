"""Speed ratios: what takes less time than its peer, what takes more, and what that does to a time of your own."""

from __future__ import annotations

from collections.abc import Sequence

import traitlets

from .base import Widget, percent, ratio, slider

TITLES = {
    "heads": "spinal against dense heads",
    "training": "training on a CPU",
    "stacked": "many seeds at once",
    "runs": "sweeps and records",
    "gpu": "training on a GPU",
}
COLOURS = {"less": "#0072b2", "more": "#d55e00", "unclear": "#767676"}
MARKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # of the axis, in percent
_WORDS = {"less": "less time", "more": "more time", "unclear": "no clear difference"}


def speed_ratios_state(values: dict, data: dict) -> dict:
    """The rows of the chosen group in order, each with a reading: less or more time than its peer, or unclear.

    `data`: `groups` [{key, title, rows [{name, peer, ratio, low, high}]}], ratios of times in thousandths. A reading is
    clear where the whole range lies on one side of one.
    """
    rows = next(group["rows"] for group in data["groups"] if group["key"] == values["group"])
    order = list(range(len(rows)))
    if values["fastest_first"]:
        order.sort(key=lambda i: rows[i]["ratio"])
    readings = ["less" if rows[i]["high"] < 1000 else "more" if rows[i]["low"] > 1000 else "unclear" for i in order]
    cells = [
        [
            f"{rows[i]['name']}, against {rows[i]['peer']}",
            f"{percent(rows[i]['ratio'], 1000)} of the time "
            f"({percent(rows[i]['low'], 1000)} to {percent(rows[i]['high'], 1000)}): "
            f"{values['seconds']}\u00a0s become {ratio(values['seconds'] * rows[i]['ratio'], 1000)}\u00a0s",
        ]
        for i in order
    ]
    counts = ", ".join(f"{readings.count(reading)} {words}" for reading, words in _WORDS.items())
    return {
        "error": None,
        "order": order,
        "readings": readings,
        "rows": cells,
        "summary": f"Of {len(rows)} comparisons: {counts}. First: {': '.join(cells[0])}.",
    }


class SpeedRatios(Widget):
    """Ratios of times out of reports of `spinalnet bench`; `rows` are those of `load_bench`, each with its group.

    Live: traits `group`, `seconds` (what the peer takes) and `fastest_first`. Raises ValueError without rows.
    """

    kind = "speed-ratios"
    title = "Speed, as ratios of times"

    group = traitlets.Unicode().tag(sync=True)
    seconds = traitlets.Int(60, min=1, max=3600).tag(sync=True)
    fastest_first = traitlets.Bool(True).tag(sync=True)

    def __init__(self, rows: Sequence[dict], **values):
        if not rows:
            raise ValueError("SpeedRatios: no rows; measure some with `spinalnet bench`, or pass those of load_bench")
        self._groups: dict[str, list[dict]] = {}
        for row in rows:
            ratios = {name: round(1000 * row[name]) for name in ("ratio", "low", "high")}
            self._groups.setdefault(row["group"], []).append({"name": row["name"], "peer": row["peer"], **ratios})
        super().__init__(**{"group": next(iter(self._groups)), **values})

    @traitlets.validate("group")
    def _known_group(self, proposal):
        if proposal["value"] not in self._groups:
            raise traitlets.TraitError(f"group {proposal['value']!r} is not here; choose from {list(self._groups)}")
        return proposal["value"]

    def controls(self) -> list[dict]:
        options = [[key, TITLES.get(key, key)] for key in self._groups]
        return [
            {"name": "group", "label": "compare", "type": "choice", "options": options},
            slider("seconds", "the peer takes, seconds", 1, 3600),
            {"name": "fastest_first", "label": "fastest first", "type": "check"},
        ]

    def data(self) -> dict:
        groups = [{"key": key, "title": TITLES.get(key, key), "rows": rows} for key, rows in self._groups.items()]
        return {"groups": groups}

    def state(self) -> dict:
        return speed_ratios_state(self.values(), self.data())

    def draw(self, figure, state: dict) -> None:
        rows = [self._groups[self.group][i] for i in state["order"]]
        figure.set_figheight(0.9 + 0.36 * len(rows))
        axes = figure.subplots()
        for y, (row, reading) in enumerate(zip(rows, state["readings"], strict=True)):
            axes.plot([row["low"] / 10, row["high"] / 10], [y, y], color=COLOURS[reading], linewidth=3, alpha=0.5)
            axes.plot(row["ratio"] / 10, y, "o", color=COLOURS[reading])
        axes.axvline(100, color="#767676", linestyle=":")
        axes.set_yticks(range(len(rows)), [f"{row['name']}\nagainst {row['peer']}" for row in rows], fontsize=7)
        axes.set(xscale="log", ylim=(len(rows) - 0.5, -0.5), xlabel="time, % of the peer's")
        low, high = axes.get_xlim()
        axes.set_xticks([mark for mark in MARKS if low <= mark <= high], minor=False)
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.spines[["top", "right"]].set_visible(False)
