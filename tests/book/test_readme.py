"""The Python in README.md runs, and what it says about itself is true."""

import re

from tests.book.book_site import ROOT

README = (ROOT / "README.md").read_text()


def test_snippets_run():
    snippets = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert snippets
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), {})


def test_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    commands = set(re.findall(r"make ([a-z-]+)", README))
    assert {"book", "test"} <= commands
    for command in commands:
        assert re.search(rf"^{command}:", makefile, flags=re.MULTILINE), command


def test_spinalnet_commands_are_commands():
    from spinalnet_lib.cli.main import _parser

    commands = re.findall(r"^spinalnet (.*?)(?: #.*)?$", README, flags=re.MULTILINE)
    commands += re.findall(r"`(?:\.venv/bin/)?spinalnet ([^`]*)`", README)
    assert len(commands) >= 5
    for command in commands:
        _parser().parse_args(command.split())


def test_local_links_exist():
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / link).exists(), link


def test_readme_is_at_most_two_screens():
    assert len(README.splitlines()) <= 80
