"""Every figure of the house: one style sheet, colours that colour-blind readers can tell apart.

Each function draws one figure, returns it and takes it off pyplot's list, so a notebook cell that ends with
the figure shows it exactly once. An image is a path, a PIL image or an (h, w[, 3]) array. Text from data
(sentences, names) is drawn literally: ``$x$`` and ``<b>`` stay what they are.
"""

from utils.plots.answers import similarity_heat_map, top_bars
from utils.plots.captions import caption_stages, label_cost
from utils.plots.changes import before_after
from utils.plots.charts import bars_by_bin, bars_with_intervals, breakdown, histograms, pr_curve
from utils.plots.classes import class_counts, per_class_dots
from utils.plots.confusion import confusion_matrix
from utils.plots.decisions import decision_chart
from utils.plots.doubt import reliability_diagram, risk_coverage, set_sizes
from utils.plots.forest import forest
from utils.plots.grounding import Grounded, grounding_gallery, grounding_steps
from utils.plots.growth import growth
from utils.plots.heat import heat_overlay, heat_panels
from utils.plots.layers import colour_strip, edge_map, hog_glyphs, keypoints, patch_grid, region_boxes
from utils.plots.learning import curves_by_method, few_shot_curves, learning_curves
from utils.plots.mistakes import Misnamed, confused_pairs
from utils.plots.parse import parse_tree
from utils.plots.pictures import boxed, contact_sheet, retrieval_grid, search_poster
from utils.plots.results import shifts, side_by_side
from utils.plots.style import COLOURS, RIGHT, WRONG, encoded, save_figure, style
from utils.plots.trade import curves_by_size, trade_off
from utils.plots.tuning import embedding_map, similarity_pair, training_curves
from utils.plots.views import cluster_grid, matched, seen_by

__all__ = [
    "COLOURS",
    "RIGHT",
    "WRONG",
    "Grounded",
    "Misnamed",
    "bars_by_bin",
    "bars_with_intervals",
    "before_after",
    "boxed",
    "breakdown",
    "caption_stages",
    "class_counts",
    "cluster_grid",
    "colour_strip",
    "confused_pairs",
    "confusion_matrix",
    "contact_sheet",
    "curves_by_method",
    "curves_by_size",
    "decision_chart",
    "edge_map",
    "embedding_map",
    "encoded",
    "few_shot_curves",
    "forest",
    "grounding_gallery",
    "grounding_steps",
    "growth",
    "heat_overlay",
    "heat_panels",
    "histograms",
    "hog_glyphs",
    "keypoints",
    "label_cost",
    "learning_curves",
    "matched",
    "parse_tree",
    "patch_grid",
    "per_class_dots",
    "pr_curve",
    "region_boxes",
    "reliability_diagram",
    "retrieval_grid",
    "risk_coverage",
    "save_figure",
    "search_poster",
    "seen_by",
    "set_sizes",
    "shifts",
    "side_by_side",
    "similarity_heat_map",
    "similarity_pair",
    "style",
    "top_bars",
    "trade_off",
    "training_curves",
]
