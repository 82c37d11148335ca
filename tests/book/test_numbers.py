"""Numbers on the built pages equal what the library computes from the committed records and counts now."""

import re

import pytest

from spinalnet_lib import head_cost, load_bench, load_records, mean_interval, paper_head, signed
from tests.book.book_site import NOTEBOOKS


def text_of(site, chapter):
    html = (site / f"{chapter}.html").read_text()
    article = html[html.index("<article") : html.index("</article>")]
    article = re.sub(r"<script.*?</script>", " ", article, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", article))


def test_introduction_counts_the_papers_heads(site):
    dense, spinal = (head_cost(name, 256, 10, **paper_head("vgg5", name)).weights for name in ("mlp", "spinal"))
    assert f"{spinal:,} weights on the right, {dense:,} on the left" in text_of(site, "book/introduction")


def test_speed_shows_the_measured_ratios(site):
    text = text_of(site, "book/appendix/speed")
    rows = [*load_bench(), *load_bench("gpu")]
    assert rows
    for row in rows:
        if not row["name"].startswith(("import ", "10,000 records")):
            assert f"{row['name']} {row['peer']} {row['ratio']:.3g} ({row['low']:.3g} to {row['high']:.3g})" in text


@pytest.mark.parametrize("dataset", ["mnist", "mnist_5k"])
def test_training_shows_the_recorded_differences(site, dataset):
    errors = {
        (r.arm, r.seed): 100 * r.curve[-1]["val_error"] for r in load_records("first_training") if r.dataset == dataset
    }
    pairs = [errors["spinal, no dropout", seed] - errors["mlp, dropout 0.5", seed] for seed in range(10)]
    mean, low, high = (signed(value, "+.3f") for value in mean_interval(pairs))
    assert f"{dataset} as published: only dense drops {mean} {low} to {high}" in text_of(
        site, "book/evidence/first_training"
    )


@pytest.mark.parametrize("chapter", NOTEBOOKS)
def test_no_page_writes_a_minus_as_a_hyphen(chapter, site):
    html = (site / f"{chapter}.html").read_text()
    article = re.sub(r"<(script|pre|code)\b.*?</\1>", " ", html[html.index("<article") :], flags=re.DOTALL)
    shown = re.findall(r'\balt="([^"]*)"|>([^<]+)', article)
    found = [text for pair in shown for text in pair if re.search(r"(?<![\w.)\]-])-\.?\d", text)]
    assert not found


@pytest.mark.parametrize("chapter", NOTEBOOKS)
def test_no_page_shows_an_error_or_a_warning_of_python(chapter, site):
    text = text_of(site, chapter)
    assert "Traceback" not in text and "Warning:" not in text and "0%|" not in text
