"""The colours of the book, said once: figures and widgets read them here, and a test holds the style sheet to them.

Hue is the head: blue for spinal ones, orange for dense ones, grey for one Linear. A dash is dropout, a marker is an arm.
The three kinds of weights of a spine have tints of their own, which never stand for a head.
"""

from __future__ import annotations

from dataclasses import dataclass

MARKERS = "osD^"  # of arms, in turn


@dataclass(frozen=True)
class Theme:
    """Colours on a light or a dark page; each can be read as text on its `back`."""

    text: str
    quiet: str
    back: str
    spinal: str
    dense: str
    linear: str
    input: str
    chain: str
    output: str

    def of_head(self, head: str) -> str:
        """The colour of a head, by the name of it or of its arm."""
        return getattr(self, family(head))


LIGHT = Theme(
    text="#1f2328",
    quiet="#57606a",
    back="#ffffff",
    spinal="#0072b2",
    dense="#b84b00",
    linear="#6a6a6a",
    input="#7b4fb0",
    chain="#7d6a00",
    output="#00805c",
)
DARK = Theme(
    text="#e6e6e6",
    quiet="#a9b1ba",
    back="#14181e",
    spinal="#6cb8ec",
    dense="#ff9a57",
    linear="#a8a8a8",
    input="#c4a3f0",
    chain="#e0cb52",
    output="#3cc79a",
)


def family(head: str) -> str:
    """What a head is a kind of: "spinal", "dense" or "linear".

    >>> family("spinal_no_chain"), family("mlp_deep"), family("linear, no dropout")
    ('spinal', 'dense', 'linear')
    """
    return "dense" if head.startswith("mlp") else "linear" if head.startswith("linear") else "spinal"
