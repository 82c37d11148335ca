import pytest

from spinalnet_lib.show.words import counted


@pytest.mark.parametrize(("n", "said"), [(0, "0 layers"), (1, "1 layer"), (4, "4 layers"), (25_088, "25,088 layers")])
def test_a_count_and_its_word_agree(n, said):
    assert counted(n, "layer") == said
