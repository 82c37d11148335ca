"""Tables that a telephone has no room for name the column in each cell; the others stay as they are."""

import re

import pandas as pd
import pytest
from tables import stackable

WIDE = pd.DataFrame({name: ["a_word_that_is_long"] for name in ("first", "second", "third")})


def labels(table):
    return re.findall(r'<(t[dh])[^>]* data-label="([^"]*)"', stackable(table))


def test_each_cell_of_a_wide_table_has_the_name_of_its_column():
    assert labels(WIDE.to_html(index=False)) == [("td", "first"), ("td", "second"), ("td", "third")]


def test_a_named_index_is_a_column_with_its_name():
    assert labels(WIDE.rename_axis("target").to_html())[:2] == [("th", "target"), ("td", "first")]


@pytest.mark.parametrize(
    "table",
    [
        WIDE[["first"]].to_html(index=False),
        WIDE.replace("_", " ", regex=True).to_html(index=False),  # its words can stand one below the other
        WIDE.T.to_html(index=False, header=False),
    ],
)
def test_what_has_room_or_no_header_stays_as_it_is(table):
    assert stackable(table) == table
