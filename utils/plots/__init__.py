"""Every figure of the house: one style sheet, colours that colour-blind readers can tell apart.

Each function draws one figure, returns it and takes it off pyplot's list, so a notebook cell that ends with
the figure shows it exactly once. An image is a path, a PIL image or an (h, w[, 3]) array. Text from data
(sentences, names) is drawn literally: ``$x$`` and ``<b>`` stay what they are.
"""

from utils.plots.captions import caption_stages, label_cost
from utils.plots.changes import before_after
from utils.plots.charts import bars_by_bin, bars_with_intervals, breakdown, histograms, pr_curve
from utils.plots.decisions import decision_chart
from utils.plots.forest import forest
from utils.plots.layers import colour_strip, edge_map, hog_glyphs, keypoints, patch_grid, region_boxes
from utils.plots.pictures import boxed, contact_sheet, retrieval_grid, search_poster
from utils.plots.style import COLOURS, RIGHT, WRONG, encoded, save_figure, style
from utils.plots.trade import curves_by_size, trade_off
from utils.plots.tuning import embedding_map, similarity_pair, training_curves
from utils.plots.views import cluster_grid, matched, seen_by

__all__ = [
    "COLOURS",
    "RIGHT",
    "WRONG",
    "bars_by_bin",
    "bars_with_intervals",
    "before_after",
    "boxed",
    "breakdown",
    "caption_stages",
    "cluster_grid",
    "colour_strip",
    "contact_sheet",
    "curves_by_size",
    "decision_chart",
    "edge_map",
    "embedding_map",
    "encoded",
    "forest",
    "histograms",
    "hog_glyphs",
    "keypoints",
    "label_cost",
    "matched",
    "patch_grid",
    "pr_curve",
    "region_boxes",
    "retrieval_grid",
    "save_figure",
    "search_poster",
    "seen_by",
    "similarity_pair",
    "style",
    "trade_off",
    "training_curves",
]
