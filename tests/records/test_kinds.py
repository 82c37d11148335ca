"""The kind of device that most runs were made on, the same whatever their order."""

import itertools

from spinalnet_lib.records.kinds import kind_of, usual_kind

CPU, TWO, GPU = ("cpu", 1), ("cpu", 2), ("cuda", 1)


def test_most_runs_have_it_and_among_equals_the_planned_device_wins():
    assert usual_kind([CPU, GPU, GPU]) == GPU and usual_kind([CPU, CPU, GPU], planned="cuda") == CPU
    for kinds in itertools.permutations([CPU, TWO, GPU]):
        assert usual_kind(kinds) == GPU and usual_kind(kinds, planned="cpu") == TWO
    assert usual_kind([]) is None


def test_a_record_has_its_device_and_threads(record):
    assert kind_of(record) == (record.device, record.threads)
