"""Spinal heads, the study of them, and the widgets of the book. Importing this needs torch and numpy only."""

from importlib import import_module

__version__ = "0.1.0"

# The map of the house: module -> its public names, the rooms from the ground up. A module is imported when one of its
# names is first used, so that `import spinalnet_lib` stays fast. Everything not listed here may move.
_PUBLIC = {
    "words": "signed",
    "heads.dense": "LinearHead MLPHead",
    "heads.spinal": "SpinalHead split_sizes",
    "heads.registry": "create_head list_heads register_head",
    "heads.fused": "fuse_head",
    "heads.counting": "HeadCost count_macs count_parameters count_weights head_cost",
    "heads.widths": "cheaper_width_bound largest_cheaper_width read_features width_for_parameters",
    "heads.theory": "as_masked_mlp as_spine layer_gradient_norms",
    "models.bodies": "create_backbone list_backbones register_backbone",
    "models.mnist_bodies": "TwoConv VGG5",
    "models.classifier": "Classifier create_model",
    "models.sizes": "paper_head",
    "models.replace_head": "replace_head",
    "models.saved": "load_model save_model",
    "models.published_weights": "load_published",
    "models.prediction": "predict",
    "models.small_spine": "decided_at load_spine",
    "models.exported": "export_onnx",
    "data.splits": "DataSet Split",
    "data.cards": "list_datasets",
    "data.augment": "Augmentation",
    "data.facts": "load_facts",
    "data.published": "published_figures published_table",
    "records.record": "Record",
    "records.files": "append_record load_records merge_records own_records",
    "training.config": "TrainConfig",
    "training.published_transfer": "published_transfer",
    "training.recipes": "published_recipe redraw_recipe transfer_recipe tuned_recipe",
    "training.loop": "train",
    "training.evaluation": "evaluate",
    "training.stacked.loop": "Member train_stacked",
    "training.features.extractors": "create_extractor",
    "training.features.store": "extract_features load_features",
    "datasets": "load_dataset",
    "study.balanced": "emnist_balanced_answer",
    "study.by_size": "gains_by_size",
    "study.compare": "compare",
    "study.crossed": "crossed_errors",
    "study.frame": "records_frame",
    "study.gradients": "chain_runs",
    "study.reading": "regressions_as_published",
    "study.regression_gains": "regression_gains",
    "study.selection": "selection_bias_by_arm",
    "study.statistics": "mean_interval",
    "study.lab": "lab_sizes train_rivals",
    "study.order": "study_progress",
    "study.paired_gains": "paired_gains",
    "study.verdicts": "claims_table comparison_verdicts verdicts",
    "study.tables": "comparisons_table power_table",
    "show.card_browser": "browse_cards show_card",
    "show.data_cards": "card_html",
    "show.diagrams": "draw_heads draw_touch_to_layers",
    "show.spine_drawing": "draw_reach draw_spine",
    "show.unit_drawing": "draw_as_spine",
    "show.head_thumbs": "heads_table plot_heads",
    "show.needle": "plot_needle plot_saving_in_time",
    "show.plots": "plot_images plot_shared_images",
    "show.noise_plot": "plot_below_the_noise",
    "show.cut_plots": "cut_table plot_climb plot_cuts",
    "show.difference_plot": "plot_dropout_differences",
    "show.bench_plots": "plot_speed_ratios plot_step_profile",
    "show.cost_plot": "plot_costs",
    "show.lab_page": "describe_rivals lab_html lab_records",
    "show.ledger": "ledger_html",
    "show.answer": "answer_so_far",
    "show.guess": "Guess",
    "show.scoreboard": "scoreboard_html",
    "show.strip_plot": "plot_verdict_strips",
    "show.gain_plot": "describe_gains plot_gains",
    "show.size_plot": "plot_gains_by_size",
    "show.width_plot": "plot_gains_by_width",
    "show.pair_plot": "plot_pairs",
    "show.provenance": "CsvLink describe_records",
    "bench.costs": "costs_table",
    "bench.reports": "describe_bench load_bench load_bench_report",
    "widgets.climb_and_cut": "ClimbAndCut",
    "widgets.dropout_switch": "DropoutSwitch",
    "widgets.error_curves": "ErrorCurves",
    "widgets.gradient_by_layer": "GradientByLayer",
    "widgets.many_looks": "ManyLooks",
    "widgets.noise_floor": "NoiseFloor",
    "widgets.one_matrix": "OneMatrix",
    "widgets.one_pool": "OnePool",
    "widgets.seed_lottery": "SeedLottery",
    "widgets.split_explorer": "SplitExplorer",
    "widgets.unit_by_unit": "UnitByUnit",
    "widgets.weight_counter": "WeightCounter",
    "widgets.your_delta": "YourDelta",
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names.split()}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str):
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'spinalnet_lib' has no attribute {name!r}")
    from .checks import needs

    with needs("book"):
        value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
