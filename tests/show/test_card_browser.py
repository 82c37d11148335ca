"""Every card stands in the browser once, and shows images or says why not."""

from xml.etree import ElementTree

from spinalnet_lib import browse_cards, card_html, load_facts, show_card
from spinalnet_lib.data.cards import official_names
from spinalnet_lib.show.thumbnails import thumbnails_html

NAMES = sorted({*official_names(), *load_facts()})


def test_every_card_is_folded_once_with_its_images_or_the_reason():
    folds = ElementTree.fromstring(browse_cards()).findall("details")
    assert [fold.find("summary/code").text for fold in folds] == NAMES
    assert {fold.get("name") for fold in folds} == {"cards"} and not any("open" in fold.attrib for fold in folds)
    for name, fold in zip(NAMES, folds, strict=True):
        assert fold.get("id") == name.replace("_", "-")
        table = ElementTree.tostring(fold.find("table"), "unicode").strip()
        assert table == ElementTree.tostring(ElementTree.fromstring(card_html(name)), "unicode")
        shown = fold.find("figure/img")
        assert (shown is not None) == bool(thumbnails_html(name))
        assert shown is not None or "No thumbnails are shipped" in fold.find("p").text
        said = fold.find("summary/small").text
        parts = [other for other in load_facts() if other.startswith(f"{name}_") and other not in official_names()]
        state = "counted here" if name in load_facts() else "in part" if parts else "not at hand"
        assert state in said


def test_a_card_in_a_notebook_shows_its_images_or_thumbnails_or_says_so(monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    monkeypatch.setenv("SPINALNET_DATA", str(tmp_path))
    for name in ("digits", "kmnist", "cars"):
        show_card(name)
    assert [type(item).__name__ for item in shown] == ["HTML", "Picture", "HTML", "HTML", "HTML", "Markdown"]
    assert "kmnist_10k" in shown[3].data and "not at hand" in shown[5].data
