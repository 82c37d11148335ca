"""Before a primary cell is run: its δ and its power, from the power runs, committed; then the cells, and their extension.

Source: `data/protocol.md`, rules 4 and 11. `power.json` holds spreads and probabilities, and no pilot's mean: it would tell
a direction.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from ..checks import check_int, needs
from ..files import write_whole
from ..paths import data_path
from ..records.files import own_records
from ..records.record import Record
from ..training.recipes import POWER_SEEDS, TUNING_SEEDS
from .blindness import beside_searches
from .cell import Cell
from .comparisons import COMPARISONS, Comparison
from .drill import drill
from .evidence import evidence_of
from .extension import extension_cells
from .gains import LOG_DELTAS, delta, pilot_overlap, pilot_spread
from .power import RIGHT, power

FEWEST_STUDIES = 100  # of a drill that opens a test set, for each planted effect
_DIGITS = 6  # that are written; the last bits are those of a machine


def cells_to_run(
    study: str, tier: str, cells: Sequence[Cell], searches: Sequence[Record], beside: Sequence[Record] = ()
) -> list[Cell]:
    """The cells that `list_cells` gave for a tier, as far as they may be run now, and those of its extension.

    `searches` are the records that the settings come from, `beside` what has been run of the tier, with the project's own
    records. Raises ValueError for cells of the study, tuned or as published, whose power is not committed.
    """
    if study in ("study", "published"):
        check_power(cells)
    if study != "study":
        return list(cells)
    return [*cells, *extension_cells(tier, cells, beside_searches(searches, beside))]


def power_file() -> Path:
    """Where the power of the primary cells is committed."""
    return data_path("results", "power.json")


def power_of_plan(records: Sequence[Record]) -> dict[str, dict]:
    """For each comparison whose power runs are there its `delta`, `pilot_sd` and, for a true effect of 0, 1.5 δ and 2 δ,
    the probability of each verdict, with the pilot's standard deviation and both ends of its 95 % interval. Needs scipy.
    """
    found = {}
    for each in COMPARISONS:
        known = _told(each, records)
        if known:
            overlap = pilot_overlap(each, records)
            spread = pilot_spread(each, records)
            rows = power(spread, known["delta"], len(each.seeds), each.families, overlap)
            rows = [{name: _as_written(name, value) for name, value in row.items()} for row in rows]
            found[each.name] = known | {"seeds": len(each.seeds), "families": each.families, "power": rows}
    return found


def write_power(records: Sequence[Record], repeats: int = 200, progress: bool = False) -> dict[str, dict]:
    """Write `power_of_plan` of the records into its file, whole or not at all, and return it; ValueError where there is none.

    With the drill of the primary pairs: for each planted effect the share of each verdict over so many studies. One that is
    there already, of at least as many studies with this δ and spread, stays.
    """
    with needs("book"):
        from tqdm import tqdm
    check_int("write_power", "repeats", repeats)
    before = {*TUNING_SEEDS, *POWER_SEEDS}
    pilots = [record for record in records if record.seed in before]  # beside real runs none is planted
    found, committed = power_of_plan(pilots), committed_power()
    if not found:
        raise ValueError("no power runs in data/results; make them first with `spinalnet sweep power --tier C`")
    todo = []
    for each in filter(is_drilled, COMPARISONS):
        said = dict(committed.get(each.name, {}))
        drilled = said.pop("drill", {})
        if said and said == found.get(each.name) and drilled.get("repeats", 0) >= repeats:
            found[each.name]["drill"] = drilled
        elif each.name in found:
            todo += [(each, effect) for effect in RIGHT]
    for each, effect in tqdm(todo, desc="drill", disable=not progress):
        drilled = found[each.name].setdefault("drill", {"repeats": repeats, "shares": {}})
        drilled["shares"][f"{effect:g}"] = drill(each, pilots, effect, repeats)
    write_whole(power_file(), json.dumps(found, indent=1) + "\n")
    return found


def is_drilled(comparison: Comparison) -> bool:
    """Whether it is a primary one of tier C, whose test sets are opened only after the drill."""
    return (comparison.tier, comparison.reference, comparison.recipe) == ("C", "mlp_matched", "tuned")


def check_power(cells: Sequence[Cell]) -> None:
    """Raise ValueError where a cell is of a pair whose δ comes from power runs, and δ and spread are not committed as these
    give them, or the drill is not, or did not give the right verdicts as often as promised.

    It is about the project's own searches, and the recipe as published; a user's cells have other ones.
    """
    reading = [cell for cell in cells if cell.config.read_test]  # power runs, of the same pairs, do not
    wanted = {(cell.setup, cell.tuning_id) for cell in reading if cell.tuning_id is not None}
    if not wanted:
        return
    own = own_records()
    for each in (each for each in COMPARISONS if each.tier not in LOG_DELTAS):
        of_pair = evidence_of(own).cells_so_far(each).values()
        if wanted.isdisjoint((cell.setup, cell.tuning_id) for cell in of_pair):
            continue
        known, committed = _told(each, own), committed_power().get(each.name)
        if known is None:
            raise ValueError(f"{each.name}: {_lacking(each, own)}")
        if committed is None or not all(
            math.isclose(committed.get(name, math.nan), known[name], rel_tol=1e-4) for name in known
        ):
            said = committed and {name: committed.get(name) for name in known}
            raise ValueError(
                f"{each.name}: the records give {known}, {power_file()} says {said}; run `spinalnet power`, and commit it"
            )
        if is_drilled(each) and (wrong := _wrong_drill(committed)):
            raise ValueError(f"{each.name}: {power_file()} {wrong}")


def _wrong_drill(committed: dict) -> str:
    """What is wrong with the drill of a pair; empty where it may be begun."""
    drilled = committed.get("drill", {})
    repeats, shares = drilled.get("repeats", 0), drilled.get("shares", {})
    if repeats < FEWEST_STUDIES or {*shares} != {f"{effect:g}" for effect in RIGHT}:
        return f"lacks a drill of at least {FEWEST_STUDIES} studies an effect; run `spinalnet power`, and commit it"
    for row in committed["power"]:
        promised, found = row["right"], shares[f"{row['effect']:g}"].get(RIGHT[row["effect"]], 0.0)
        error = math.sqrt(promised * (1 - promised) / repeats) + 1 / repeats
        if row["sd_is"] == "estimate" and found < promised - 3 * error:
            return (
                f"says that the drill gave the right verdict in {found:.1%} of {repeats} studies with an effect of "
                f"{row['effect']:g} δ, and {promised:.1%} are promised: find out why before a test set is read"
            )
    return ""


def _lacking(comparison: Comparison, records: Sequence[Record]) -> str:
    """Why δ or the spread of a pair cannot be told."""
    runs = evidence_of(records).runs(comparison, POWER_SEEDS)
    if len(runs) < len(comparison.arms) * len(comparison.datasets) * len(POWER_SEEDS):
        return f"power runs are missing; make them with `spinalnet sweep power --tier {comparison.tier}`"
    diverged = ", ".join(f"{arm} on {name}, seed {seed}" for (arm, name, seed), run in runs.items() if run.diverged)
    return f"power runs diverged ({diverged}), so that δ cannot be told; decide what stands for them, and write it down"


def _told(comparison: Comparison, records: Sequence[Record]) -> dict[str, float] | None:
    least, spread = delta(comparison, records), pilot_spread(comparison, records)
    if least is None or spread is None:
        return None
    return {"delta": _rounded(least), "pilot_sd": _rounded(spread.std(ddof=1))}


def committed_power() -> dict:
    """What the file of `power_file` says, empty where it is not there; ValueError for one that is damaged."""
    path = power_file()
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); write it anew with `spinalnet power`") from error
    return found if isinstance(found, dict) else {}


def _as_written(name: str, value: float | str) -> float | str:
    """Of a row of `power`: probabilities that are next to 0 or 1 have no digits of their own."""
    return value if isinstance(value, str) else _rounded(value) if name == "sd" else round(float(value), _DIGITS)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
