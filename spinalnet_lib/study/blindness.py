"""What may be shown of the study's runs before a cell of the plan is complete: nothing that tells a direction.

A cell is a comparison with all its runs, those of its extension where it needs one. While it is incomplete no output
shows results of its reference, nor of its other arm unless a complete cell has those, too; of the power runs only the
reference's are shown. While a primary cell is incomplete no other run of the study on its sets with its body is shown, nor
of heads on features that this body made of them. What no comparison judges (two by two, ablations, sizes, other settings, a
user's question) is shown of a head on a set once all its planned seeds are there.
Every output asks here. It is about runs with the settings of the project's own searches; a user's own runs are the user's.
Source: `data/protocol.md`, rule 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..datasets import split_name
from ..records.files import own_records
from ..records.record import Record
from ..training.recipes import POWER_SEEDS, TUNING_SEEDS
from .comparisons import COMPARISONS, Comparison
from .completeness import is_complete, is_withheld
from .evidence import evidence_of, places_of
from .tuning import NO_SEARCH, with_searches

HIDDEN = "not shown until its cell of the plan is complete"


def hidden(records: Sequence[Record], beside: Sequence[Record] = (), judged: bool = False) -> set[str]:
    """The keys of those of the records whose results are not to be shown yet.

    Whether a cell is complete is told by these records, by others `beside` them and by the project's own. With `judged`
    cells are those of the plan's comparisons alone.
    """
    theirs = [record for record in records if record.tuning_id is not None]
    if not theirs:
        return set()
    known, datasets = with_own([*records, *beside]), {record.dataset for record in theirs}
    ids, closed = _secret(known, datasets), _closed(known, theirs)
    if not judged:
        ids = _unfinished(known, datasets) | ids
    chosen_by = {*POWER_SEEDS, *TUNING_SEEDS}

    def is_closed(record: Record) -> bool:
        places = places_of(record.dataset, record.model["backbone"])
        return record.seed not in chosen_by and any(record.tuning_id in closed.get(place, ()) for place in places)

    return {record.key for record in theirs if ids.get(record.setup) == record.tuning_id or is_closed(record)}


def shown(records: Sequence[Record], beside: Sequence[Record] = (), judged: bool = False) -> list[Record]:
    """The records whose results may be shown, in their order; `beside` and `judged` as in `hidden`."""
    keys = hidden(records, beside, judged)
    return [record for record in records if record.key not in keys]


def is_open(comparison: Comparison, records: Sequence[Record]) -> bool:
    """Whether a cell is still blind, by these records."""
    return not is_complete(comparison, records) or is_withheld(comparison, records)


def with_own(records: Sequence[Record]) -> list[Record]:
    """The project's own records and these, a run once; searches are the project's own, or where it has none the given ones."""
    own = [record for record in own_records() if record.seed in TUNING_SEEDS]
    return beside_searches(with_searches(own, records), records)


def beside_searches(searches: Sequence[Record], records: Sequence[Record]) -> list[Record]:
    """These searches, and beside them the project's other records and those given, a run once."""
    others = {record.key: record for record in [*own_records(), *records] if record.seed not in TUNING_SEEDS}
    return [*searches, *others.values()]


def _closed(records: Sequence[Record], theirs: Sequence[Record]) -> dict[tuple[str, str], set[str]]:
    """Of the places of some runs those that are closed, with the study's searches there: other settings of the arms, ablations,
    widths and fewer images would tell of a cell, too.

    A place is closed while a primary cell on it is blind, in tier P one at full size, and in tier F while a planned run on
    its images is missing.
    """
    evidence = evidence_of(records)
    places = set().union(*(places_of(run.dataset, run.model["backbone"]) for run in theirs))
    closed = {
        place
        for each in COMPARISONS
        for place in places.intersection((name, each.backbone) for name in each.datasets)
        if (each.extended or each.tier == "P") and is_open(each, records)
    }
    closed |= {
        place for place in places - closed if "+" in place[0] and evidence.lacks_heads_on(split_name(place[0])[0])
    }
    return {place: {NO_SEARCH, *evidence.search_ids(place)} for place in closed}


def _secret(records: Sequence[Record], datasets: set[str]) -> dict[tuple, str | None]:
    """What is run on these sets that is not to be shown, and the search that its settings came from."""
    evidence = evidence_of(records)
    cells = {each: evidence.cells_so_far(each) for each in COMPARISONS if not datasets.isdisjoint(each.datasets)}
    blind = {each for each, planned in cells.items() if planned and is_open(each, records)}
    told = {
        cell.setup
        for each, planned in cells.items()
        for (head, *_), cell in planned.items()
        if head == each.arm and each not in blind
    }
    secret = {}
    for each in blind:
        for (head, _, seed), cell in cells[each].items():
            if cell.setup not in told if head == each.arm else seed not in POWER_SEEDS:
                secret[cell.setup] = cell.tuning_id
    return secret


def _unfinished(records: Sequence[Record], datasets: set[str]) -> dict[tuple, str | None]:
    """What is planned on these sets beside the comparisons and is not whole, and the search that its settings came from.

    Runs that belong to a comparison that is told, or to another part that is whole, are not in it.
    """
    evidence, made = evidence_of(records), {(run.setup, run.tuning_id) for run in records}
    told = {
        cell.setup
        for each in COMPARISONS
        if not datasets.isdisjoint(each.datasets) and not is_open(each, records)
        for cell in evidence.cells(each).values()
    }
    groups = [cells for name in datasets for cells in evidence.beside_comparisons(name)]
    whole = [all((cell.setup, cell.tuning_id) in made for cell in cells) for cells in groups]
    told.update(cell.setup for cells, is_whole in zip(groups, whole, strict=True) if is_whole for cell in cells)
    return {cell.setup: cell.tuning_id for cells in groups for cell in cells if cell.setup not in told}
