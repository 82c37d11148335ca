"""The plan of the house: imports point down only, also inside functions and under TYPE_CHECKING, and never in a circle."""

import ast
import graphlib
from pathlib import Path

import pytest

import spinalnet_lib

LIBRARY = Path(spinalnet_lib.__file__).parent
HERE = Path(__file__).parent
FLOORS = [  # from the ground up; rooms of one floor do not know each other
    {"checks", "paths", "files", "machine", "stand_ins", "words"},
    {"heads", "data", "records"},
    {"models"},
    {"training"},
    {"datasets"},
    {"study"},
    {"show", "bench"},
    {"widgets"},
    {"cli"},
]
GROUND = FLOORS[0]


def floor(module: str) -> int:
    room = module.partition(".")[0]
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, name: str) -> set[str]:
    """Modules of the library that a file imports, wherever in it."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("spinalnet_lib") for alias in node.names), f"{path}: import relatively"
        if isinstance(node, ast.ImportFrom):
            assert node.level or not (node.module or "").startswith("spinalnet_lib"), f"{path}: import relatively"
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module or "").split(".") * bool(node.module)
            for alias in node.names:
                place = LIBRARY.joinpath(*base, alias.name)
                is_module = place.with_suffix(".py").is_file() or place.is_dir()
                found.add(".".join([*base, alias.name] if is_module else base))
    return found - {"", name}


HOUSE = {name_of(path): imports(path, name_of(path)) for path in LIBRARY.rglob("*.py") if path.stem != "__main__"}
HOUSE.pop("__init__")
FILES = {name: others for name, others in HOUSE.items() if not LIBRARY.joinpath(*name.split(".")).is_dir()}


def test_every_room_has_its_floor():
    rooms = {name.partition(".")[0] for name in HOUSE}
    assert rooms == set().union(*FLOORS)


@pytest.mark.parametrize("name", sorted(HOUSE))
def test_imports_point_down(name):
    room = name.partition(".")[0]
    for other in HOUSE[name]:
        same = other.partition(".")[0] == room or {other.partition(".")[0], room} <= GROUND
        assert same or floor(other) < floor(name), f"{name} imports {other}, which is not below it"


def test_no_file_imports_a_face():
    """A room's `__init__` imports its files, which is how heads and bodies register."""
    assert not {(name, other) for name, others in FILES.items() for other in others - FILES.keys()}


def test_there_is_no_circle():
    list(graphlib.TopologicalSorter(FILES).static_order())  # CycleError names the circle


def test_tests_stand_in_the_same_rooms():
    places = [HERE.joinpath(*name.split(".")).with_name(f"test_{name.split('.')[-1]}.py") for name in FILES]
    assert not [place for place in places if not place.is_file()]


def imported_tests(code: str) -> list[str]:
    """Test modules that this code of a test imports, in whatever way."""
    names = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            start = "tests." * bool(node.level) + (node.module or "")
            names += [f"{start}.{alias.name}" for alias in node.names]
    return [name for name in names if name.startswith("tests.") and ".test_" in name]


@pytest.mark.parametrize("way", ["import tests.a.test_b", "from tests.a import test_b", "from .test_b import c"])
def test_an_imported_test_is_seen_in_whatever_way(way):
    assert imported_tests(way)


def test_no_test_imports_a_test():
    assert not {path.name: found for path in HERE.rglob("*.py") if (found := imported_tests(path.read_text()))}
