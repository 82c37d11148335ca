import re

import pytest

from spinalnet_lib import Guess


@pytest.fixture
def choice():
    return Guess("size", "How many?", {"a tenth": 0.1, "a half": 0.5, "nearly <all>": 0.9})


@pytest.mark.parametrize(("value", "truth"), [(0.88, "nearly &lt;all&gt;"), (0.31, "a half"), (0.0, "a tenth")])
def test_the_truth_is_the_nearest_choice(choice, value, truth):
    html = choice.meets(value, "counted").to_html()
    assert f'data-truth="{truth}"' in html and f"<strong>{truth}</strong>" in html and "data-number" not in html


def test_a_slider_meets_its_number():
    share = Guess("share", "What share?", high=100, unit="\u00a0%")
    html = share.meets(62.4, "counted").to_html()
    assert 'data-number="62"' in html and "<strong>62\u00a0%</strong>" in html
    for wrong in (-1, 101):
        with pytest.raises(ValueError, match=f"{wrong}.*0 to 100"):
            share.meets(wrong, "")


def test_what_nobody_knows_yet_is_no_truth(choice):
    for guess in (choice, Guess("share", "What share?", high=100)):
        html = guess.meets(None, "12 of 30 runs are there").to_html()
        assert "<strong>not known yet</strong>" in html and " data-open" in html and "data-number" not in html
    assert "data-open" not in choice.meets(0.5, "counted").to_html()


def test_the_box_is_hidden_until_a_script_can_keep_what_it_says(choice):
    html = choice.to_html()
    assert re.search(r"<fieldset[^>]* hidden>", html) and html.count('type="radio"') == 3
    assert "style=" not in html and "<script" not in html and 'value="nearly &lt;all&gt;"' in html
    assert choice._repr_mimebundle_()["text/plain"] == "How many? a tenth / a half / nearly <all>"


def test_why_is_text():
    assert "a &lt;b&gt; c" in Guess("yes", "Is it?", {"yes": 1, "no": 0}).meets(True, "a <b> c").to_html()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "choices=None.*high=None"),
        ({"choices": {"yes": 1, "no": 0}, "high": 3}, "choices=.*high=3"),
        ({"choices": {"yes": 1}}, "choices="),
        ({"name": "A b", "high": 3}, "name='A b'"),
    ],
)
def test_what_is_no_question_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        Guess(**{"name": "it", "question": "?", **arguments})
