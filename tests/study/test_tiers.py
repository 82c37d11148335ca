"""Which sets of which tier are run on a machine."""

import pytest

from spinalnet_lib.study import tiers
from spinalnet_lib.study.tiers import TIERS, choose_sets


def test_without_names_all_that_is_here_is_run_on_the_tiers_of_the_device(tmp_path):
    sets, absent = choose_sets(None, device="cpu", root=tmp_path)
    assert sets == {"R": list(TIERS["R"].datasets)}
    assert "mnist" in absent and not any("+" in name for name in absent)
    with pytest.raises(ValueError, match="no data set of tier G is here"):
        choose_sets("G", root=tmp_path)


def test_a_name_is_looked_for_in_all_tiers_of_the_device():
    assert choose_sets(None, ["mnist"], "cpu") == ({tier: ["mnist"] for tier in ("C", "W", "F", "D4")}, [])
    assert choose_sets("C", ["my_own"]) == ({"C": ["my_own"]}, [])
    with pytest.raises(ValueError, match="no tier for a cuda has kmnist; name the tier"):
        choose_sets(None, ["mnist", "kmnist"], "cuda")
    with pytest.raises(ValueError, match="unknown tier 'X'"):
        choose_sets("X")


def test_a_set_of_images_means_all_its_features():
    (names,) = TIERS["F"].meant(["mnist"]).values()
    assert len(names) == 8 + 3 and all(name.startswith("mnist+trained:two_conv-") for name in names)
    assert tiers.frozen_body(names[0], "pixels") == "two_conv"
