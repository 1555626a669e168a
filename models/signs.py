"""Which signs tell a wrong caption: thresholds and weights of the review queue, compared on validation images.

`python models/signs.py` captions the validation photographs of the archives and writes reports/results/review_signs.json.
`SURE` and `NEAR` of utils/captions/doubt.py and `WEIGHTS` of utils/captions/review.py follow from it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from models import lora  # noqa: E402
from utils import captions, datasets, detect, embed, encoders, report  # noqa: E402
from utils.captions import doubt, facts, review  # noqa: E402

GUARD, JUDGE, DETECTOR = "clip-vit-openai", "clip-vit-laion", "yolov8"
CONFIDENCES, NEARS, READ = (0.25, 0.4, 0.5, 0.6), (0.9, 0.95, 1.01), 0.1
QUEUES = {
    "all terms alike": dict.fromkeys(review.WEIGHTS, 1.0),
    "as in use": review.WEIGHTS,
    "content alone": dict.fromkeys(("flag", "disagrees", "score"), 1.0),
    **{f"{name} alone": {name: 1.0} for name in ("disagrees", "score", "kept", "group", "length")},
}


def main() -> int:
    """Compare and write."""
    frame = lora.archive()
    frame = frame[frame["split"] == "val"].reset_index(drop=True)
    said = captions.clean(captions.caption(frame["path"], progress=True))
    varied = captions.vary(list(said["caption"]), encoder=encoders.load(GUARD))
    wrong = facts.by_caption(facts.judged(varied["caption"], datasets.truth(frame)), len(frame))["names wrong"] == 1
    about = {"dataset": "all four", "split": "val", "n": int(wrong.sum()), "gallery_n": len(frame)}
    results = report.Results("review_signs", task="signs of a wrong caption", model="blip and llama", **about)
    judge, detector = encoders.load(JUDGE), detect.load(DETECTOR)
    for confidence in CONFIDENCES:
        seen = surest(detect.boxes(detector, list(frame["path"]), confidence))
        for near in NEARS:
            flags = np.array(captions.disagrees(varied["caption"], seen, judge, near))
            setting = {"group": "detector", "method": f"score {confidence}, cosine {near}"}
            results.add("flagged", float(flags.mean()), **setting)
            results.add("of these wrong", float(wrong[flags].mean()), **setting)
            results.add("of the wrong flagged", float(flags[wrong].mean()), **setting)
    table = frame[["image_id", "path"]].assign(flag=said["flag"], **varied[["caption", "kept", "group"]])
    seen = surest(detect.boxes(detector, list(frame["path"]), doubt.SURE))
    table["disagrees"] = captions.disagrees(varied["caption"], seen, judge)
    sure = captions.main_thing(varied["caption"], embed.images(judge, list(frame["path"])), judge)
    place = pd.Series(wrong.to_numpy(), frame["image_id"])
    for name, weights in QUEUES.items():
        queue = captions.review_queue(table, sure, weights)
        [row] = captions.label_cost(queue, place[queue["image_id"]], (READ,)).to_dict("records")
        value = {"mean": row["ranking"], "ci_low": row["ci_low"], "ci_high": row["ci_high"]}
        results.add(f"found after {READ:.0%}", value, group="queue", method=name)
    print(f"written: {results.write()}")
    return 0


def surest(found: list[detect.Found]) -> list[str | None]:
    """The name of what is found with the highest score in each photograph."""
    return [own.labels[0] if len(own) else None for own in found]


if __name__ == "__main__":
    raise SystemExit(main())
