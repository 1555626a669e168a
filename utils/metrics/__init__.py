"""Metrics on arrays (NumPy only): retrieval, detection by threshold, classification, boxes, intervals.

Fractions lie in [0, 1] and are never rounded.
"""

from utils.metrics.boxes import grounding, iou
from utils.metrics.intervals import bootstrap, holm, paired_bootstrap, wilson
from utils.metrics.labels import average_precision, best_threshold, classification, precision_recall
from utils.metrics.ranking import KS, chance, first_ranks, ndcg, per_query, retrieval

__all__ = [
    "KS",
    "average_precision",
    "best_threshold",
    "bootstrap",
    "chance",
    "classification",
    "first_ranks",
    "grounding",
    "holm",
    "iou",
    "ndcg",
    "paired_bootstrap",
    "per_query",
    "precision_recall",
    "retrieval",
    "wilson",
]
