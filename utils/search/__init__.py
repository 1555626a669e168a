"""Search on arrays: the best items of a gallery for each query, query algebra, and filters on a manifest."""

from .best import Index, scores, top_k, top_k_of_blocks
from .filters import filter_mask
from .queries import check_unit, compose

__all__ = ["Index", "check_unit", "compose", "filter_mask", "scores", "top_k", "top_k_of_blocks"]
