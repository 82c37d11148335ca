import os

import pytest

from spinalnet_lib import load_dataset
from spinalnet_lib.data import checking
from spinalnet_lib.data.checking import check_dataset
from spinalnet_lib.data.own_sets import write_card
from tests.data.cases import write_classes


@pytest.fixture
def leaves(tmp_path):
    folder = write_classes(tmp_path / "leaves", ["ash", "elm"], 6)
    write_card(folder)
    return folder


def test_check_reads_the_files_and_not_what_was_kept_of_them(leaves):
    data, compared = check_dataset("leaves", leaves.parent)
    assert len(data.test) == 2 and compared == "hash as on its card"
    path = leaves / "ash" / "image_0003.png"
    status, content = path.stat(), path.read_bytes()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(ValueError, match=r"image_0003.png cannot be read as an image"):
        check_dataset("leaves", leaves.parent)
    path.write_bytes(content)
    path.rename(path.with_name("image_03.png"))
    with pytest.raises(ValueError, match=r"leaves holds other files than its card says"):
        check_dataset("leaves", leaves.parent)


def test_check_finds_photographs_that_were_swapped(leaves, monkeypatch):
    found = load_dataset("leaves", leaves.parent).train.images.hash_files()
    monkeypatch.setattr(checking, "load_facts", lambda: {"leaves": {"source": "packed", "sha256_of_files": found}})
    assert check_dataset("leaves", leaves.parent)[1] == "the same files as in the project's own records"
    one, two = leaves / "ash" / "image_0000.png", leaves / "elm" / "image_0000.png"
    first = one.read_bytes()
    one.write_bytes(two.read_bytes()), two.write_bytes(first)
    with pytest.raises(ValueError, match="leaves is not what the project's records were made on: sha256_of_files is"):
        check_dataset("leaves", leaves.parent)


def test_check_knows_the_projects_own_records(tmp_path):
    assert check_dataset("digits", tmp_path)[1] == "all pixels and labels as in the project's own records"
