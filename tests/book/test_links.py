"""Links and anchors of the built site, and no address of another host among what a page loads by itself."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.book.book_site import NOTEBOOKS

LOADS = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "srcset"), ("video", "src")}
WIDGET_STATE = re.compile(r"([a-z]+-[a-z]+)(-\d+)?:")


class Page(HTMLParser):
    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.ids.add(value)
            if name in ("href", "src") and value:
                self.links.append(value)
            if (tag, name) in LOADS and value and ("rel", "canonical") not in attributes:
                self.loads.append(value)


@pytest.fixture(scope="module")
def pages(site):
    return {path.resolve(): Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def test_every_local_link_and_anchor_exists(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("//"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            anchors = pages[target].ids if target in pages else {anchor}
            if not target.exists() or not (not anchor or WIDGET_STATE.match(anchor) or anchor in anchors):
                broken.append(f"{path.name}: {link}")
    assert not broken, "\n".join(broken)


def test_no_page_loads_from_another_host(pages):
    foreign = [f"{path.name}: {link}" for path, page in pages.items() for link in page.loads if urlsplit(link).netloc]
    assert not foreign, "\n".join(foreign)


def test_style_sheets_load_nothing_from_another_host(site):
    for path in site.rglob("*.css"):
        urls = re.findall(r"url\(\s*['\"]?(//|https?:)[^)]*\)", path.read_text(errors="replace"))
        assert not urls, path


def test_other_hosts_are_linked_by_https_only(pages):
    plain = {link for page in pages.values() for link in page.links if link.startswith("http://")}
    assert not plain


@pytest.mark.parametrize("chapter", NOTEBOOKS)
def test_a_page_stays_light(chapter, site):
    """Own weight of a page: its HTML and pictures, without the theme and the formulas' fonts."""
    path = site / f"{chapter}.html"
    pictures = {(path.parent / link).resolve() for link in Page(path).links if "_images/" in link}
    assert path.stat().st_size + sum(picture.stat().st_size for picture in pictures) < 1_500_000
