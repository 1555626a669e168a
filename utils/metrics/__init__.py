"""Metrics on arrays (NumPy only): retrieval, landmarks, detection by threshold or example, labels, boxes, intervals.

Fractions lie in [0, 1] and are never rounded.
"""

from utils.metrics.boxes import grounding, iou
from utils.metrics.intervals import bootstrap, holm, paired_bootstrap, wilson
from utils.metrics.labels import average_precision, best_threshold, classification, precision_recall
from utils.metrics.landmarks import LANDMARK_LEVELS, landmark_per_query, landmark_retrieval, marked
from utils.metrics.oneshot import WINDOW_SHARES, detection_ap, strongest, windows
from utils.metrics.ranking import KS, chance, first_ranks, ndcg, per_query, retrieval

__all__ = [
    "KS",
    "LANDMARK_LEVELS",
    "WINDOW_SHARES",
    "average_precision",
    "best_threshold",
    "bootstrap",
    "chance",
    "classification",
    "detection_ap",
    "first_ranks",
    "grounding",
    "holm",
    "iou",
    "landmark_per_query",
    "landmark_retrieval",
    "marked",
    "ndcg",
    "paired_bootstrap",
    "per_query",
    "precision_recall",
    "retrieval",
    "strongest",
    "wilson",
    "windows",
]
