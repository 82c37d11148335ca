"""Tables that a telephone has no room for say in each cell what its column is, so that their rows can stand there one below the other."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup
from docutils import nodes

TABLE = re.compile(r'<table[^>]* ?class="dataframe">.*?</table>', re.DOTALL)
ROOM = 328  # pixels, of a screen of 360
LETTER, GAP = 9.0, 11.2  # pixels, as book.css sets tables in the widest font that may be


def stackable(table: str) -> str:
    """A table of pandas; where it is too wide for a telephone of class `spinal-stacked`, with `data-label` in its cells.

    >>> wide = "<table class='dataframe'><thead><tr><th>a</th><th>b</th></tr></thead><tr><td>1</td><td>{}</td></tr></table>"
    >>> "data-label" in stackable(wide.format("x" * 40)), "data-label" in stackable(wide.format("x " * 20))
    (True, False)
    """
    soup = BeautifulSoup(table, "html.parser")
    header, body = [], []
    for row in soup.find_all("tr"):
        (header if row.find_parent("thead") else body).append(row.find_all(["th", "td"]))
    if not header or any(len(cells) != len(header[0]) for cells in [*header, *body]):
        return table
    columns = list(zip(*header, *body, strict=True))
    longest = (max(len(word) for cell in column for word in re.split(r"[ \n]+", cell.get_text())) for column in columns)
    if sum(LETTER * letters + GAP for letters in longest) <= ROOM:
        return table
    labels = [
        " ".join(cell.get_text() for cell in column if cell.get_text().strip()) for column in zip(*header, strict=True)
    ]
    for cells in body:
        for cell, label in zip(cells, labels, strict=True):
            cell["data-label"] = label
    soup.table["class"].append("spinal-stacked")
    return str(soup)


def stack_tables(app, doctree, docname: str) -> None:
    for raw in list(doctree.findall(nodes.raw)):
        if TABLE.search(raw.astext()):
            raw.replace_self(nodes.raw("", TABLE.sub(lambda match: stackable(match[0]), raw.astext()), format="html"))


def setup(app) -> None:
    app.connect("doctree-resolved", stack_tables)
