from spinalnet_lib.bench import run
from spinalnet_lib.cli.main import main


def rows():
    yield {"name": "a", "peer": "b", "ratio": 1.0, "low": 0.9, "high": 1.1, "pairs": 3}


def test_a_group_is_measured_into_the_report(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "GROUPS", {"cpu": {"one": (rows,), "two": (rows,)}, "cuda": {}})
    assert main(["bench", "--only", "two", "--out", str(tmp_path)]) == 0
    assert '"two"' in (tmp_path / "cpu.json").read_text() and '"one"' not in (tmp_path / "cpu.json").read_text()


def test_the_named_groups_are_those_there_are(capsys):
    try:
        main(["bench", "--help"])
    except SystemExit:
        said = capsys.readouterr().out
    assert all(group in said for groups in run.GROUPS.values() for group in groups)
