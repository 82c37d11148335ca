"""The order in which the study's runs are made, and what of them is missing. Source: the written protocol.

`spinalnet sweep all` makes what is missing, step by step; `study_progress` says it, for the book.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from ..data.facts import load_facts
from ..datasets import split_name
from ..heads.counting import measured_cost
from ..models.bodies import create_backbone
from ..paths import data_path
from ..records.files import own_records
from ..records.record import Record
from .cell import Cell
from .cells import list_cells
from .gate import cells_to_run
from .jobs import predicted_times
from .tiers import TIERS, Tier
from .tuning import is_current


@dataclass(frozen=True)
class Step:
    """Runs of one kind of one tier, or of a part of it, or of some of its data sets."""

    study: str
    tier: str
    part: str | None = None
    datasets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """In words, e.g. "study, tier C, crossed"."""
        return ", ".join([self.study, f"tier {self.tier}", *filter(None, [self.part]), *self.datasets])

    @property
    def reads_test(self) -> bool:
        """Whether its runs read a test set; searches and power runs have validation images only."""
        return self.study not in ("tuning", "power")

    @property
    def folder(self) -> str:
        """Where its records are, beside those of the other steps."""
        return "regression" if (self.study, self.tier) == ("published", "R") else self.study

    def command(self, results: str = "data/results") -> str:
        """The one command that makes its missing runs."""
        part = f" --part {self.part}" if self.part else ""
        sets = f" --sets {' '.join(self.datasets)}" if self.datasets else ""
        search = f" --tuning {results}/tuning" if self.study in ("power", "study", "sensitivity") else ""
        device = " --device cuda" if TIERS[self.tier].device == "cuda" else ""
        return (
            f"spinalnet sweep {self.study} --tier {self.tier}{part}{sets}{device} --out {results}/{self.folder}{search}"
        )

    def cells(
        self,
        records: Sequence[Record] | None,
        datasets: Sequence[str] = (),
        root=None,
        plans: Mapping[str, Tier] = TIERS,
        beside: Sequence[Record] = (),
    ) -> list[Cell]:
        """Its cells, as `list_cells` lists them, and those of its extension; of all its sets, or of some.

        `records` as in `list_cells`, and `beside` what has been run of it. Raises ValueError for cells that are not to be
        run yet.
        """
        cells = list_cells(self.study, self.tier, records, datasets or self.datasets, root, self.part, plans)
        return cells if records is None else cells_to_run(self.study, self.tier, cells, records, beside)


def _on_a_gpu() -> Iterator[Step]:
    """A data set after the other, so that minutes of a GPU end with something whole."""
    for name in TIERS["G"].datasets:
        yield from (Step(study, "G", None, (name,)) for study in ("tuning", "power", "study"))
    yield Step("published", "G")
    for tier in ("H", "T"):
        yield from (Step(study, tier) for study in ("tuning", "power", "study"))


STUDY_ORDER = (
    Step("tuning", "C"),
    Step("power", "C"),
    *(Step(study, "R") for study in ("tuning", "study", "published")),
    Step("study", "C", "primary"),
    Step("published", "C"),
    Step("study", "C", "crossed"),
    *(Step(study, "P") for study in ("tuning", "power", "study")),
    Step("study", "W"),
    Step("study", "D4"),
    *(Step(study, "F") for study in ("tuning", "study")),
    Step("study", "C", "ablations"),
    Step("sensitivity", "C"),
    Step("issue_6", "C", None, ("emnist_balanced_reduced",)),
    *_on_a_gpu(),
)


def undone(cells: Sequence[Cell], records: Sequence[Record], device: str = "cpu", threads: int = 1) -> list[Cell]:
    """The cells without a record made on such a device with so many threads, told without the data.

    A sweep compares keys besides, which tell changed data, too.
    """
    done = {
        (record.setup, record.tuning_id)
        for record in records
        if (record.device, record.threads) == (device, threads) and is_current(record)
    }
    return [cell for cell in cells if (cell.setup, cell.tuning_id) not in done]


def study_progress(records: Sequence[Record] | None = None, tiers: Sequence[str] = tuple(TIERS)) -> list[dict]:
    """What is planned and missing, a row a step: name, tier, device, planned, missing, minutes, command, waits_for.

    Of some tiers, or of all; `records` are the project's own unless given. `minutes` are those that the missing runs take
    one after another, told by the records most like them, on a GPU by the measured speed of VGG-5; None where nothing tells
    them. `waits_for` says why a step cannot begin yet, None where it can; its runs are then all missing.
    """
    records = own_records() if records is None else list(records)
    speed, rows = _vgg5_flops(), []
    for step in [step for step in STUDY_ORDER if step.tier in tiers]:
        device, waits_for = TIERS[step.tier].device, None
        try:
            cells = step.cells(records, beside=records)
            missing = undone(cells, records, device)
        except ValueError as error:
            waits_for = str(error)
            missing = cells = step.cells(None)
        by_speed = {"otherwise": partial(_by_speed, speed)} if device == "cuda" and speed else {}
        seconds = predicted_times(missing, records, **by_speed)
        rows.append(
            {
                "name": step.name,
                "tier": step.tier,
                "device": device,
                "planned": len(cells),
                "missing": len(missing),
                "minutes": None if None in seconds else sum(seconds) / 60,
                "command": step.command(),
                "waits_for": waits_for,
            }
        )
    return rows


def _by_speed(speed: float, cell: Cell) -> float | None:
    """At so many floating-point operations a second: each multiply-add is two, and a step is three forward passes."""
    facts = load_facts().get(split_name(cell.dataset)[0])
    if facts is None:
        return None
    channels, side, _ = facts["image_shape"]
    config, train = cell.config, facts["train"] - facts["validation_within_train"]
    examples = config.steps * config.batch_size if config.steps else config.epochs * train
    return 2 * 3 * _body_macs(cell.backbone, channels, side) * examples / speed


@cache
def _body_macs(backbone: str, channels: int, side: int) -> int:
    return measured_cost(create_backbone(backbone, channels, side), (channels, side, side)).macs


def _vgg5_flops() -> float | None:
    """Floating-point operations a second of VGG-5's steps on the GPU that was measured last."""
    path = data_path("results", "bench", "gpu.json")
    figures = json.loads(path.read_bytes())["figures"] if path.is_file() else []
    name = ("VGG-5 with augmentation, batch 1000", "TFLOP/s")
    return next((figure["value"] * 1e12 for figure in figures if (figure["name"], figure["unit"]) == name), None)
