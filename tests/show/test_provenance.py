import base64
import io
import re

import pandas as pd
import pytest

from spinalnet_lib import CsvLink, describe_records, load_records, records_frame
from spinalnet_lib.show.provenance import describe_mean


def test_the_download_holds_exactly_the_rows():
    frame = records_frame(load_records("first_training")[:3])
    link = CsvLink(frame, 'a"b.csv')._repr_html_()
    assert 'download="a&quot;b.csv"' in link and "Download these 3 rows" in link
    content = base64.b64decode(re.search(r"base64,([^\"]+)", link)[1]).decode()
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(content)).dropna(axis=1), frame.dropna(axis=1))


def test_provenance_names_data_seeds_date_and_versions():
    records = [r for r in load_records("first_training") if r.dataset == "mnist_5k"]
    text = describe_records(records)
    first = records[0]
    said = ("40 runs of two_conv on mnist_5k", "3,330 training", "the test set was not read")
    assert all(part in text for part in (*said, first.date[:10], first.torch))
    several = describe_records(load_records("first_training"))
    assert all(part in several for part in ("80 runs", "mnist, mnist_5k", "3,330 training", "49,999 training"))
    with pytest.raises(ValueError, match="no records"):
        describe_records([])


def test_provenance_counts_the_runs_that_read_the_test_set():
    closed, tested = load_records("first_training")[:2], load_records("regression")[:1]
    assert describe_records(tested).startswith("1 run of ") and "the test set was read), seed " in describe_records(
        tested
    )
    assert (
        "3 runs of " in (text := describe_records([*closed, *tested])) and "the test set was read by 1 of them" in text
    )


def test_many_sizes_are_a_range_and_many_frozen_bodies_a_count():
    text = describe_records(load_records("study"))
    assert "mnist, mnist through 11 frozen bodies, monkeys10+efficientnet_lite0, " in text and " (50 to " in text
    assert text.count("frozen bodies") == 3 and " or " not in text.partition(";")[0]


def test_a_mean_has_its_interval_and_what_diverged_is_not_averaged():
    assert describe_mean([1.0, 2.0, 3.0, float("inf")], count="3 runs") == "2 (−0.484 to 4.48, 3 runs)"
    assert describe_mean([0.25], ".1%", "one seed") == "25.0% (one seed)" and describe_mean([0.5]) == "0.5"
    assert describe_mean([float("inf")]) == "diverged"
