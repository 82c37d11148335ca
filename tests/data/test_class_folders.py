import pytest

from spinalnet_lib.data.class_folders import list_class_folders
from tests.data.cases import write_classes, write_photo


def test_class_folders_are_listed_in_order(tmp_path):
    write_classes(tmp_path, ["b", "a"], 2)
    (tmp_path / "a" / "notes.txt").write_text("passed over")
    (tmp_path / "a" / "._image_0000.png").write_bytes(b"left by another system")
    (tmp_path / "a" / "folder.png").mkdir()
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    write_photo(tmp_path / "a" / "image_0002.PNG")
    (tmp_path / ".hidden").mkdir(), (tmp_path / "__MACOSX").mkdir()
    found = list_class_folders(tmp_path, leave_out=["b"])
    names = [f"image_000{i}" for i in range(3)]
    assert list(found) == ["a"] and [path.stem for path in found["a"]] == names


def test_empty_and_missing_class_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none is missing; it should hold a folder a class"):
        list_class_folders(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no class folders"):
        list_class_folders(tmp_path)
    write_classes(tmp_path, ["a"], 1)
    (tmp_path / "b").mkdir()
    with pytest.raises(ValueError, match=r"b holds no images"):
        list_class_folders(tmp_path)
