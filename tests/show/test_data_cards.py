from xml.etree import ElementTree

import pytest

from spinalnet_lib import card_html, load_facts
from spinalnet_lib.data.cards import official_names
from spinalnet_lib.paths import data_path
from spinalnet_lib.show.data_cards import data_readme, official_card

NAMES = sorted({*official_names(), *load_facts()})


def test_the_readme_is_what_the_cards_and_counts_say():
    assert data_path("README.md").read_text() == data_readme(), "run `spinalnet data measure`"


@pytest.mark.parametrize("name", NAMES)
def test_every_card_is_a_table_of_two_columns(name):
    root = ElementTree.fromstring(card_html(name))
    cells = {row.find("th").text: row.find("td").text for row in root.iter("tr")}
    for title in ("Made by", "Licence", "Images, counted", "Classes", "Splits", "Know this"):
        assert cells[title], title
    card = official_card(name)
    assert root.find("caption").text == card["title"] and cells["Know this"] == card["traps"]
    shared = load_facts().get(name, {}).get("shares_images_with", {})
    lines = [line for line in ElementTree.tostring(root, "unicode").split("<br />") if "images are in its" in line]
    assert len(lines) == len(shared)
    for line, (other, counts) in zip(lines, shared.items(), strict=True):
        assert f"with {other}:" in line
        assert all(
            f"{count:,} {part.split('_')[0]} images" in line
            for part, count in counts.items()
            if count and "_in_" in part
        )


def test_what_was_not_counted_is_said_and_not_filled_in():
    absent = card_html(next(name for name in NAMES if name not in load_facts()))
    assert "not counted: the set is not at hand" in absent and "SHA-256" not in absent


def test_counts_are_those_of_the_facts():
    facts = load_facts()["mnist"]
    text = card_html("mnist")
    assert f"{facts['train']:,} training" in text and facts["sha256"] in text
    low, high = min(facts["images_per_class"]["test"]), max(facts["images_per_class"]["test"])
    assert f"test {low:,} to {high:,}" in text


def test_an_unknown_card_names_the_known():
    with pytest.raises(ValueError, match=r"'mars'.*'cars'.*birds225"):
        official_card("mars")
