"""The plan of the house: imports point down only, also inside functions and under TYPE_CHECKING, and never in a circle."""

import ast
import graphlib
from pathlib import Path

import pytest

import spinalnet_lib

LIBRARY = Path(spinalnet_lib.__file__).parent
FLOORS = [  # from the ground up; rooms of one floor do not know each other
    {"checks", "paths", "files", "machine"},
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
FACES = {"__init__", "__main__"}  # of the package: every room hangs below them


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


HOUSE = {
    name_of(path): imports(path, name_of(path)) for path in LIBRARY.rglob("*.py") if path.stem not in ("__main__",)
}
HOUSE.pop("__init__", None)


def test_every_room_has_its_floor():
    rooms = {name.partition(".")[0] for name in HOUSE}
    assert rooms == set().union(*FLOORS)


@pytest.mark.parametrize("name", sorted(HOUSE))
def test_imports_point_down(name):
    room = name.partition(".")[0]
    for other in HOUSE[name]:
        same = other.partition(".")[0] == room or {other.partition(".")[0], room} <= GROUND
        assert same or floor(other) < floor(name), f"{name} imports {other}, which is not below it"


def test_there_is_no_circle():
    """A room's `__init__` imports its files, which is how heads and bodies register; no file imports a room's face."""
    files = {name: others for name, others in HOUSE.items() if not LIBRARY.joinpath(*name.split(".")).is_dir()}
    list(graphlib.TopologicalSorter(files).static_order())  # CycleError names the circle


def test_tests_stand_in_the_same_rooms():
    here = Path(__file__).parent
    missing = [
        name
        for name in HOUSE
        if not LIBRARY.joinpath(*name.split(".")).is_dir()
        and not here.joinpath(*name.split(".")[:-1], f"test_{name.split('.')[-1]}.py").is_file()
    ]
    assert not missing
    for path in here.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
                assert ".test_" not in f".{node.module}", f"{path.name} imports the test {node.module}"
