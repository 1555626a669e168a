"""Real photographs: readers, pipeline and miniature against what nobody here has made (marker `real`)."""

import numpy as np
import pandas as pd
import pytest

from utils import app, config, datasets, encoders, evaluate

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def photographs():
    """As many turtle photos, the same number per individual, as COCO photos: a function of the part to read."""

    def read(folder, part):
        turtles = datasets.image_folder(folder / "sea_turtles_id" / part)
        coco = datasets.load("coco", root=folder / "coco_mini")
        each = len(coco) // turtles["label"].nunique()
        draw = config.rng(0, "real turtles")
        chosen = [draw.permutation(group.index)[:each] for _, group in turtles.groupby("label")]
        turtles = turtles.loc[np.concatenate(chosen)].assign(category="turtle", identity=lambda f: f["label"])
        coco = coco.iloc[draw.permutation(len(coco))[: len(turtles)]]
        return pd.concat([turtles, coco], ignore_index=True)

    return read


def report(name, found):
    interval = " to ".join(f"{found['AP'][end]:.3f}" for end in ("ci_low", "ci_high"))
    print(
        f"\n{name}: AP {found['AP']['mean']:.3f} ({interval}), colour baseline {found['colour']['mean']:.3f}, chance {found['chance']:.3f}"
    )


@pytest.mark.parametrize("part", ["train", "val"])
@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
def test_real_turtles_are_found_among_real_distractors_by_a_miniature_that_has_seen_no_photograph(
    real_data, photographs, part, grey, capsys
):
    photos = photographs(real_data, part)
    found = evaluate.presence_in_photographs(encoders.load("clip-vit-openai", precision="fp32"), photos, grey=grey)
    with capsys.disabled():
        report(f"{part}, {'grey' if grey else 'colour'}, {len(photos)} photographs", found)
    assert found["AP"]["ci_low"] > found["chance"]


def test_the_search_runs_on_a_folder_of_real_photographs(real_data, photographs):
    archive = app.Archive(photographs(real_data, "val"), encoders.load("clip-vit-openai", precision="fp32"))
    answers = archive.ask(list(evaluate.PHOTO_QUERIES), minus=list(evaluate.PHOTO_AGAINST), k=10)
    assert len(answers) == 10 and answers["score"].is_monotonic_decreasing
    assert (answers["category"] == "turtle").mean() > 0.5
