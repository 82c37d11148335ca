"""Spinal heads, the study of them, and the widgets of the book. Importing this needs torch and numpy only."""

from importlib import import_module

__version__ = "0.1.0"

# Public name -> module; a module is imported when one of its names is first used, so that `import spinalnet_lib`
# stays fast and a head needs nothing but torch. Everything not listed here may move.
_PUBLIC = {
    "heads": "LinearHead MLPHead SpinalHead create_head list_heads register_head split_sizes",
    "backbones": "TwoConv VGG5 create_backbone list_backbones",
    "models": "Classifier create_model paper_head",
    "counting": "HeadCost count_macs count_parameters head_cost largest_cheaper_width",
    "datasets": "DataSet Split list_datasets load_dataset",
    "training": "TrainConfig evaluate train",
    "records": "Record append_record load_records records_frame",
    "stats": "mean_interval",
    "claims": "claims_table",
    "plots": "draw_head draw_touch_to_layers image_grid plot_error_curves plot_weights",
    "widgets": "ErrorCurves SplitExplorer WeightCounter",
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names.split()}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str):
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'spinalnet_lib' has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
