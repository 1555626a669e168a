"""Real photographs: readers, pipeline and miniature against what nobody here has made (marker `real`)."""

import numpy as np
import pandas as pd
import pytest

from models import captioning
from utils import app, captions, config, datasets, embed, encoders, evaluate, reef
from utils.files import load_image

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


def test_the_captioner_writes_whole_sentences_of_real_turtles(real_data, photographs, capsys):
    photos = photographs(real_data, "val")
    some = photos[photos["category"] == "turtle"].iloc[:: max(1, (photos["category"] == "turtle").sum() // 20)][:20]
    said = captioning.captions(
        config.root() / "models" / "blip", [np.asarray(load_image(path)) for path in some["path"]]
    )
    with capsys.disabled():
        print("", *(f"{name}: {text}" for name, text in zip(some["image_id"], said, strict=True)), sep="\n")
    assert len(said) == 20 and not any("unknown" in reef.read(text) for text in said)


def test_a_real_roboflow_export_gives_every_head_its_box(real_data):
    frame = datasets.load("roboflow_turtles", root=real_data / "turtle_heads_coco")
    assert {row["splits"]["published"] for row in frame["facts"]} == {"val", "test"}
    for row in frame.itertuples():
        width, height = row.facts["width"], row.facts["height"]
        for box in row.boxes:
            x0, y0, x1, y1 = box["box_xyxy"]
            assert -1 <= x0 < x1 <= width + 1 and -1 <= y0 < y1 <= height + 1
    assert frame["boxes"].map(len).mean() > 0.9


def test_real_coco_photographs_come_with_boxes_of_known_names_and_five_captions(real_data):
    frame = datasets.load("coco", root=real_data / "coco_mini")
    assert len(frame) == 80 and frame["captions"].map(len).between(5, 7).all()
    names = {box["label"] for boxes in frame["boxes"] for box in boxes}
    assert "person" in names and len(names) > 30


def test_real_paintings_are_read_from_two_folders_and_their_other_files_are_counted(real_data):
    frame = datasets.image_folder(real_data / "museum_paintings")
    assert frame["label"].value_counts().to_dict() == {"BBDD": 149, "qsd1_w1": 30}
    assert frame.attrs["ignored"] > 0 and not frame.attrs["skipped"]


@pytest.mark.parametrize("part", ["sea_turtles_id", "coco_mini"])
def test_the_captioning_pipeline_goes_through_real_photographs(real_data, tmp_path, capsys, part):
    paths = sorted((real_data / part).rglob("*.jpg"))[::8][:40]
    encoder = encoders.load("clip-vit-openai", precision="fp32")
    table = captions.clean(captions.caption(paths))
    varied = captions.vary(list(table["caption"]), encoder=encoder)
    frame = pd.DataFrame({"image_id": [path.stem for path in paths], "path": [str(path) for path in paths]})
    frame = frame.assign(flag=table["flag"], **varied[["caption", "kept", "group"]])
    fit = captions.main_thing(varied["caption"], embed.images(encoder, frame["path"]), encoder)
    queue = captions.review_queue(frame, fit)
    with capsys.disabled():
        print("", *(f"{row.image_id}: {row.caption} ({row.why})" for row in queue.head(12).itertuples()), sep="\n")
        print(captions.diversity(table["caption"]), captions.diversity(varied["caption"]))
    page = captions.to_html(queue, tmp_path / "review.html")
    assert len(paths) >= 10 and queue["caption"].str.len().min() > 0 and queue["risk"].between(0, 1).all()
    assert page.stat().st_size > 10_000
    assert captions.diversity(varied["caption"])["unique_rate"] >= captions.diversity(table["caption"])["unique_rate"]


def test_one_human_caption_against_four_others_scores_as_the_reference_implementation_says(real_data):
    table = pd.read_csv(real_data / "flickr8k_1000" / "captions.txt")
    own = table.groupby("image")["caption"].apply(list)
    candidates, references = [texts[0] for texts in own], [texts[1:] for texts in own]
    # pycocoevalcap 1.2, given the same words
    assert captions.cider(candidates, references).mean() == pytest.approx(0.7660455, abs=1e-6)
    assert captions.bleu(candidates, references) == pytest.approx(0.2089373, abs=1e-6)
