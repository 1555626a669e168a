"""Every figure of the house: one style sheet, colours that colour-blind readers can tell apart.

Each function draws one figure, returns it and takes it off pyplot's list, so a notebook cell that ends with
the figure shows it exactly once. An image is a path, a PIL image or an (h, w[, 3]) array. Text from data
(sentences, names) is drawn literally: ``$x$`` and ``<b>`` stay what they are.
"""

from utils.plots.captions import caption_stages, label_cost
from utils.plots.changes import before_after
from utils.plots.charts import bars_by_bin, bars_with_intervals, breakdown, histograms, pr_curve
from utils.plots.forest import forest
from utils.plots.pictures import boxed, contact_sheet, retrieval_grid, search_poster
from utils.plots.style import COLOURS, RIGHT, WRONG, encoded, save_figure, style
from utils.plots.tuning import embedding_map, similarity_pair, training_curves

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
    "contact_sheet",
    "embedding_map",
    "encoded",
    "forest",
    "histograms",
    "label_cost",
    "pr_curve",
    "retrieval_grid",
    "save_figure",
    "search_poster",
    "similarity_pair",
    "style",
    "training_curves",
]
