"""Data set names, what they hold, where their bytes come from, and the manifest made of their rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .. import config
from . import readers, splits
from .readers import LayoutError, Native
from .relevance import read_captions, read_truth

COLUMNS = (
    "image_id", "path", "dataset", "category", "label", "labels",
    "identity", "encounter", "split", "captions", "boxes", "facts",
)  # fmt: skip
FACTS = ("date", "site", "light", "turbidity", "width", "height", "splits", "source", "objects", "captions")


@dataclass(frozen=True)
class Dataset:
    """One entry of the registry: its reader, what it is, the layout expected, and how to get it."""

    reader: Callable[[Path], Native]
    about: str
    layout: str
    get: str


DATASETS = {
    "sea_turtles": Dataset(
        readers.sea_turtles,
        "SeaTurtleID2022: photos of individual loggerhead turtles with dates and part masks",
        "annotations.json (COCO: images, annotations, categories turtle, flipper, head), metadata_splits.csv "
        "(id, file_name, identity, date, split_closed, split_closed_random, split_open), images/<identity>/; "
        "in the root or below turtles-data/data/",
        "download wildlifedatasets/seaturtleid2022 from Kaggle and unpack it there",
    ),
    "roboflow_turtles": Dataset(
        readers.roboflow_turtles,
        "a Roboflow export in COCO format: turtles with boxes",
        "train/, valid/, test/ (one is enough), each with its images and _annotations.coco.json (images, "
        "annotations with bbox [x, y, width, height], categories)",
        "export the project from Roboflow as 'COCO' and unpack it there",
    ),
    "own_turtles": Dataset(
        readers.own_turtles,
        "your own turtle photos with captions",
        "images at any depth and captions.csv (image_id, caption, source), where image_id is the file's path "
        "below the root or its name",
        "copy the photos there",
    ),
    "coco": Dataset(
        readers.coco,
        "COCO 2017: everyday photos with boxes and five captions each",
        "val2017/ or train2017/; instances_val2017.json, captions_val2017.json beside it or in annotations/",
        "download val2017.zip and annotations_trainval2017.zip from cocodataset.org and unpack them there",
    ),
    "refcocog": Dataset(
        readers.refcocog,
        "RefCOCOg: COCO photos with sentences that point out one thing each (see expressions)",
        "refs(umd).p, refs(google).p and instances.json, in the root or in annotations/; the photos in images/, or in "
        "train2014/ below it",
        "download Google Drive file 1xijq32XfEm6FPhUb7RsZYWHc2UuwVkiq (`gdown 1xijq32XfEm6FPhUb7RsZYWHc2UuwVkiq`) and "
        "unpack it there",
    ),
    "fish31": Dataset(
        readers.fish31,
        "Fish Dataset (Lampa et al. 2022): photos of 31 species of fish, landed and swimming",
        "FishImgDataset/ with train/, val/, test/ (one is enough), each with a folder of photos a species; or the same "
        "without FishImgDataset/",
        "download markdaniellampa/fish-dataset from Kaggle and unpack it there",
    ),
    "cifar10": Dataset(
        readers.cifar10,
        "CIFAR-10: ten classes on 32 x 32 pixels",
        "cifar-10-batches-py/ with data_batch_1 to data_batch_5, test_batch, batches.meta (pickled dictionaries: data, "
        "labels, label_names); or these files in the root",
        "download cifar-10-python.tar.gz from www.cs.toronto.edu/~kriz/cifar.html and unpack it there",
    ),
    "voc2007": Dataset(
        readers.voc2007,
        "PASCAL VOC 2007: everyday photos, twenty classes, several an image, with boxes",
        "VOCdevkit/VOC2007/ with JPEGImages/, Annotations/ (one XML file an image), ImageSets/Main/ (train.txt, val.txt, "
        "test.txt; one is enough)",
        "download VOCtrainval_06-Nov-2007.tar and VOCtest_06-Nov-2007.tar from host.robots.ox.ac.uk/pascal/VOC/voc2007 and "
        "unpack them there",
    ),
    "artphoto": Dataset(
        readers.artphoto,
        "ArtPhoto: artistic photos made to be felt, eight emotions",
        "images at any depth named <emotion>_<number>.jpg, the emotion one of amusement, anger, awe, contentment, disgust, "
        "excitement, fear, sad",
        "download testImages_artphoto.zip from www.imageemotion.org and unpack it there",
    ),
    "oxford_buildings": Dataset(
        readers.oxford_buildings,
        "Oxford Buildings: photos of seventeen landmarks from the web, with 55 queries for eleven of them",
        "images named <landmark>_<number>.jpg at any depth, and gt_files_170407/ with <landmark>_<1..5>_query.txt "
        "(oxc1_<image> x0 y0 x1 y1), _good.txt, _ok.txt and _junk.txt (one image name a line)",
        "download oxbuild_images-v1.tgz and gt_files_170407.tgz from robots.ox.ac.uk/~vgg/data/oxbuildings, unpack "
        "the images into images/ and the ground truth into gt_files_170407/",
    ),
    "brueghel": Dataset(
        readers.brueghel,
        "Brueghel: paintings of one workshop, with the details that return in them",
        "images at any depth, such as Brueghel/; brueghelTest.json or brueghelVal.json "
        "({motif: [{query: [file name, [x0, y0, x1, y1]], gt: [[file name, box], ...]}, ...]})",
        "take Brueghel.zip and data/brueghel*.json from github.com/XiSHEN0220/ArtMiner and put them there",
    ),
    "image_folder": Dataset(
        readers.image_folder,
        "any folder of photos",
        "images at any depth; the first folder, below train/val/test if there are such, is the label; "
        "captions.csv (image_id, caption, source) is optional",
        "pass the folder as root",
    ),
}


def load(
    name: str,
    root: str | Path | None = None,
    split: str | None = None,
    seed: int | None = None,
    verify: bool | None = None,
) -> pd.DataFrame:
    """Read the data set `name` into a manifest, making it first if it is missing and can be made.

    Args:
        name: a name in `DATASETS`.
        root: the folder of the native files; by default `<data_dir>/<name>`.
        split: keep only "train", "val" or "test" of the default split.
        seed: of the default split; by default the configured one.
        verify: decode every image in full instead of reading its header; default only for image_folder.

    Returns:
        One row an image, sorted by image_id (`<dataset>/<path below the root>`), columns `COLUMNS`, absent
        values None. `split` is the 70-20-10 split by individual and encounter (`splits.split_by_group`). In
        ``frame.attrs``: "skipped", a list of {path, reason}, and "ignored", the number of files that are no
        images.

    Raises:
        ValueError: unknown name or split (the message lists the known ones), or no image could be read.
        FileNotFoundError: root or a native file is missing; the message says what is expected and how to get
            it.
        LayoutError: a native file is malformed; the message names file, key and expected layout.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set '{name}'; known: {', '.join(DATASETS)}")
    if split is not None and split not in splits.NAMES:
        raise ValueError(f"unknown split '{split}'; known: {', '.join(splits.NAMES)}")
    root = _locate(name) if root is None else Path(root)
    frame = _read(name, root, name == "image_folder" if verify is None else verify)
    attrs = frame.attrs
    frame["split"] = splits.split_by_group(frame, config.load().seed if seed is None else seed)
    frame = frame if split is None else frame[frame["split"] == split].reset_index(drop=True)
    frame.attrs = attrs
    return frame


def image_folder(root: str | Path, seed: int | None = None) -> pd.DataFrame:
    """The manifest of anyone's photos: `load("image_folder", root)`; `dataset` is the folder's name."""
    return load("image_folder", root, seed=seed)


def crop_objects(frame: pd.DataFrame, label: str, margin: float = 0.1, style: str = "tight") -> pd.DataFrame:
    """One row a box of `label` (case does not matter), ready for ``embed.images(encoder, crops["item"])``.

    Args:
        frame: a manifest of `load`.
        label: of the box, such as "turtle"; crowd boxes are left out.
        margin: fraction of the box's width and height added on every side, >= 0.
        style: of the crop, "tight" or "pad", handed on in `item`.

    Returns:
        The manifest's columns with image_id `<image_id>#<index of the box>`, label and boxes those of the one
        box, and two more: box_xyxy ([x0, y0, x1, y1] float pixels, with margin, inside the image) and item,
        the triple (path, box_xyxy, style). ``attrs["dropped"]`` counts the boxes without area inside the
        image.

    Raises:
        ValueError: margin < 0, or no image has a box of that label; the message lists the labels there are.
    """
    if margin < 0:
        raise ValueError(f"margin must be >= 0, found {margin}")
    rows, known, dropped = [], set(), 0
    for record in frame.to_dict("records"):
        for i, box in enumerate(record["boxes"]):
            known.add(box["label"])
            if box["label"].lower() != label.lower() or box["crowd"]:
                continue
            crop = _grow(box["box_xyxy"], margin, record["facts"]["width"], record["facts"]["height"])
            if crop is None:
                dropped += 1
                continue
            own = {"image_id": f"{record['image_id']}#{i}", "label": box["label"], "boxes": [box]}
            rows.append({**record, **own, "box_xyxy": crop, "item": (record["path"], crop, style)})
    if label.lower() not in {name.lower() for name in known}:
        raise ValueError(f"no box has the label '{label}'; labels here: {', '.join(sorted(known)) or 'none'}")
    crops = pd.DataFrame(rows, columns=[*frame.columns, "box_xyxy", "item"], dtype=object)
    crops.attrs = {**frame.attrs, "dropped": dropped}
    return crops


def _grow(box_xyxy: list[float], margin: float, width: int, height: int) -> list[float] | None:
    """The box inside the image and enlarged, or None if none of the box itself lies inside."""
    x0, y0, x1, y1 = box_xyxy
    if min(x1, width) <= max(x0, 0) or min(y1, height) <= max(y0, 0):
        return None
    dx, dy = margin * (x1 - x0), margin * (y1 - y0)
    return [max(x0 - dx, 0.0), max(y0 - dy, 0.0), min(x1 + dx, float(width)), min(y1 + dy, float(height))]


def _locate(name: str) -> Path:
    """The default folder of a data set; the embedded profile writes it when it is missing."""
    cfg = config.load()
    if name == "image_folder":
        raise ValueError("image_folder reads your own photos: pass their folder as root")
    root = cfg.data_dir / name
    if not root.exists() and cfg.profile == "embedded":
        from .. import reef

        reef.write(name, root, seed=cfg.seed, **cfg.budgets["datasets"][name])
    return root


def _read(name: str, root: Path, verify: bool) -> pd.DataFrame:
    entry = DATASETS[name]
    hint = f"Expected layout of {name} below {root}: {entry.layout}."
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder. {hint} To get it: {entry.get}.")
    try:
        native = entry.reader(root)
        words = read_captions(native)
        truths = {} if name == "image_folder" else read_truth(native.base)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}. {hint} To get it: {entry.get}.") from error
    except LayoutError as error:
        raise LayoutError(f"{error}. {hint}") from error
    if not native.rows:
        raise FileNotFoundError(f"{root} holds no images. {hint} To get it: {entry.get}.")
    dataset = root.resolve().name if name == "image_folder" else name
    rows, skipped = [], []
    for row, (size, reason) in zip(native.rows, _probe(native.rows, verify), strict=True):
        if reason is None:
            rows.append(_record(dataset, row, size, words.get(row["file"], []), truths.get(row["file"])))
        else:
            skipped.append({"path": row["path"], "reason": reason})
    _report_skipped(root, skipped, len(native.rows))
    # Object columns keep None where pandas would otherwise put NaN.
    frame = pd.DataFrame(sorted(rows, key=lambda row: row["image_id"]), columns=list(COLUMNS), dtype=object)
    twice = frame["image_id"][frame["image_id"].duplicated()]
    if len(twice):
        raise LayoutError(f"{root}: {twice.iloc[0]} is listed twice. {hint}")
    frame.attrs = {"skipped": skipped, "ignored": native.ignored}
    return frame


def _record(dataset: str, row: dict, size: tuple[int, int], words: list[str], truth: dict | None) -> dict[str, Any]:
    """One manifest row: native values first, ReefWorld's truth where the layout is silent.

    A reader that gives a category keeps it and its own label; else the largest thing of the truth is both.
    """
    truth = truth or {}
    kinds = _kinds(row, truth.get("objects"))
    own = row.get("category")
    category = own or ("turtle" if "turtle" in kinds else next(iter(kinds), None))
    main = next((thing for thing in _by_area(truth.get("objects") or []) if thing["kind"] == category), {})
    known = {"width": size[0], "height": size[1]} | {key: truth.get(key) for key in ("objects", "captions")}
    return {
        "image_id": f"{dataset}/{row['file']}",
        "path": row["path"],
        "dataset": dataset,
        "category": category,
        "label": category if "objects" in truth and not own else row["label"] or category,
        "labels": row.get("labels") if "labels" in row else [own] if own else sorted(set(kinds)),
        "identity": row["identity"] or main.get("identity"),
        "encounter": row["encounter"] or main.get("encounter"),
        "split": None,
        "captions": row["captions"] or words,
        "boxes": row["boxes"],
        "facts": {**dict.fromkeys(FACTS), **truth.get("facts", {}), **row["facts"], **known},
    }


def _kinds(row: dict, objects: list[dict] | None) -> list[str]:
    """Kinds in the picture, the largest first, crowds last; else the reader's label."""
    if objects is not None:
        return [thing["kind"] for thing in _by_area(objects) if thing.get("seen", True)]
    if row["label"] is not None:
        return [row["label"]]
    return [box["label"] for box in sorted(_by_area(row["boxes"]), key=lambda box: box["crowd"])]


def _by_area(things: list[dict]) -> list[dict]:
    def area(thing: dict) -> float:
        x0, y0, x1, y1 = thing["box_xyxy"]
        return (x1 - x0) * (y1 - y0)

    return sorted(things, key=area, reverse=True)


def _probe(rows: list[dict], verify: bool) -> list[tuple[tuple[int, int] | None, str | None]]:
    """(width, height) as shown, or the reason why the file cannot be read, for every row."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda row: _size(Path(row["path"]), verify), rows))


def _size(path: Path, verify: bool) -> tuple[tuple[int, int] | None, str | None]:
    from PIL import Image

    if not path.is_file():
        return None, "no such file"
    try:
        if verify:
            from .. import files

            return files.load_image(path).size, None
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return (image.size[::-1] if turned else image.size), None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return None, str(error) or type(error).__name__


def _report_skipped(root: Path, skipped: list[dict[str, str]], total: int) -> None:
    if not skipped:
        return
    named = readers.some([f"{item['path']} ({item['reason']})" for item in skipped])
    message = f"{root}: {len(skipped)} of {total} images skipped: {named}"
    if len(skipped) == total:
        raise ValueError(message)
    warnings.warn(message, stacklevel=2)
