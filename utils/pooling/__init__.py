"""Pooled feature maps as image embeddings, and what instance retrieval does with embeddings afterwards.

`Early(encoder, "conv1", "rmac")` embeds images by the first convolution of a CLIP encoder, `"last"` by the tokens before
CLIP's own pooling; `embed.images` takes it like any encoder and caches its rows. `MultiScale` averages several input
sizes. `whiten`, `expand` and `clusters` take embeddings, whatever they come from.
"""

from utils.pooling.afterwards import Clusters, Whitening, clusters, expand, whiten
from utils.pooling.early import Early, MultiScale
from utils.pooling.maps import feature_map, layers
from utils.pooling.pools import POOLS, regions, unit

__all__ = [
    "POOLS",
    "Clusters",
    "Early",
    "MultiScale",
    "Whitening",
    "clusters",
    "expand",
    "feature_map",
    "layers",
    "regions",
    "unit",
    "whiten",
]
