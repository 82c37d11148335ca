"""Every preset is a head that can be built, with the counts of it."""

import pytest

from spinalnet_lib import create_backbone, head_cost, list_heads, paper_head
from spinalnet_lib.models.sizes import list_paper_heads
from spinalnet_lib.show.head_blocks import arms, head_blocks
from spinalnet_lib.show.head_presets import HEADS, SMALL, TWISTS, paper_networks


def counts_of(v):
    matrix = head_blocks(v)
    return matrix["weights"], matrix["parameters"], matrix["macs"]


def test_every_picture_of_blocks_is_a_registered_head():
    assert HEADS.keys() <= set(list_heads())
    assert {preset["twist"] for preset in HEADS.values()} <= TWISTS.keys()


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize(("backbone", "head"), list_paper_heads())
def test_every_head_of_the_papers_networks_is_a_preset(backbone, head, classes):
    arguments = {key: value for key, value in paper_head(backbone, head, classes).items() if key != "norm_layer"}
    cost = head_cost(head, create_backbone(backbone).num_features, classes, **arguments)
    found = []
    for name, values in paper_networks().items():
        names, _, rest = name.partition(": ")
        if backbone in names.split(", ") and head == rest.split(",")[0]:
            v = {**SMALL, **values, "num_classes": classes}
            found.append(counts_of(v) if arms(v)[0] == head else None)
    assert (cost.weights, cost.parameters, cost.macs) in found
