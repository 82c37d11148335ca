import ast
import sys
from pathlib import Path

import numpy as np
import pytest

import spinalnet_lib
from spinalnet_lib.checks import check_flag, check_int, check_name, check_rate, how_to_install


@pytest.mark.parametrize("value", [1, 7, np.int64(3)])
def test_whole_numbers_pass_as_int(value):
    assert check_int("F", "n", value) == value and type(check_int("F", "n", value)) is int


@pytest.mark.parametrize(
    ("value", "error"),
    [(0, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError), ("1", TypeError), (None, TypeError)],
)
def test_other_numbers_are_named_with_a_remedy(value, error):
    with pytest.raises(error, match=r"F: n must be .*; pass ") as caught:
        check_int("F", "n", value)
    assert str(value) in str(caught.value)


def test_the_minimum_and_the_remedy_can_be_set():
    assert check_int("F", "n", 0, minimum=0) == 0
    with pytest.raises(ValueError, match="at least 0, got -1; leave it out"):
        check_int("F", "n", -1, minimum=0, remedy="leave it out")


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.25), 0.999])
def test_rates_pass_as_float(value):
    assert check_rate("F", "p", value) == pytest.approx(value) and type(check_rate("F", "p", value)) is float


@pytest.mark.parametrize(
    ("value", "error"),
    [(-0.1, ValueError), (1, ValueError), (float("nan"), ValueError), ("half", TypeError), (True, TypeError)],
)
def test_other_rates_are_named(value, error):
    with pytest.raises(error, match="F: p must be") as caught:
        check_rate("F", "p", value)
    assert str(value) in str(caught.value)


def test_a_known_name_passes_and_an_unknown_one_says_the_near_ones():
    assert check_name("thing", "apple", ["pear", "apple"]) == "apple"
    with pytest.raises(ValueError, match=r"unknown thing 'aple'; did you mean 'apple'\? known: apple, kiwi"):
        check_name("thing", "aple", ["kiwi", "apple"])
    with pytest.raises(ValueError, match="unknown thing None; known: pear, here"):
        check_name("thing", None, ["pear"], hint=", here")


def test_of_many_names_only_the_near_ones_are_said():
    known = [f"fruit{i:03}" for i in range(80)]
    for name, says in (
        ("fruit7", r"did you mean 'fruit0?7\d*' or 'fruit\d+' or 'fruit\d+'\?; see there$"),
        ("beet", "80 are known, from fruit000 to fruit079; see there$"),
    ):
        with pytest.raises(ValueError, match=f"unknown thing '{name}'; {says}"):
            check_name("thing", name, known, "; see there")


def test_flags_are_true_or_false():
    assert check_flag("F", "fast", False) is False
    for value in (0, None, "no"):
        with pytest.raises(TypeError, match=f"F: fast must be .*{value}"):
            check_flag("F", "fast", value)


REQUIRED = {*sys.stdlib_module_names, "torch", "numpy", "filelock"}


def _imports(node: ast.AST) -> list[str]:
    """Packages that an import brings which need not be there."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
    return [name for name in names if name.partition(".")[0] not in REQUIRED]


@pytest.mark.parametrize("path", sorted(Path(spinalnet_lib.__file__).parent.rglob("*.py")), ids=lambda path: path.stem)
def test_imports_inside_functions_say_how_to_install_what_is_missing(path):
    tree = ast.parse(path.read_text())
    inside = {
        node for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)
    }
    for block in ast.walk(tree):  # what is missing is said, or done without
        if (isinstance(block, ast.With) and "needs(" in ast.unparse(block.items[0])) or isinstance(block, ast.Try):
            inside -= {*ast.walk(block)}
    assert not [ast.unparse(node) for node in inside if _imports(node)]


def test_the_remedy_for_a_missing_package_names_its_extra():
    assert "[features]" in how_to_install("features") and "git+https://" in how_to_install("features")
