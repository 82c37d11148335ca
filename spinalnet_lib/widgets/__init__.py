"""Interactive pictures: live in Jupyter and Colab (anywidget), and in a page without kernel or network.

Each widget is a `.py` and a `.js` of the same name. Both hold the same pure function from control values to state;
`tests/book/test_widgets.py` compares the two on a grid in a real browser. A new one is its two files, its line in
`_PUBLIC` of `spinalnet_lib/__init__.py` and its case in `tests/widgets/cases.py`.
"""
