"""The chapters' sources keep the contract: public names only, short code, all parts present."""

import ast
import json
import re
import tomllib

import pytest
import yaml
from prose_numbers import numbers_typed_in_code, typed_numbers

import spinalnet_lib
from spinalnet_lib.checks import REPOSITORY
from tests.book.book_site import CHAPTERS, NOTEBOOKS, ROOT

SCREEN = 40  # lines
WIDGETS = [name for module, name in spinalnet_lib._PUBLIC.items() if module.startswith("widgets.")]
PARTS = ("The question", "[Cc]ommit to a guess", "Limits|would change our mind", "Exercises", "Summary", "bibliography")


def load(chapter):
    return json.loads((ROOT / f"{chapter}.ipynb").read_text())


def sources(chapter, kind):
    return ["".join(cell["source"]) for cell in load(chapter)["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize("chapter", NOTEBOOKS)
class TestEveryNotebook:
    def test_only_public_names_of_the_library_are_used(self, chapter):
        for code in sources(chapter, "code"):
            for node in ast.walk(ast.parse(code)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spinalnet_lib"):
                    assert node.module == "spinalnet_lib"
                    assert {name.name for name in node.names} <= set(spinalnet_lib.__all__)
                if isinstance(node, ast.Import):
                    assert not any(name.name.startswith("spinalnet_lib") for name in node.names)

    def test_no_function_is_longer_than_a_screen(self, chapter):
        for code in sources(chapter, "code"):
            assert len(code.splitlines()) <= SCREEN
            assert all(len(line) <= 260 for line in code.splitlines())

    def test_the_claim_is_the_first_sentence(self, chapter):
        title, claim, *_ = sources(chapter, "markdown")[0].split("\n\n")
        assert title.startswith("# ") and claim.startswith("**") and claim.endswith(".**")
        assert not re.search(r"[.!?] ", claim), "one sentence"

    def test_equations_have_labels_and_no_numbers(self, chapter):
        """The build numbers them by chapter; `{eq}` names one."""
        assert not [text for text in sources(chapter, "markdown") if "\\tag{" in text]

    def test_links_to_other_notebooks_stand_in_prose(self, chapter):
        """The build resolves them there, and not in what a cell writes."""
        assert not [code for code in sources(chapter, "code") if ".ipynb)" in code]

    def test_costs_are_declared(self, chapter):
        assert load(chapter)["metadata"]["spinalnet"].keys() == {"gpu", "download"}


@pytest.mark.parametrize("chapter", CHAPTERS)
class TestEveryChapter:
    def test_the_parts_of_a_chapter_are_there_in_order(self, chapter):
        text = "\n".join(sources(chapter, "markdown"))
        at = 0
        for part in PARTS:
            match = re.search(part, text[at:])
            assert match, f"{part} is missing or out of order"
            at += match.start()

    def test_every_exercise_with_code_has_an_executed_solution(self, chapter):
        start = "# Solution of exercise"
        solutions = [cell for cell in load(chapter)["cells"] if "".join(cell["source"]).startswith(start)]
        assert solutions
        assert all("hide-cell" in cell["metadata"].get("tags", []) for cell in solutions)

    def test_there_is_a_widget_with_its_chapter(self, chapter):
        """An appendix, where numbers are looked up, may have a figure instead."""
        instead = "|plot_[a-z_]+" if chapter.startswith("book/appendix/") else ""
        assert any(re.search(rf"\b({'|'.join(WIDGETS)}{instead})\(", code) for code in sources(chapter, "code"))

    def test_each_guess_is_met_by_a_truth_that_code_computed(self, chapter):
        calls = [
            call
            for code in sources(chapter, "code")
            for call in ast.walk(ast.parse(code))
            if isinstance(call, ast.Call)
        ]
        asked = [call for call in calls if getattr(call.func, "id", None) == "Guess"]
        met = [call for call in calls if getattr(call.func, "attr", None) == "meets"]
        assert len(asked) == len(met) > 0
        assert not [call for call in met if isinstance(call.args[0], ast.Constant)]

    def test_what_is_drawn_can_be_downloaded(self, chapter):
        assert [code for code in sources(chapter, "code") if "CsvLink(" in code]


@pytest.mark.parametrize("path", sorted((ROOT / "book").rglob("*.ipynb")), ids=lambda path: path.stem)
def test_no_finding_is_typed_into_prose(path):
    """As the build says it, and minutes sooner."""
    for cell in json.loads(path.read_text())["cells"]:
        find = {"markdown": typed_numbers, "code": numbers_typed_in_code}.get(cell["cell_type"])
        assert not (find and find("".join(cell["source"]))), cell["source"]


def test_the_training_chapter_trains_as_the_book_says():
    """Outside the fast mode: three seeds, eight epochs of the embedded images or one of all of MNIST, both heads."""
    code = "\n".join(code for code in sources("book/evidence/first_training", "code") if "BOOK_FAST" not in code)
    recipes = ("TrainConfig(epochs=1, evals_per_epoch=8)", "TrainConfig(epochs=8)")
    assert all(part in code for part in ("seeds = range(3)", *recipes, '("mlp", "spinal")'))


def test_the_introduction_lists_every_chapter_once_in_order():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    listed = re.findall(r"^\| \[[^\]]+\]\(([\w/]+)\.\w+\) \|", "\n".join(sources(toc["root"], "markdown")), re.M)
    assert [f"book/{name}" for name in listed] == chapters


def test_the_build_refuses_warnings():
    assert "jupyter-book build . -W -n --keep-going" in (ROOT / "Makefile").read_text()


def test_all_chapters_install_the_library_in_the_same_way():
    setups = {next(code for code in sources(chapter, "code") if "find_spec" in code) for chapter in NOTEBOOKS}
    assert len(setups) == 1
    setup = setups.pop()
    assert f"@v{spinalnet_lib.__version__}" in setup
    assert f"git+{REPOSITORY}@v" in setup


def test_the_repository_is_the_same_address_everywhere():
    owner = REPOSITORY.removeprefix("https://github.com/")
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert config["repository"]["url"] == REPOSITORY
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"] == REPOSITORY
    for path in [*(ROOT / "book").rglob("*.ipynb"), ROOT / "README.md", ROOT / "CITATION.cff"]:
        for found in re.findall(r"github(?:\.com)?/([\w.-]+/[\w-]*spinalnet-book[\w-]*)", path.read_text()):
            assert found == owner, path
    for path in (ROOT / "spinalnet_lib").rglob("*.py"):
        assert owner not in path.read_text() or path.name == "checks.py", path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It reached 99.7 % of them.", ["99.7 %"]),
        ("It has 1,234 weights, about 12 percent.", ["1,234", "12 percent"]),
        ("A gain of 3 points.", ["3 points"]),
        ("So $e = 0.03$ or $12\\%$ of $99$.", ["0.03", "12\\%", "99"]),
        ("VGG-5 and C21 in 2023, arXiv 2007.03347, the 2-conv CNN with 3 seeds.", []),
        ("`x[:, 128]` and ```\n99.9\n``` and [a](b/10.1109/5.726791)", []),
        ("1984 of 2000 images", ["1984", "2000"]),
        ("It has 2048 weights, see Table 99.72.", ["2048", "99.72"]),
        ("In Python 3.11, in 1998, see Table 2 and Figure 12.", []),
        ("1. first\n2. second", []),
        ("Equation (12) and Proposition 11.", []),
    ],
)
def test_typed_numbers_are_found_and_names_are_not(text, found):
    assert typed_numbers(text) == found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('Markdown("It reached 99.7 %.")', ["99.7 %"]),
        ('Markdown(f"It has {n:,} weights, not 1,234.")', ["1,234"]),
        ('Markdown("a " + ("b 0.25" if x > 0.5 else f"{y:.2%}"))', ["0.25"]),
        ('Markdown(f"{share:.2%} of {total:,}")', []),
        ('print("99.7 %"); x = 1234', []),
    ],
)
def test_numbers_typed_into_what_a_cell_writes_are_found(code, found):
    assert numbers_typed_in_code(code) == found
