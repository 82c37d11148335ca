"""Interactive pictures: live in Jupyter and Colab (anywidget), and in a page without kernel or network.

Each widget is a `.py` and a `.js` of the same name. Both hold the same pure function from control values to
state; `tests/book/test_widgets.py` compares the two on a grid in a real browser.
"""

from .error_curves import ErrorCurves
from .split_explorer import SplitExplorer
from .weight_counter import WeightCounter

__all__ = ["ErrorCurves", "SplitExplorer", "WeightCounter"]
