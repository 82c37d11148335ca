"""Numbers typed into prose: what a chapter states must be written by code, from counts or records."""

from __future__ import annotations

import ast
import re

# What may stand in prose with a number in it, because it is a name and not a finding.
NAMES = (
    r"arXiv[: ]\d{4}\.\d{4,5}",
    r"\b[A-Za-z]+-?\d+\b",  # VGG-5, ResNet18, C1, SA1
    r"\b\d+-(?:conv|by)\b",  # the 2-conv CNN
    r"\b(?:19\d\d|20[0-2]\d)\b(?! (?:of|images|weights|runs))",  # a year
    r"\b(?:Proposition|Equation|Eq\.|Figure|Step|Table|Exercise) \(?\d+(?!\.?\d)\)?",
    r"\b(?:Python|CC BY) \d+(?:\.\d+)?",
)
NOT_PROSE = (
    r"```.*?```",
    r"\{[a-z:]+\}`[^`]*`",  # roles: citations, references
    r"`[^`]*`",
    r"<[^>]*>",
    r"\]\([^)]*\)",
    r"^\s*\d+\.\s",  # a numbered list
    r"\\tag\{\d+\}",
)
MATH = re.compile(r"\$\$.*?\$\$|\$[^$]*\$", re.DOTALL)
# In formulas single digits are structure; decimals, percentages and larger numbers are findings.
IN_MATH = re.compile(r"\d+\.\d+|\d+\s*\\?%|\d{2,}")
IN_PROSE = re.compile(r"\d[\d,.]*\s*(?:%|percent|points?\b)|\d[\d,]*\.\d+|\d[\d,]*\d")


def typed_numbers(markdown: str) -> list[str]:
    """Numbers in this Markdown that should come from code; single digits and names with numbers are fine.

    >>> typed_numbers("VGG-5 has 2 heads; it reached 99.7 % after 1,000 steps of `batch=64`.")
    ['99.7 %', '1,000']
    """
    text = markdown
    for pattern in NOT_PROSE:
        text = re.sub(pattern, " ", text, flags=re.DOTALL | re.MULTILINE)
    found = [number for formula in MATH.findall(text) for number in IN_MATH.findall(formula)]
    text = MATH.sub(" ", text)
    for pattern in NAMES:
        text = re.sub(pattern, " ", text)
    return found + [number.strip() for number in IN_PROSE.findall(text)]


def numbers_typed_in_code(source: str) -> list[str]:
    """The same for prose that a cell writes: the fixed parts of what it gives to `Markdown`, and of why a guess is met.

    >>> numbers_typed_in_code('Markdown(f"{count:,} of 60,000 images")')
    ['60,000']
    >>> numbers_typed_in_code('guess.meets(share, why="it is 88.0 %")')
    ['88.0 %']
    """
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    written = [
        c for c in calls if getattr(c.func, "id", None) == "Markdown" or getattr(c.func, "attr", None) == "meets"
    ]
    # A format such as ":.2%" is no prose; it stands inside a FormattedValue.
    formats = {
        id(n) for call in written for v in ast.walk(call) if isinstance(v, ast.FormattedValue) for n in ast.walk(v)
    }
    fixed = [
        n.value
        for call in written
        for n in ast.walk(call)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in formats
    ]
    return [number for text in fixed for number in typed_numbers(text)]
