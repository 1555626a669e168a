"""The miniature detectors: boxes through augmentation, mAP against a naive loop, and files their own libraries load."""

import copy
import json

import numpy as np
import pytest
import torch

from models import detectors, detr, windows, yolo
from models.task import recipes
from utils import reef
from utils.metrics.boxes import iou
from utils.metrics.detection import RECALLS, match, mean_average_precision
from utils.reef import gatherings
from utils.reef.layouts.refcocog import CATEGORIES

EDGE = 160
PLAIN = {"zoom": [1.0, 1.0], "stretch": 0.0, "mirror": 0.0, "grey": 0.0, "mosaic": 0.0}
PLAIN |= {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "cast": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve scenes in the form of the training set."""
    folder = tmp_path_factory.mktemp("scenes")
    scenes = [reef.record(reef.any_scene(seed, (EDGE, EDGE)), str(seed), "", masks=False) for seed in range(12)]
    np.save(folder / "images.npy", np.stack([image for image, _ in scenes]))
    (folder / "truth.jsonl").write_text("".join(json.dumps(truth) + "\n" for _, truth in scenes))
    return folder


def truth(*objects, scene="sea"):
    things = [
        {"kind": kind, "box_xyxy": list(box), "area": (box[2] - box[0]) * (box[3] - box[1]), "visible": visible}
        for kind, box, visible in objects
    ]
    return {"facts": {"scene": scene, "width": 200, "height": 100}, "objects": things}


# Boxes


def test_boxes_stay_on_their_things_through_every_augmentation():
    rng = np.random.default_rng(0)
    images = np.zeros((64, EDGE, EDGE, 3), np.uint8)
    corners = np.sort(rng.integers(10, 150, (64, 2, 2)), 1) + [[0, 0], [8, 8]]
    for image, ((x0, y0), (x1, y1)) in zip(images, corners, strict=True):
        image[y0:y1, x0:x1] = 255
    options = PLAIN | {"zoom": [0.5, 2.0], "stretch": 0.4, "mirror": 0.5}
    pixels, cuts = detectors.augment(torch.from_numpy(images), 96, rng, options)
    seen = 0
    for image, box, window in zip(pixels[:, 0] > 0.6, corners.reshape(64, 4) / EDGE, cuts, strict=True):
        moved, kept = windows.through(box[None].astype(np.float32), window)
        if kept[0]:
            ys, xs = np.nonzero(image.numpy())
            found = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
            expected = 96 * np.concatenate([moved[0, :2] - moved[0, 2:] / 2, moved[0, :2] + moved[0, 2:] / 2])
            np.testing.assert_allclose(found, expected, atol=1.6)
            seen += 1
    assert seen > 40


def test_a_box_that_the_crop_cuts_away_is_no_target():
    window = np.array([[0.5, -0.5], [0.5, -0.5]], np.float32)  # the upper left quarter
    corners = np.array([[0.1, 0.1, 0.3, 0.3], [0.4, 0.1, 0.6, 0.3], [0.45, 0.1, 0.9, 0.3], [0.7, 0.7, 0.9, 0.9]])
    moved, kept = windows.through(corners, window)
    assert kept.tolist() == [True, True, False, False]
    np.testing.assert_allclose(moved[:2], [[0.4, 0.4, 0.4, 0.4], [0.9, 0.4, 0.2, 0.4]], atol=1e-6)


def test_no_augmentation_changes_nothing():
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8))
    pixels, cuts = detectors.augment(images, 32, np.random.default_rng(0), PLAIN)
    torch.testing.assert_close(pixels, images.permute(0, 3, 1, 2) / 255, atol=1e-5, rtol=0)
    box = np.array([[0.2, 0.3, 0.4, 0.7]], np.float32)
    np.testing.assert_allclose(windows.through(box, cuts[0])[0], [[0.3, 0.5, 0.2, 0.4]], atol=1e-6)


def test_what_is_hardly_seen_is_no_target():
    labels, boxes = detectors.targets(
        truth(("turtle", (0, 0, 50, 50), 1.0), ("crab", (0, 0, 50, 50), 0.2), ("crab", (0, 0, 6, 6), 1.0))
    )
    assert labels.tolist() == [detectors.LABELS["turtle"]] and boxes.tolist() == [[0, 0, 50, 50]]


def test_only_photographs_whose_things_all_have_a_category_are_used():
    turtle = ("turtle", (0, 0, 9, 9), 1.0)
    assert detectors.usable(truth(turtle)) and detectors.usable(truth(scene="land"))
    assert not detectors.usable(truth(turtle, scene="painting"))
    assert not detectors.usable(truth(turtle, ("spaceship", (0, 0, 9, 9), 1.0)))


def test_a_thing_has_the_name_that_refcocog_gives_it():
    assert list(detectors.LABELS.values()) == list(range(len(detectors.NAMES)))
    assert {"turtle": "turtle", "ball": "sports ball", "motorbike": "motorcycle"}.items() <= detectors.NAMES.items()
    assert all(CATEGORIES[kind][1] == name for kind, name in detectors.NAMES.items())
    assert set(gatherings.REACH) <= set(detectors.NAMES)


class Batches(detectors.Detector):
    """What all detectors share; nothing else is asked of it."""

    build = loss = export = evaluate = None


def test_a_batch_is_a_function_of_its_step(folder):
    recipe = recipes()["yolov8"]
    first, again, other = (Batches(recipe, folder).batch(step, 8) for step in (3, 3, 4))
    assert torch.equal(first[0], again[0]) and not torch.equal(first[0], other[0])
    assert all(torch.equal(a, b) for a, b in zip(first[2], again[2], strict=True))


def test_a_mosaic_is_four_views_with_their_boxes_in_reading_order():
    views = torch.arange(8.0)[:, None, None, None].expand(8, 3, 5, 5)
    labels = [torch.tensor([i]) for i in range(8)]
    boxes = [torch.tensor([[0.5, 0.5, 1.0, 1.0]])] * 8
    pixels, kinds, moved = detectors.mosaic(views, labels, boxes)
    assert pixels.shape == (2, 3, 10, 10) and [kind.tolist() for kind in kinds] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    for picture, owners, places in zip(pixels, kinds, moved, strict=True):
        for owner, (x, y, w, h) in zip(owners, 10 * places, strict=True):
            cell = picture[:, int(y - h / 2) : int(y + h / 2), int(x - w / 2) : int(x + w / 2)]
            assert cell.shape == (3, 5, 5) and (cell == owner).all()


def test_half_of_a_batch_may_be_mosaics(folder):
    recipe = copy.deepcopy(recipes()["yolov8"])
    counts = []
    for share in (0.0, 0.5):
        recipe["augment"]["mosaic"] = share
        pixels, labels, boxes = Batches(recipe, folder).batch(0, 8)
        assert pixels.shape == (8, 3, EDGE, EDGE) and len(labels) == len(boxes) == 8
        counts.append(sum(map(len, labels)))
    assert counts[1] > 1.5 * counts[0]


# Mean average precision


def naive(detections, objects, classes, draw):
    """Mean average precision by loops over the images of `draw`, without any weight."""
    values = []
    for label in range(classes):
        total = sum(int(np.sum(counted & (labels == label))) for labels, counted in (objects[i][1:] for i in draw))
        if not total:
            continue
        rows = []
        for image in draw:
            boxes, scores, _ = (part[detections[image][2] == label] for part in detections[image])
            things = [(box, c) for box, kind, c in zip(*objects[image], strict=True) if kind == label]
            free = set(range(len(things)))
            for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
                near = [(things[j][1], iou(boxes[i], things[j][0]), j) for j in free]
                near = [entry for entry in near if entry[1] >= 0.5]
                best = max(near, default=None, key=lambda entry: entry[:2])
                if best:
                    free.remove(best[2])
                if not best or best[0]:
                    rows.append((scores[i], bool(best)))
        right = np.cumsum([hit for _, hit in sorted(rows, key=lambda row: -row[0])])
        precision = right / np.arange(1, len(rows) + 1)
        values.append(np.mean([max(precision[right / total >= recall], default=0.0) for recall in RECALLS]))
    return np.mean(values) if values else 0.0


def random_case(rng, images=6, classes=3):
    detections, objects = [], []
    for _ in range(images):
        m, extra = rng.integers(0, 5), rng.integers(0, 4)
        low = rng.uniform(0, 40, (m, 2))
        boxes = np.concatenate([low, low + rng.uniform(5, 30, (m, 2))], 1)
        labels = rng.integers(0, classes, m)
        objects.append((boxes, labels, rng.random(m) < 0.7))
        again = rng.integers(0, m, extra) if m else np.zeros(0, int)
        found = np.concatenate([boxes, boxes[again]]) + rng.normal(0, 2, (m + len(again), 4))
        kinds = np.concatenate([labels, rng.integers(0, classes, len(again))])
        detections.append((found, rng.permutation(1000)[: len(found)] / 1000, kinds))
    return detections, objects


def test_mean_average_precision_equals_a_naive_loop_also_on_resampled_images():
    rng = np.random.default_rng(0)
    for _ in range(60):
        detections, objects = random_case(rng)
        scores = rng.permutation(200) / 200  # no ties: their order is a convention
        detections = [(b, scores[20 * i : 20 * i + len(s)], k) for i, (b, s, k) in enumerate(detections)]
        matches = match(detections, objects, 3)
        assert mean_average_precision(matches) == pytest.approx(naive(detections, objects, 3, range(6)))
        draw = rng.permutation(6)[:4]
        assert mean_average_precision(matches, draw) == pytest.approx(naive(detections, objects, 3, draw))


def test_an_image_drawn_twice_weighs_twice():
    box = np.array([[0, 0, 10, 10]])
    objects = [(box, [0], [True]), (box, [0], [True])]
    matches = match([(box, [0.9], [0]), (box, [0.8], [1])], objects, 2)
    assert mean_average_precision(matches, [0, 0]) == 1.0 and mean_average_precision(matches, [1, 1]) == 0.0
    assert mean_average_precision(matches, [0, 0, 1]) == pytest.approx(np.mean(RECALLS <= 2 / 3))


def test_perfect_detections_reach_one_and_none_reach_zero():
    truths = [truth(("turtle", (0, 0, 50, 50), 1.0), ("crab", (60, 60, 70, 70), 1.0)), truth(scene="land")]
    found = [(np.array([[0, 0, 50, 50], [60, 60, 70, 70]]), np.array([0.9, 0.8]), ["turtle", "crab"])]
    nothing = (np.zeros((0, 4)), np.zeros(0), [])
    assert [f["value"] for f in detectors.figures([*found, nothing], truths, 20)] == [1.0, 1.0]
    assert [f["value"] for f in detectors.figures([nothing, nothing], truths, 20)] == [0.0, 0.0]


def test_small_and_hidden_things_are_asked_for_in_the_second_figure_only():
    things = ("turtle", (0, 0, 50, 50), 1.0), ("turtle", (60, 60, 70, 70), 1.0), ("turtle", (0, 60, 50, 90), 0.4)
    plain, everything = detectors.figures([(np.array([[0, 0, 50, 50]]), np.ones(1), ["turtle"])], [truth(*things)], 20)
    assert (plain["value"], plain["objects"]) == (1.0, 1)
    assert everything["value"] == pytest.approx(34 / 101) and everything["objects"] == 3


def test_a_name_that_is_no_category_is_a_wrong_answer_of_no_class():
    box, things = np.array([[0, 0, 50, 50]]), [truth(("turtle", (0, 0, 50, 50), 1.0))]
    wrong = detectors.figures([(box, np.ones(1), ["toaster"])], things, 20)
    assert [figure["value"] for figure in wrong] == [0.0, 0.0]


def test_a_detector_that_knows_the_truth_is_perfect_on_fresh_scenes():
    truths, images = detectors.fresh_scenes(3, 5, workers=1)
    answers = {image.tobytes(): truth for image, truth in zip(images, truths, strict=True)}

    def oracle(image):
        things = answers[image.tobytes()]["objects"]
        names = [detectors.NAMES[thing["kind"]] for thing in things]
        return np.array([thing["box_xyxy"] for thing in things]), np.ones(len(things)), names

    for figure in detectors.evaluate(oracle, 3, 5, draws=20, workers=1):
        assert figure["value"] == figure["ci_low"] == figure["ci_high"] == 1.0 and figure["n"] == 3


# The models


def few_steps(task, steps=4, rate=2e-3):
    model = task.build()
    model.train()
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=rate)
    losses = []
    for _ in range(steps):
        value = task.loss(model, task.batch(0, 4))
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), task.recipe["budget"]["clip_norm"])
        optimizer.step()
        losses.append(float(value.detach()))
    return model.eval(), losses


def small(slot, size=64):
    recipe = copy.deepcopy(recipes()[slot])
    recipe["architecture"]["image_size"] = size
    recipe["augment"] = PLAIN
    return recipe


@pytest.mark.parametrize("slot", ["yolov5", "yolov8"])
def test_a_yolo_learns_and_ultralytics_loads_what_it_exports(slot, folder, tmp_path):
    recipe = small(slot)
    model, losses = few_steps(yolo.Task(recipe, folder))
    assert losses[-1] < losses[0]
    yolo.Task(recipe, folder).export(model, tmp_path)
    (path,) = tmp_path.iterdir()
    assert path.name == f"{slot}.pt" and path.stat().st_size < recipe["max_bytes"]
    loaded = yolo.library().YOLO(path)
    assert list(loaded.names.values()) == list(detectors.LABELS) and loaded.task == "detect"
    assert loaded.overrides["imgsz"] == recipe["architecture"]["predict_size"]
    pixels = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        ours, theirs = model(pixels)[0], loaded.model(pixels)[0]
    assert torch.nn.functional.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0) > 0.999
    boxes, scores, names = yolo.find(loaded, np.zeros((100, 140, 3), np.uint8))
    assert boxes.shape == (len(scores), 4) and len(names) == len(scores) and set(names) <= set(detectors.LABELS)


def test_a_detr_learns_and_transformers_loads_what_it_exports(folder, tmp_path):
    from transformers import AutoImageProcessor, AutoModelForObjectDetection

    recipe = small("detr")
    model, losses = few_steps(detr.Task(recipe, folder), rate=5e-4)
    assert losses[-1] < losses[0]
    detr.Task(recipe, folder).export(model, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < recipe["max_bytes"]
    loaded = AutoModelForObjectDetection.from_pretrained(tmp_path, dtype=torch.float32).eval()
    processor = AutoImageProcessor.from_pretrained(tmp_path)
    assert [loaded.config.id2label[i] for i in range(len(detectors.LABELS))] == list(detectors.LABELS)
    image = np.random.default_rng(0).integers(0, 256, (100, 140, 3)).astype(np.uint8)
    pixels = processor(image, return_tensors="pt")["pixel_values"]
    assert pixels.shape == (1, 3, 64, 64)
    with torch.no_grad():
        nets = model, detr.frozen(model, recipe["architecture"]), loaded
        ours, copied, theirs = (net(pixel_values=pixels) for net in nets)
    torch.testing.assert_close(ours.pred_boxes, copied.pred_boxes, atol=1e-4, rtol=0)
    torch.testing.assert_close(ours.logits, copied.logits, atol=1e-3, rtol=0)
    # Rounded to fp16, near ties among the cells change the order of the queries; the cells keep theirs.
    torch.testing.assert_close(ours.enc_outputs_coord_logits, theirs.enc_outputs_coord_logits, atol=5e-2, rtol=0)
    torch.testing.assert_close(ours.enc_outputs_class, theirs.enc_outputs_class, atol=5e-2, rtol=0)
    boxes, scores, names = detr.find(loaded, processor, image)
    assert boxes.shape == (len(scores), 4) and set(names) <= set(detectors.LABELS)


def test_every_weight_of_the_detr_learns(folder):
    model, _ = few_steps(detr.Task(small("detr"), folder), steps=2)
    assert not [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert norms and all(module.num_batches_tracked == 2 for module in norms)


def test_a_cell_answers_for_the_thing_in_whose_box_it_lies_and_that_it_fits_best():
    things = torch.tensor([[0.5, 0.5, 1.0, 1.0], [0.25, 0.25, 0.5, 0.5]])
    boxes = things[:1].repeat(21, 1)  # grids of 4 x 4, 2 x 2 and one cell
    boxes[[0, 1, 4, 5, 15]] = things[1]
    quality, owner = detr.assign(torch.full((2, 21), 0.5), boxes, things)
    assert owner[[0, 1, 4, 5]].tolist() == [1] * 4 and quality[[0, 1, 4, 5]].tolist() == [1.0] * 4
    assert quality[15] < 0.3, "its box is that of a thing elsewhere"
    assert owner[[2, 20]].tolist() == [0, 0] and quality[[2, 20]].tolist() == [1.0, 1.0]


def test_the_dense_loss_vanishes_where_all_cells_are_right():
    labels = [{"class_labels": torch.tensor([1]), "boxes": torch.tensor([[0.5, 0.5, 0.75, 0.75]])}]
    boxes, logits = torch.full((1, 21, 4), 0.05), torch.full((1, 21, 3), -30.0)
    inner = [5, 6, 9, 10, 16, 17, 18, 19, 20]  # those that say anything
    boxes[0, inner], logits[0, inner, 1] = labels[0]["boxes"][0], 30.0
    assert detr.dense_loss(logits, boxes, labels) < 1e-5
    assert detr.dense_loss(logits, boxes * 0.9, labels) > 0.1
    assert detr.dense_loss(-logits, boxes, labels) > 1.0


def test_pictures_without_things_have_a_finite_loss(folder):
    task = detr.Task(small("detr"), folder)
    labels = [{"class_labels": torch.zeros(0, dtype=torch.int64), "boxes": torch.zeros(0, 4)}] * 2
    value = task.loss(task.build().train(), (torch.rand(2, 3, 64, 64), labels))
    value.backward()
    assert torch.isfinite(value)


def test_the_loss_and_its_gradient_exist_in_bf16(folder):
    task = detr.Task(small("detr"), folder)
    model = task.build().train()
    with torch.autocast("cpu", torch.bfloat16):
        value = task.loss(model, task.batch(0, 4))
    value.backward()
    assert torch.isfinite(value)


def test_the_same_seed_builds_the_same_weights(folder):
    for module, slot in ((yolo, "yolov5"), (detr, "detr")):
        first, second = (module.Task(recipes()[slot], folder, seed=1).build().state_dict() for _ in range(2))
        assert all(torch.equal(weight, second[name]) for name, weight in first.items())
