"""Grounding many sentences against the loop of the seed project, which asks for one sentence after the other.

The loop finds the boxes of the sentence's picture anew for every sentence and embeds one crop a forward pass. Both ways
use the same detector, encoder and crops, and start without a cache; the answers must be the same.
"""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from utils import datasets, detect, embed, encoders, files, ground

OURS, LOOP = "ground.answers", "one sentence after the other"
DETECTOR, SLOT = "yolov8", "clip-vit-openai"
WARM = 4


def run(sentences: int = 500) -> dict[str, object]:
    """Returns seconds by way, the number of sentences and pictures, and the share of equal answers."""
    words = datasets.expressions("refcocog")
    words = words[words["split"] != "train"].iloc[:sentences]
    detector, encoder = detect.load(DETECTOR), encoders.load(SLOT, precision="fp32")
    seconds, answers = {}, {}
    for name, way in {OURS: batched, LOOP: loop}.items():
        way(words.iloc[:WARM], detector, encoder)  # libraries load with the first call
        seconds[name], answers[name] = timed(lambda way=way: way(words, detector, encoder))
    same = np.isclose(answers[OURS], answers[LOOP], atol=0.5).all(axis=1)
    return {"seconds": seconds, "n": len(words), "images": words["path"].nunique(), "same": float(same.mean())}


def timed(way: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Seconds and what it gives."""
    start = time.perf_counter()
    found = way()
    return time.perf_counter() - start, found


def batched(words: pd.DataFrame, detector: detect.Detector, encoder: encoders.Encoder) -> np.ndarray:
    """Each picture searched once, all crops in batches."""
    paths = list(dict.fromkeys(words["path"]))
    found = dict(zip(paths, detect.boxes(detector, paths, cache=False), strict=True))
    answers = ground.answers(words, found, encoder, cache=False)
    return np.array(answers["box_xyxy"].tolist())


def loop(words: pd.DataFrame, detector: detect.Detector, encoder: encoders.Encoder) -> np.ndarray:
    """As the seed's notebook does it."""
    picked = []
    for path, sentence in zip(words["path"], words["sentence"], strict=True):
        boxes = detect.boxes(detector, path, cache=False)[0].boxes_xyxy.tolist()
        text_emb = embed.texts(encoder, sentence, cache=False)[0]
        crops = [embed.images(encoder, [(path, box, "pad")], batch=1, cache=False)[0] for box in boxes]
        best = int(np.argmax(np.stack(crops) @ text_emb)) if boxes else None
        picked.append([0, 0, *files.load_image(path).size] if best is None else boxes[best])
    return np.array(picked)
