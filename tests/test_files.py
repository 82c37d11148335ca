"""Files whole or not at all."""

import pytest

from spinalnet_lib.files import whole_file, write_whole


def test_text_and_bytes_are_written_and_replace_what_was_there(tmp_path):
    path = tmp_path / "deep" / "file"
    write_whole(path, "größer")
    assert path.read_text() == "größer"
    write_whole(path, b"\0\1")
    assert path.read_bytes() == b"\0\1" and list(path.parent.iterdir()) == [path]


def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_whole(path, "old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as file:
        file.write("half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_it_is_on_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", lambda file: synced.append((tmp_path / "file").exists()))
    write_whole(tmp_path / "file", "text")
    assert synced == [False]


def test_a_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError, match="file") as error, whole_file(tmp_path / "file"):
        raise OSError(28, "No space left on device")
    assert error.value.filename == str(tmp_path / "file")
