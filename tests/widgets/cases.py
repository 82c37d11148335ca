"""Control values at which the widgets are tested, in Python and in the browser."""

import itertools

from spinalnet_lib import load_bench, load_records

RECORDS = [r for r in load_records("first_training") if r.dataset == "mnist_5k"]
BENCH = [*load_bench("cpu"), *load_bench("gpu")]
GROUPS = tuple(dict.fromkeys(row["group"] for row in BENCH))


def _grid(**values) -> list[dict]:
    return [dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values())]


GRIDS = {
    "weight-counter": _grid(
        in_features=(1, 7, 256, 4096),
        num_splits=(1, 2, 3, 16),
        num_layers=(1, 2, 5, 16),
        layer_width=(1, 8, 101, 1024),
        num_classes=(1, 10, 1000),
        hidden_size=(1, 50, 4096),
    ),
    "split-explorer": _grid(
        in_features=(1, 5, 16, 48),
        num_splits=(1, 2, 3, 8),
        num_layers=(1, 4, 8),
        layer_width=(1, 3, 8),
        num_classes=(1, 10),
        feature=(0, 3, 15, 47),
    ),
    "error-curves": _grid(
        arms=([], [0], [1, 3], [0, 1, 2, 3]), seeds=(1, 2, 3, 10), interval=("t", "range", "none"), log=(True, False)
    ),
    "speed-ratios": _grid(group=GROUPS, seconds=(1, 7, 60, 3600), fastest_first=(True, False)),
}
