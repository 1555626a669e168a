"""A vocabulary of SIFT descriptors against k-means run to its end; and two stages over a thousand candidates.

The descriptors are RootSIFT of ReefWorld's `coco`, picture by picture until there are enough.
"""

import numpy as np

from tests.bench import medians
from utils import bylabel, classical, datasets, embed
from utils.classical import descriptors, pictures

OURS, LLOYD, TWO_STAGES = "classical.vocabulary", "KMeans to its end", "classical.two_stage"
KIND, SCALING, MOST = "rootsift", classical.Scaling(256), 500
AT_ONCE = 32


def run(rows: int = 200_000, words: int = 256, candidates: int = 1000, repeats: int = 3) -> dict[str, object]:
    """Returns seconds by way, the inertia of both vocabularies, and what two stages over the candidates cost."""
    frame = datasets.load("coco")
    drawn, centres = sample(list(frame["path"]), rows), {}
    ways = {
        OURS: lambda: centres.update({OURS: classical.vocabulary(drawn, words)}),
        LLOYD: lambda: centres.update({LLOYD: to_the_end(drawn, words)}),
    }
    seconds = medians(ways, repeats)
    encoder = classical.BagOfWords(centres[OURS], np.ones(words, np.float32), KIND, SCALING.size, MOST)
    return {
        "seconds": seconds | retrieval(encoder, frame, candidates, repeats),
        "inertia": {way: inertia(drawn, part) for way, part in centres.items()},
        "n": rows,
        "words": words,
        "gallery_n": candidates,
    }


def sample(paths: list[str], rows: int) -> np.ndarray:
    """Descriptors (rows, 128) float32 of as many pictures as that needs."""
    found, count = [], 0
    for start in range(0, len(paths), AT_ONCE):
        part = pictures.mapped(
            lambda p: descriptors.features(p, KIND, MOST).raw, paths[start : start + AT_ONCE], SCALING
        )
        found, count = found + part, count + sum(map(len, part))
        if count >= rows:
            return descriptors.vectors(np.concatenate(found)[:rows], KIND)
    raise ValueError(f"{len(paths)} pictures hold {count} descriptors, not {rows}")


def to_the_end(rows: np.ndarray, words: int) -> np.ndarray:
    """What scikit-learn does by default, from one start: k-means++ and Lloyd until nothing moves."""
    from sklearn.cluster import KMeans

    return KMeans(words, init="k-means++", n_init=1, random_state=0).fit(rows).cluster_centers_


def inertia(rows: np.ndarray, centres: np.ndarray) -> float:
    """Sum of the squared distances to the nearest centre."""
    return float(((rows - centres[descriptors.nearest(rows, centres)]) ** 2).sum(dtype=np.float64))


def retrieval(encoder: classical.BagOfWords, frame, candidates: int, repeats: int) -> dict[str, float]:
    """Seconds of two stages over candidates that are indexed; the other pictures give the bags."""
    train, gallery = frame.iloc[candidates:], frame.iloc[:candidates]
    bags = bylabel.bags(train, sorted(train["label"].dropna().unique()), 10, seed=0)
    bag_emb, image_emb = (embed.images(encoder, list(part["path"]), cache=False) for part in (bags, gallery))
    labels = list(bags["label"])
    return medians({TWO_STAGES: lambda: classical.two_stage(bag_emb, labels, image_emb, bag=None)}, repeats)
