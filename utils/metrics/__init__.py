"""Metrics on arrays (NumPy only): retrieval, landmarks, detection, labels, classes, confidence, boxes, intervals.

Fractions lie in [0, 1] and are never rounded.
"""

from utils.metrics.boxes import (
    best_overlaps,
    crop_likeness,
    grounding,
    grounding_table,
    iou,
    overlaps,
    proposal_recall,
)
from utils.metrics.classes import (
    Confused,
    confusable,
    confusion,
    macro_accuracy,
    macro_bootstrap,
    mcnemar,
    paired_macro_bootstrap,
    per_class,
)
from utils.metrics.confidence import aurc, reliability, selective
from utils.metrics.intervals import bootstrap, holm, paired_bootstrap, wilson
from utils.metrics.labels import (
    average_precision,
    best_threshold,
    classification,
    multilabel_ap,
    precision_recall,
    proper_scores,
    top_accuracy,
)
from utils.metrics.landmarks import LANDMARK_LEVELS, landmark_per_query, landmark_retrieval, marked
from utils.metrics.oneshot import WINDOW_SHARES, detection_ap, strongest, windows
from utils.metrics.ranking import KS, chance, first_ranks, ndcg, per_query, retrieval

__all__ = [
    "KS",
    "LANDMARK_LEVELS",
    "WINDOW_SHARES",
    "Confused",
    "aurc",
    "average_precision",
    "best_overlaps",
    "best_threshold",
    "bootstrap",
    "chance",
    "classification",
    "confusable",
    "confusion",
    "crop_likeness",
    "detection_ap",
    "first_ranks",
    "grounding",
    "grounding_table",
    "holm",
    "iou",
    "landmark_per_query",
    "landmark_retrieval",
    "macro_accuracy",
    "macro_bootstrap",
    "marked",
    "mcnemar",
    "multilabel_ap",
    "ndcg",
    "overlaps",
    "paired_bootstrap",
    "paired_macro_bootstrap",
    "per_class",
    "per_query",
    "precision_recall",
    "proper_scores",
    "proposal_recall",
    "reliability",
    "retrieval",
    "selective",
    "strongest",
    "top_accuracy",
    "wilson",
    "windows",
]
