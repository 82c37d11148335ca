"""Spinal heads, the study of them, and the widgets of the book. Importing this needs torch and numpy only."""

from importlib import import_module

__version__ = "0.1.0"

# Public name -> module; a module is imported when one of its names is first used, so that `import spinalnet_lib`
# stays fast and a head needs nothing but torch. Everything not listed here may move.
_PUBLIC = {
    "heads": "LinearHead MLPHead SpinalHead create_head list_heads register_head split_sizes",
    "backbones": "TwoConv VGG5 create_backbone list_backbones register_backbone",
    "models": "Classifier create_model paper_head",
    "rewiring": "replace_head",
    "counting": "HeadCost cheaper_width_bound count_macs count_parameters count_weights head_cost largest_cheaper_width read_features width_for_parameters",
    "datasets": "DataSet Split list_datasets load_dataset",
    "augment": "Augmentation",
    "data_cards": "card_html cards_index show_card",
    "data_facts": "load_facts",
    "recipes": "published_recipe redraw_recipe tuned_recipe",
    "train_config": "TrainConfig",
    "training": "train",
    "stacked": "Member train_stacked",
    "extractors": "create_extractor",
    "features": "extract_features load_features",
    "saved_models": "load_model save_model",
    "evaluation": "evaluate",
    "records": "Record records_frame",
    "record_files": "append_record load_records merge_records",
    "reporting": "CsvLink describe_records",
    "stats": "mean_interval",
    "bench": "describe_bench load_bench load_bench_report",
    "claims": "claims_table",
    "theory": "as_masked_mlp as_spine layer_gradient_norms",
    "diagrams": "draw_heads draw_touch_to_layers",
    "plots": "plot_error_curves plot_images plot_last_errors plot_macs plot_shared_images plot_step_profile",
    "widgets": "ErrorCurves SpeedRatios SplitExplorer WeightCounter",
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
