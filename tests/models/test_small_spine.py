"""The shipped spines: what they are, that a climb is the head's own sum, and what their cuts say in the book."""

import numpy as np
import pytest
import torch

from spinalnet_lib.models.small_spine import (
    ALPHABETS,
    PARTS,
    decided_at,
    load_spine,
    pack_matrices,
    read_spine,
    unpack_spine,
)
from spinalnet_lib.study.small_spines import weights_hash

SPINES = {alphabet: load_spine(alphabet) for alphabet in ALPHABETS}


@pytest.fixture(params=ALPHABETS)
def spine(request):
    return SPINES[request.param]


def inputs_of(spine):
    pixels = spine.images[:, ::-1].reshape(len(spine.images), -1) / 15
    return torch.tensor(pixels, dtype=torch.float32)


def centred(logits):
    return logits - logits.mean(axis=1, keepdims=True)


def test_the_last_step_of_a_climb_is_what_the_librarys_head_says(spine):
    logits = spine.as_head()(inputs_of(spine)).detach().numpy()
    assert abs(centred(logits) - spine.climb(spine.images)[:, -1]).max() < 1e-3


def test_a_cut_is_the_same_weights_with_those_of_one_line_at_zero(spine):
    for cut in spine.cuts:
        part, k = cut.split("-")[0], int(cut.split("-")[1])
        head = spine.as_head()
        with torch.no_grad():
            if part == "root":
                head.layers[k - 1].linear.weight[:, : head.read_sizes()[k - 1]] = 0
            if part in ("cord", "both"):
                head.layers[k].linear.weight[:, -spine.width :] = 0
            if part in ("way", "both"):
                head.classifier.weight[:, (k - 1) * spine.width : k * spine.width] = 0
            logits = head(inputs_of(spine)).numpy()
        assert abs(centred(logits) - spine.climb(spine.images, cut)[:, -1]).max() < 1e-3, cut


def test_levels_add_up_and_know_nothing_of_what_comes_later(spine):
    running = spine.climb(spine.images[:5])
    changed = spine.images[:5].copy()
    changed[:, : spine.side // 2] = 0  # the upper half
    assert np.allclose(running[:, :4], spine.climb(changed)[:, :4])
    assert not np.allclose(running[:, 4:], spine.climb(changed)[:, 4:])
    assert np.allclose(running.mean(axis=2), 0)


def test_an_answer_is_decided_where_its_last_lead_begins():
    a, b = [1.0, 0.0], [0.0, 1.0]
    running = np.array([[b, a, b, a, a], [a, b, b, b, b], [a, a, a, a, b]])
    assert decided_at(running).tolist() == [3, 1, 4]


def test_the_files_are_whole_small_and_what_their_cards_say(spine):
    content = read_spine(next(name for name, other in SPINES.items() if other is spine))
    card = content["card"]
    assert card["sha256"] == weights_hash(content)
    assert card["bytes"] == sum(m.size for m, _ in spine.layers) + spine.votes.size <= 40_000
    assert card["parameters"] == sum(p.numel() for p in spine.as_head().parameters())
    assert spine.images.shape == (len(spine.labels), spine.side, spine.side) and spine.images.any(axis=(1, 2)).all()
    assert set(spine.labels) <= set(range(len(spine.classes))) and card["licence"]
    # The stored images are a sample of the validation images: their share lies where a sample of that size may.
    share, expected = spine.right() / len(spine.labels), card["validation_accuracy_int8"]
    assert abs(share - expected) < 4 * (expected * (1 - expected) / len(spine.labels)) ** 0.5
    assert abs(expected - card["validation_accuracy"]) < 0.005


def test_what_the_chapter_says_of_the_cuts_holds_for_each_spine(spine):
    worst = {part: min(map(spine.right, [c for c in spine.cuts if c.startswith(part)])) for part in PARTS}
    assert worst["root"] == min(worst["root"], worst["cord"], worst["way"])
    assert worst["both"] < min(worst["cord"], worst["way"])
    costliest = min((c for c in spine.cuts if not c.startswith("both")), key=spine.right)
    assert costliest in ("root-3", "root-4", "root-5")


def test_matrices_come_back_to_half_a_step_of_int8():
    content = read_spine("digits")
    matrices = [matrix for matrix, _ in SPINES["digits"].layers] + [SPINES["digits"].votes]
    moved = [matrix + 1e-4 * np.sin(np.arange(matrix.size)).reshape(matrix.shape) for matrix in matrices]
    packed = pack_matrices(moved)
    again = unpack_spine({**content, **packed})
    for matrix, scale, (found, _) in zip(moved, packed["scales"], [*again.layers, (again.votes, None)], strict=True):
        assert abs(found - matrix).max() <= 0.51 * scale


@pytest.mark.parametrize("name", ["", "runes", "../digits", None])
def test_other_alphabets_and_cuts_are_refused_by_name(name):
    with pytest.raises((ValueError, TypeError), match="alphabet"):
        load_spine(name)
    with pytest.raises((ValueError, TypeError), match="cut"):
        SPINES["digits"].climb(SPINES["digits"].images, name or "cord-7")
