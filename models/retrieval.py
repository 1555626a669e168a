"""Retrieval figures of a CLIP miniature on fresh pictures of ReefWorld.

The pictures come from a seed that neither the training nor any data set uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils import encoders, metrics, reef

KS = (1, 5, 10)


@dataclass(frozen=True)
class Query:
    """A sentence, what it claims, and the row of the image that it was written for."""

    caption: str
    claims: dict[str, Any]
    row: int


def queries(truths: Sequence[dict], level: str, seed: int = 0, kind: str | None = None) -> list[Query]:
    """One sentence of a level of detail an image, drawn by the seed, where the image has one.

    Args:
        truths: records as in truth.jsonl.
        level: "coarse", "medium" or "fine".
        seed: of the draw.
        kind: only images with such an object, and only sentences that name it.
    """
    rng = np.random.default_rng(seed)
    found = []
    for row, truth in enumerate(truths):
        if kind and kind not in {item["kind"] for item in truth["objects"]}:
            continue
        fitting = [c for c in truth["captions"] if c["level"] == level and (not kind or kind in c["caption"].lower())]
        if fitting:
            drawn = fitting[rng.integers(len(fitting))]
            found.append(Query(drawn["caption"], drawn["claims"], row))
    return found


def relevance(asked: Sequence[Query], truths: Sequence[dict]) -> np.ndarray:
    """(m, n) bool: every image whose facts satisfy the sentence is relevant, its own image always."""
    rows: dict[str, np.ndarray] = {}
    for query in asked:
        if query.caption not in rows:
            rows[query.caption] = np.array([reef.satisfies(query.claims, truth) for truth in truths], bool)
    relevant = np.stack([rows[query.caption] for query in asked])
    return relevant | own_image(asked, len(truths))


def own_image(asked: Sequence[Query], gallery: int) -> np.ndarray:
    """(m, gallery) bool: only the image that the sentence was written for is relevant."""
    relevant = np.zeros((len(asked), gallery), bool)
    relevant[np.arange(len(asked)), [query.row for query in asked]] = True
    return relevant


def hit_rates(task: str, scores: np.ndarray, relevant: np.ndarray, groups: Sequence[Any]) -> list[dict[str, Any]]:
    """Records of R@k (hit rate) with bootstrap intervals over whole groups, and the value at chance."""
    ranks = metrics.first_ranks(scores, relevant)
    chance = metrics.chance(relevant, KS)
    records = []
    for k in KS:
        interval = metrics.bootstrap(ranks <= k, groups=np.asarray(groups))
        records.append({
            "task": task, "metric": f"R@{k}", "value": float((ranks <= k).mean()),
            "ci_low": float(interval["ci_low"]), "ci_high": float(interval["ci_high"]),
            "chance": float(chance[f"R@{k}"]), "n": len(scores), "gallery_n": scores.shape[1],
            "mean_positives": float(relevant.sum(1).mean()),
        })  # fmt: skip
    return records


def evaluate(folder: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Records of the committed files in `folder` on `count` fresh images.

    "coarse": one coarse sentence an image, relevant is every image whose facts satisfy it, intervals over
    distinct sentences. "fine turtle, exact image": one fine sentence for each image with a turtle, relevant
    is that image alone.
    """
    truths, images = reef.evaluation_set(count, seed)
    coarse, fine = queries(truths, "coarse", seed), queries(truths, "fine", seed, kind="turtle")
    encoder = encoders.load(folder, device="cpu", precision="fp32")
    image_emb = encode_images(encoder, images)
    records = []
    for task, asked, relevant, groups in (
        ("coarse", coarse, relevance(coarse, truths), [query.caption for query in coarse]),
        ("fine turtle, exact image", fine, own_image(fine, len(truths)), [query.row for query in fine]),
    ):
        text_emb = encoder.encode_texts([query.caption for query in asked])
        records += hit_rates(task, text_emb @ image_emb.T, relevant, groups)
    return records


def encode_images(encoder: encoders.Encoder, images: np.ndarray, batch: int = 100) -> np.ndarray:
    """(n, h, w, 3) uint8 to (n, d) float32 of unit length, through the encoder's own preprocessing."""
    import torch
    from PIL import Image

    parts = []
    for start in range(0, len(images), batch):
        pixels = [encoder.preprocess(Image.fromarray(image)) for image in images[start : start + batch]]
        parts.append(encoder.encode_pixels(torch.stack(pixels)))
    return np.concatenate(parts)
