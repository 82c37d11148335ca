"""Formulas as MathML, written when the book is built: the page draws them without a script, and numbers them by chapter."""

from __future__ import annotations

import re

from docutils import nodes
from latex2mathml.converter import convert


def mathml(tex: str, display: str = "inline") -> str:
    r"""A formula as MathML; TeX's `\cr` ends a line as `\\` does, and a slash has no space around it.

    ValueError for TeX that the converter does not know: it would be shown as it is.

    >>> mathml("d/k").count("<mo"), mathml(r"\begin{aligned} a &= b \cr c &= d \end{aligned}").count("<mtr>")
    (1, 2)
    """
    known = re.sub(r"\\cr\b", r"\\\\", tex).replace("{aligned}", "{align*}")
    formula = convert(known, display=display)
    if unknown := re.search(r"<m[ino]>(?:&|\\\w*)</m[ino]>", formula):
        raise ValueError(
            f"formula {tex!r}: {unknown[0]} is left as TeX; write it with commands that latex2mathml knows"
        )
    return re.sub(r"<mo>(?:/|&#x0002F;)</mo>", '<mo lspace="0" rspace="0">/</mo>', formula)


def apart(tex: str) -> list[str]:
    r"""What stands side by side in a line, with `\qquad` between: on a narrow screen it may stand below each other.

    >>> apart(r"M = h, \qquad N = w")
    ['M = h,', 'N = w']
    """
    return [tex] if r"\begin" in tex else [part.strip() for part in tex.split(r"\qquad") if part.strip()]


def visit_inline(translator, node: nodes.math) -> None:
    translator.body.append(f'<span class="math">{mathml(node.astext())}</span>')
    raise nodes.SkipNode


def visit_block(translator, node: nodes.math_block) -> None:
    formulas = "".join(mathml(part, "block") for part in apart(node.astext()))
    translator.body.append(translator.starttag(node, "div", "", CLASS="math"))
    translator.body.append(f'<div class="spinal-formulas">{formulas}</div>')
    if number := translator.builder.env.get_domain("math").get_equation_number_for(node.get("label")):
        translator.body.append(f'<span class="spinal-eqno">({number})</span>')
    translator.body.append("</div>")
    raise nodes.SkipNode


def chapter_numbers(env) -> dict[str, str]:
    """Of each chapter its number, by the table of contents: an appendix has a letter, the lab none."""
    names, queue = [], [env.config.master_doc]
    while queue:
        name = queue.pop(0)
        names.append(name)
        queue = [*env.toctree_includes.get(name, ()), *queue]
    chapters = [name for name in names[1:] if not name.startswith(("book/lab/", "book/appendix/"))]
    appendices = [name for name in names if name.startswith("book/appendix/")]
    numbers = {name: str(place) for place, name in enumerate(chapters, 1)}
    return {**numbers, **{name: chr(ord("A") + place) for place, name in enumerate(appendices)}}


def number_by_chapter(app, env) -> list:
    """Sphinx counts the equations of a book through; here each chapter counts its own: (2.1), in an appendix (B.1)."""
    equations, chapters, counted = env.get_domain("math").equations, chapter_numbers(env), {}
    for label, (name, _number) in sorted(equations.items(), key=lambda each: int(str(each[1][1]).rpartition(".")[2])):
        counted[name] = counted.get(name, 0) + 1
        prefix = f"{chapters[name]}." if name in chapters else ""
        equations[label] = (name, f"{prefix}{counted[name]}")
    return []


def setup(app) -> None:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("env-updated", number_by_chapter)
