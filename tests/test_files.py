"""Files whole or not at all; locks of the system, and files that stand in for them."""

import ast
import errno
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import spinalnet_lib
from spinalnet_lib import files
from spinalnet_lib.files import locked, whole_file, write_whole

LIBRARY = Path(spinalnet_lib.__file__).parent


def _opens_text(call: ast.Call) -> bool:
    """Whether it opens or reads a file as text, in an encoding that the system chooses."""
    name = ast.unparse(call.func)
    if name.rpartition(".")[2] not in ("open", "read_text", "write_text") or name in (
        "os.open",
        "Image.open",
        "archive.open",
    ):
        return False
    modes = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    return not any("b" in str(mode) for mode in modes) and "encoding" not in [keyword.arg for keyword in call.keywords]


def test_text_is_utf8_on_every_system():
    for path in LIBRARY.rglob("*.py"):
        calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        assert not [ast.unparse(call) for call in calls if _opens_text(call)], path


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


def test_what_is_no_file_is_never_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, error in ((pipe, FileExistsError), (tmp_path, IsADirectoryError)):
        for use in (files.check_writable, lambda path: write_whole(path, "text")):
            with pytest.raises(error, match=str(path)):
                use(path)
    assert list(tmp_path.iterdir()) == [pipe] and pipe.is_fifo()


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "text"


@pytest.fixture(params=["system", "no flock", "Windows"])
def locks(request, monkeypatch):
    """A system with locks, a disk without, and a system without `fcntl`."""

    def flock(*_):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    if request.param == "no flock":
        monkeypatch.setattr(files.fcntl, "flock", flock)
    if request.param == "Windows":
        monkeypatch.setattr(files, "fcntl", None)
    files.warn_of_owner_files.cache_clear()
    return request.param


@pytest.mark.filterwarnings("ignore:this disk or system")
def test_one_holds_a_lock_and_nothing_is_left_of_it(locks, tmp_path):
    path = tmp_path / "deep" / "lock"
    for _ in range(2):
        with locked(path) as ours, locked(path, wait=False) as again:
            assert ours and not again
        assert not list(path.parent.iterdir())


HOLDER = """
import os, sys
from pathlib import Path
from spinalnet_lib import files
if sys.argv[2] != "system":
    files.fcntl = None
with files.locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.processes
@pytest.mark.filterwarnings("ignore:this disk or system")
def test_a_lock_of_a_process_that_was_killed_is_free_again(locks, tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLDER, path, locks],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert holder.stdout.readline() == b"held\n"
    with locked(path, wait=False) as held:
        assert not held
    holder.kill()
    holder.communicate()
    with locked(path, wait=False) as held:
        assert held


@pytest.mark.filterwarnings("ignore:this disk or system")
def test_an_owner_on_another_machine_may_live(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    (tmp_path / ".lock.owner.gone").touch()  # half of what a breakdown may leave
    for process, host, free in ((1, "elsewhere", False), (2**22 + 1, platform.node(), True)):
        (tmp_path / ".lock.owner").write_text(f"{process}\n{host}\n")
        with locked(tmp_path / "lock", wait=False) as held:
            assert held == free
