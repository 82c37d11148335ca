"""The command `power` writes what the power runs give, and says it without a direction."""

import json

import numpy as np

from spinalnet_lib.cli.main import main
from spinalnet_lib.study import gate
from tests.study.cases import comparison, ended_search, own_results, power_runs


def test_it_writes_the_file_that_primary_cells_wait_for(record, tmp_path, monkeypatch, capsys):
    pair = comparison("C Fashion, tuned, spinal against mlp_matched")
    searches = ended_search(record, "fashion_mnist")
    runs = power_runs(record, pair, np.tile([-0.002, 0.002], 4), searches)
    monkeypatch.setattr(gate, "data_path", lambda *parts: tmp_path.joinpath(*parts))
    own_results(monkeypatch, tmp_path, tuning=searches)
    assert main(["power"]) == 2 and "sweep power" in capsys.readouterr().err
    own_results(monkeypatch, tmp_path, power=runs)
    assert main(["power", "--repeats", "1"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(pair.name) and "power.json" in said and "1 planted studies" in said
    assert list(json.loads((tmp_path / "results" / "power.json").read_text())) == [pair.name]
