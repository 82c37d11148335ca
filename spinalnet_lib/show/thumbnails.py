"""Eight small pictures of a data set, shipped with the project where the set's licence lets them be.

`spinalnet data thumbnails` cuts them from the sets at hand into `data/thumbnails`, each file a row of eight squares.
"""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path

import numpy as np

from ..checks import needs
from ..data.cards import list_datasets, whole_set
from ..data.facts import load_facts
from ..datasets import load_dataset
from ..files import write_whole
from ..paths import data_path
from .data_cards import official_card

COUNT = 8
SIDE = 64  # pixels of a photograph as stored, and of every picture as shown
_MAY_BE_SHIPPED = ("CC BY", "CC0", "MIT", "BSD", "NIST", "derived from NIST", "customary free redistribution")


def may_be_shipped(licence: str) -> bool:
    """Whether a card's licence, which somebody has read, allows to pass on a few small pictures.

    >>> may_be_shipped("CC BY-SA 4.0"), may_be_shipped("CC0 by its page (not verified)"), may_be_shipped("no licence stated")
    (True, False, False)
    """
    return licence.startswith(_MAY_BE_SHIPPED) and "not verified" not in licence


def write_thumbnails(folder: Path | None = None, root=None) -> list[str]:
    """Write a row of thumbnails for each set at hand whose licence allows it, and what they show; the names of these sets."""
    with needs("book"):
        from PIL import Image

    folder = folder or data_path("thumbnails")
    folder.mkdir(parents=True, exist_ok=True)
    shown = {}
    for name in list_datasets(root, present=True):
        if name not in load_facts() or not may_be_shipped(official_card(name)["licence"]):
            continue
        data = load_dataset(name, root=root)
        picked = np.linspace(0, data.card["num_classes"] - 1, COUNT).round().astype(int)
        labels = data.train.labels.numpy()
        squares = [_square(data.train.images[int(np.flatnonzero(labels == label)[0])], Image) for label in picked]
        small = squares[0].shape[0] < SIDE  # few pixels are kept as they are
        Image.fromarray(np.concatenate(squares, 1)).save(folder / f"{name}.webp", lossless=small, quality=75, method=6)
        names = data.card.get("classes") or [str(label) for label in range(data.card["num_classes"])]
        shown[name] = [names[label] for label in picked]
    write_whole(folder / "shown.json", json.dumps(shown, indent=1, ensure_ascii=False) + "\n")
    return list(shown)


def _square(image, pillow) -> np.ndarray:
    """An image (C, H, W) as (side, side, 3) bytes; a photograph is made smaller."""
    pixels = np.broadcast_to(image.numpy().transpose(1, 2, 0), (*image.shape[1:], 3))
    picture = pillow.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((SIDE, SIDE)) if max(picture.size) > SIDE else picture)


def thumbnails_html(name: str) -> str:
    """The thumbnails of a set, or of a part of it that is kept, with their source; nothing where none are shipped."""
    folder = data_path("thumbnails")
    path = folder / "shown.json"
    shown = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    own = [other for other in shown if name in (other, whole_set(other))]
    if not own:
        return ""
    kept = name if name in own else own[0]
    card = official_card(kept)
    picture = base64.b64encode((folder / f"{kept}.webp").read_bytes()).decode()
    alt = html.escape(f"One training image each of {COUNT} classes: {', '.join(map(str, shown[kept]))}", quote=True)
    of = "" if kept == name else f" From the part {kept}."
    return (
        f'<figure class="spinal-thumbnails"><img src="data:image/webp;base64,{picture}" alt="{alt}" loading="lazy" '
        f'width="{COUNT * SIDE}" height="{SIDE}"/><figcaption>{html.escape(card["source"])}; licence: '
        f"{html.escape(card['licence'])}.{of}</figcaption></figure>"
    )
