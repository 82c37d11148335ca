"""Links and anchors of the built site, and no address of another host among what a page loads by itself."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from fontTools.ttLib import TTFont

from tests.book.book_site import NOTEBOOKS

LOADS = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "srcset"), ("video", "src")}
LEADS = {"canonical", "prev", "next", "search", "index"}  # links of a head that a browser does not load
WIDGET_STATE = re.compile(r"([a-z]+(?:-[a-z]+)+)(-\d+)?:")


class Page(HTMLParser):
    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.ids.add(value)
            if name in ("href", "src", "srcset") and value:
                self.links.append(value)
            if (tag, name) in LOADS and value and dict(attributes).get("rel") not in LEADS:
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


def weight_of_page(path, site):
    """Bytes that a reader's browser loads for a page: it, its scripts and style sheets with their fonts, its pictures.

    Of a picture that is there light and dark, wide and narrow, one is loaded: the largest is counted.
    """
    page, text = Page(path), path.read_text()
    files = {path} | {path.parent / urlsplit(link).path for link in page.loads if "/_images/" not in link}
    weight = sum(file.stat().st_size for file in {file.resolve() for file in files})
    weight += sum(font.stat().st_size for font in (site / "_static" / "fonts").glob("fa-*"))
    weight += (site / "_static" / "fonts" / "STIXTwoMath.woff2").stat().st_size if "<math" in text else 0
    for figure in re.findall(r'<div class="spinal-figure.*?</div>', text, re.DOTALL):
        sizes = [(path.parent / link).stat().st_size for link in re.findall(r'(?:src|srcset)="([^"]*)"', figure)]
        weight += max(sizes)
    return weight


@pytest.mark.parametrize("chapter", NOTEBOOKS)
def test_a_page_stays_light(chapter, site):
    assert weight_of_page(site / f"{chapter}.html", site) <= 1_200_000


def test_formulas_and_icons_need_no_script(pages):
    scripts = {Path(urlsplit(link).path).name for page in pages.values() for link in page.loads}
    assert not {name for name in scripts if re.search("mathjax|tex-|fontawesome", name.lower())}
    assert not [path.name for path in pages if re.search(r"\\\(|\\\[|\$\$", articles(path))]


def test_every_icon_is_in_the_font_of_icons(pages, site):
    css = (site / "_static" / "styles" / "pydata-sphinx-theme.css").read_text()
    glyphs = {
        name: {f"{code:x}" for code in TTFont(site / "_static" / "fonts" / f"{name}.woff").getBestCmap()}
        for name in ("fa-solid-900", "fa-brands-400")
    }
    rules = re.findall(r"((?:\.fa-[a-z0-9-]+:before,?)+)\{content:\"\\([0-9a-f]+)\"", css)
    known = {name: code for names, code in rules for name in re.findall(r"fa-[a-z0-9-]+", names)}
    for path in pages:
        for icon in re.findall(r'class="([^"]*\bfa[bs]? [^"]*|fa-(?:solid|brands)[^"]*)"', path.read_text()):
            brand = {"fab", "fa-brands"} & {*icon.split()}
            codes = {known[name] for name in icon.split() if name in known}
            assert codes and codes <= glyphs["fa-brands-400" if brand else "fa-solid-900"], icon


def articles(path: Path) -> str:
    """What a page says, without its code."""
    text = path.read_text()
    text = text[text.index("<article") : text.index("</article>")] if "<article" in text else ""
    return re.sub(r"<(pre|code|script).*?</\1>", " ", text, flags=re.DOTALL)
