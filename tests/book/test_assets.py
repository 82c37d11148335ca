"""Vendored browser assets are the ones listed, byte for byte, with their licence."""

import hashlib

from tests.book.book_site import ROOT

ASSETS = ROOT / "book" / "assets"


def test_vendored_files_equal_their_hashes():
    listed = dict(reversed(line.split("  ")) for line in (ASSETS / "SHA256SUMS").read_text().splitlines())
    present = {path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*") if path.parent != ASSETS}
    assert present == listed.keys()
    for name, digest in listed.items():
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest, name


def test_licences_are_listed():
    text = (ASSETS / "LICENCES.md").read_text()
    for path in ASSETS.rglob("*"):
        assert path.parent == ASSETS or f"`{path.relative_to(ASSETS).as_posix()}`" in text
