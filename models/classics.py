"""Old methods and CLIP compared where it takes too long for a lecture; notebook 07 shows what this writes.

`python models/classics.py` writes reports/results/classics.json: retrieval by a label and by an example, near-duplicates,
one-shot detection of painted motifs, SIFT against every picture, and what each method costs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from utils import bylabel, classical, copies, datasets, embed, encoders, instances, metrics, pooling, report, search  # noqa: E402

LEARN, SEED = "voc2007", 0
SLOTS = {"CLIP ViT": "clip-vit-openai", "CLIP LAION": "clip-vit-laion", "CLIP ResNet": "clip-rn50"}
LEARNED = {"eigen-images": classical.EigenImage, "SIFT words": classical.BagOfWords, "VLAD": classical.Vlad}
KINDS = {"cifar10": 20, "voc2007": 5, "coco": None}  # data set -> training images of a label; None: its own split
DRAWS, COPIED, WHITENED = 10, 40, 64
TIMED = "oxford_buildings"
COMPARED = {"first": 20, "size": 256, "most": 500}  # as the notebook does
EXPANSION = {"n": 3}
MATCHES, ALL_COMPARED = "SIFT matches", "SIFT matches, all pictures at 512 px"
TWO_STAGES = ("HOG", "SIFT words", "conv1, R-MAC", "CLIP ViT")
LOOKED = ("HSV", "HOG", "VLAD", "conv1, R-MAC", "CLIP ViT")
COPY_FINDERS = ("HSV", "HOG", "SIFT words", "VLAD", "conv1, R-MAC", "CLIP ViT", "CLIP ResNet")


def main() -> int:
    """Compare, and write the results."""
    results = report.Results("classics", split="all")
    learn, kinds = datasets.load(LEARN, seed=SEED), {name: datasets.load(name, seed=SEED) for name in KINDS}
    paths = list(learn[learn["split"] == "train"]["path"])
    known, spent = methods(paths)
    costs(results, known, spent, list(datasets.load(TIMED, seed=SEED)["path"])[:100])
    for name, frame in kinds.items():
        by_label(results, known, name, bylabel.parts(frame, each=KINDS[name]))
        by_example(results, known, name, frame)
    same_thing(results, known)
    pooled(results, known["CLIP ViT"], known["CLIP ResNet"], paths)
    one_shot(results, known)
    near_duplicates(results, known, list(datasets.load("sea_turtles", seed=SEED)["path"]))
    print(f"written: {results.write()}")
    return 0


def methods(paths: list[str]) -> tuple[dict, dict[str, float]]:
    """Image encoders by the names of notebook 07, and the seconds that those took that learn from training images."""
    clip, learned, spent = {name: encoders.load(slot) for name, slot in SLOTS.items()}, {}, {}
    for name, kind in LEARNED.items():
        start = time.perf_counter()
        learned[name] = kind.fit(paths, seed=SEED)
        spent[name] = time.perf_counter() - start
    plain = {
        "HSV": classical.HsvHistogram(),
        "LBP": classical.Lbp(),
        "shape": classical.ShapeHistogram(),
        "HOG": classical.Hog(),
    }
    early = {
        "conv1, R-MAC": pooling.Early(clip["CLIP ViT"], "conv1", "rmac"),
        "stem, R-MAC": pooling.Early(clip["CLIP ResNet"], "stem", "rmac"),
        "last layer, R-MAC": pooling.Early(clip["CLIP ViT"], "last", "rmac"),
    }
    return plain | learned | early | clip, spent


def costs(results: report.Results, known: dict, spent: dict[str, float], paths: list[str]) -> None:
    """Seconds to learn, milliseconds to index a picture, bytes that it takes."""
    for name, encoder in known.items():
        embed.images(encoder, paths[:8], cache=False)  # the first call loads libraries
        start = time.perf_counter()
        emb = embed.images(encoder, paths, cache=False)
        seconds = time.perf_counter() - start
        about = {"task": "costs", "dataset": TIMED, "method": name, "n": len(paths)}
        results.add("to learn", spent.get(name, 0.0), unit="s", **about)
        results.add("to index a picture", 1000 * seconds / len(paths), unit="ms", **about)
        results.add("memory of a picture", emb[0].nbytes, unit="bytes", **about)


def by_label(results: report.Results, known: dict, dataset: str, parts: bylabel.Parts) -> None:
    """Two stages and the threshold, over growing sets of candidates."""
    learned = {name: LEARNED[name].fit if name in LEARNED else known[name] for name in TWO_STAGES}
    ways = {f"{name}, two stages": bylabel.TwoStage(encoder, bag=None) for name, encoder in learned.items()}
    ways |= {f"{name}, threshold": bylabel.Threshold(known[name]) for name in SLOTS}
    rows = bylabel.measure(ways, parts, draws=DRAWS, seed=SEED, labels=bylabel.labels(parts))
    for row in bylabel.summary(rows).to_dict("records"):
        about = {"task": "by label", "dataset": dataset, "n": row["n"], "gallery_n": row["size"]}
        value = {"mean": row["value"], "ci_low": row["ci_low"], "ci_high": row["ci_high"]}
        results.add(row["metric"], value, method=row["method"], **about)
        if row["method"] == list(ways)[-1]:
            results.add(row["metric"], row["everything"], method="all candidates", **about)


def by_example(results: report.Results, known: dict, dataset: str, frame) -> None:
    """Validation images ask, test images answer; those that share a label are right."""
    asking, gallery = (frame[frame["split"] == split].reset_index(drop=True) for split in ("val", "test"))
    kinds = sorted(set(frame["label"].dropna()))
    right = bylabel.shown(asking, kinds).T.astype(int) @ bylabel.shown(gallery, kinds).astype(int) > 0
    about = {"task": "by example", "dataset": dataset, "n": int(right.any(axis=1).sum()), "gallery_n": len(gallery)}
    for name, encoder in known.items():
        scores = likeness(encoder, list(asking["path"]), list(gallery["path"]))
        precision = metrics.per_query(scores, right, no_relevant="skip")["AP"]
        results.add("mAP", metrics.bootstrap(precision), method=name, **about)
    results.add("mAP", metrics.chance(right, no_relevant="skip")["mAP"], method="chance", **about)


def same_thing(results: report.Results, known: dict) -> None:
    """What a box shows, in other pictures: every encoder, and keypoints against all pictures instead of the first ones."""
    for dataset, levels in {"brueghel": ("medium",), "oxford_buildings": ("easy", "medium", "hard")}.items():
        gallery, queries = datasets.load(dataset, seed=SEED), datasets.queries(dataset)
        scores = {name: instances.ask(encoder, gallery, queries) for name, encoder in known.items()}
        some = scores["SIFT words"]
        instances.reranked(some[:1], gallery, queries[:1], first=len(gallery))  # describes every picture
        start = time.perf_counter()
        scores[ALL_COMPARED] = instances.reranked(some, gallery, queries, first=len(gallery))
        seconds = time.perf_counter() - start
        scores["SIFT words, then matches"] = instances.reranked(some, gallery, queries, **COMPARED)
        scores["chance"] = np.random.default_rng(SEED).random(some.shape)
        about = {"task": "the same thing", "dataset": dataset, "gallery_n": len(gallery), "n": len(queries)}
        for name, found in scores.items():
            for level in levels:
                table = instances.judged(found, gallery, queries, level)
                results.add(f"mAP, {level}", instances.summary(table)["AP"], method=name, **about)
        results.add("a query", seconds / len(queries), unit="s", method=ALL_COMPARED, **about)


def pooled(results: report.Results, vit: encoders.Encoder, resnet: encoders.Encoder, learn: list[str]) -> None:
    """Layers and pools one by one; then more cells, more sizes, whitening and query expansion."""
    layers = {"conv1": vit, "stem": resnet, "stem-linear": resnet, "last": vit}
    known = {
        f"{layer}, {pool}": pooling.Early(layers[layer], layer, pool) for layer in layers for pool in pooling.POOLS
    }
    known["conv1, rmac, 5 levels"] = pooling.Early(vit, "conv1", "rmac", levels=5)
    known["conv1, rmac, stride 3"] = pooling.Early(vit, "conv1", "rmac", stride=3)
    known["stem, rmac, 3 sizes"] = pooling.MultiScale(known["stem, rmac"], (0.71, 1, 1.41))
    for dataset in ("brueghel", "oxford_buildings"):
        both = datasets.load(dataset, seed=SEED), datasets.queries(dataset)
        scores = {name: instances.ask(encoder, *both) for name, encoder in known.items()}
        for name, encoder in {"conv1, rmac, stride 3": known["conv1, rmac, stride 3"], "CLIP ViT": vit}.items():
            whitening = pooling.whiten(embed.images(encoder, learn), WHITENED)
            scores[name] = scores[name] if name in scores else instances.ask(encoder, *both)
            scores[f"{name}, whitened"] = instances.ask(encoder, *both, whitening=whitening)
            scores[f"{name}, expanded"] = instances.ask(encoder, *both, expansion=EXPANSION)
        about = {"task": "pooling", "dataset": dataset, "gallery_n": len(both[0]), "n": len(both[1])}
        for name, found in scores.items():
            value = instances.summary(instances.judged(found, *both, "medium"))["AP"]
            results.add("mAP, medium", value, method=name, **about)


def one_shot(results: report.Results, known: dict) -> None:
    """Every window of every painting, ranked by its likeness to one example."""
    gallery, queries = datasets.load("brueghel", seed=SEED), datasets.queries("brueghel")
    places = instances.places(gallery)
    scores = {name: instances.look(known[name], places, queries, progress=True) for name in LOOKED}
    scores["chance"] = np.random.default_rng(SEED).random((len(queries), len(places)))
    about = {"task": "one-shot detection", "dataset": "brueghel", "gallery_n": len(places), "n": len(queries)}
    for name, found in scores.items():
        for metric, value in instances.summary(instances.spotted(found, places, gallery, queries)).items():
            results.add(metric, value, method=name, **about)


def near_duplicates(results: report.Results, known: dict, paths: list[str]) -> None:
    """Changed copies of photographs ask for their originals."""
    originals = np.random.default_rng(SEED).permutation(sorted(paths))[: 5 * COPIED].tolist()
    with tempfile.TemporaryDirectory() as folder:
        made = copies.make(originals[:COPIED], Path(folder))
        for change, part in made.groupby("change", sort=False):
            asking = list(part["path"])
            scores = {name: likeness(known[name], asking, originals) for name in COPY_FINDERS}
            scores[MATCHES] = np.stack([classical.rerank(path, originals) for path in asking])
            for name, found in scores.items():
                hit = metrics.per_query(found, np.eye(len(asking), len(originals), dtype=bool))["R@1"]
                about = {"task": "near-duplicates", "dataset": "sea_turtles", "gallery_n": len(originals)}
                results.add(change, metrics.bootstrap(hit), method=name, n=len(hit), **about)


def likeness(encoder, asking: list[str], gallery: list[str]) -> NDArray[np.float32]:
    """Cosines (m, n) of pictures that ask and pictures that answer."""
    return search.scores(*(embed.images(encoder, part) for part in (asking, gallery)))


if __name__ == "__main__":
    sys.exit(main())
