from spinalnet_lib.show.palette import LIGHT
from spinalnet_lib.show.run_groups import group_runs
from spinalnet_lib.show.search import draw_search, search_losses
from tests.show.cases import LOSSES, assert_drawn_with_words, drawn, search_of


def test_losses_are_those_of_places_whose_seeds_are_all_there(record):
    whole = search_of(record, LOSSES)
    assert search_losses(*group_runs(whole)) == {"spinal": LOSSES}
    assert len(search_losses(*group_runs(whole[1:]))["spinal"]) == len(LOSSES) - 1


def test_each_dropout_rate_is_a_line_and_a_ring_marks_the_lowest(record):
    picture = draw_search(*group_runs(search_of(record, LOSSES)))
    assert_drawn_with_words(picture)
    plain, dropped, ring = drawn(picture).lines
    assert (plain.get_linestyle(), dropped.get_linestyle()) == ("-", "--")
    assert {line.get_color() for line in (plain, dropped)} == {LIGHT.spinal}
    assert list(ring.get_xdata()) == [0.003]


def test_a_search_that_diverged_everywhere_has_no_figure(record):
    losses = dict.fromkeys(LOSSES, float("inf"))
    assert draw_search(*group_runs(search_of(record, losses))) is None
