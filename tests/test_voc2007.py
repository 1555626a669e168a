"""PASCAL VOC 2007: annotations and image sets as published, several labels an image, difficult objects set apart."""

import csv
import json
from collections import Counter
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from utils import datasets, reef
from utils.datasets.readers import LayoutError, voc2007
from utils.reef import layouts

NAMES = ["aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"]  # fmt: skip
KINDS = layouts.voc2007.KINDS


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("reef") / "voc2007"
    return reef.write("voc2007", root, seed=2, workers=1, progress=False, images=25)


@pytest.fixture(scope="module")
def frame(made):
    return datasets.load("voc2007", root=made)


def truths(made):
    return {t["file"]: t for t in map(json.loads, (made / "truth.jsonl").read_text().splitlines())}


def one(folder, xml, encoding="utf-8"):
    """A data set of one image with this annotation."""
    base = folder / "VOCdevkit" / "VOC2007"
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (base / part).mkdir(parents=True)
    Image.new("RGB", (60, 40)).save(base / "JPEGImages" / "000012.jpg")
    (base / "Annotations" / "000012.xml").write_bytes(xml.encode(encoding))
    (base / "ImageSets" / "Main" / "test.txt").write_text("000012\n")
    return folder


def thing(name="dog", box=(1, 2, 30, 40), difficult=0, more=""):
    corners = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    return f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>{corners}</bndbox>{more}</object>"


def test_the_twenty_classes_are_the_published_ones():
    assert list(layouts.voc2007.CLASSES) == NAMES


def test_every_class_is_the_subject_of_fifteen_test_images_of_five_hundred():
    shots = layouts.LAYOUTS["voc2007"][0](1, images=500)
    splits = Counter(s.extra["split"] for s in shots)
    assert splits == {"train": 100, "val": 100, "test": 300}
    subjects = Counter(s.scene.things[0].kind for s in shots if s.extra["split"] == "test")
    assert set(subjects) == set(KINDS) and min(subjects.values()) == 15


def test_annotations_have_the_published_form(made):
    base = made / "VOCdevkit" / "VOC2007"
    files = sorted(p.name for p in (base / "JPEGImages").iterdir())
    assert files == [f"{i:06d}.jpg" for i in range(1, 26)]
    poses = set()
    for file in files:
        tree = ET.parse(base / "Annotations" / file.replace(".jpg", ".xml")).getroot()
        assert (tree.tag, tree.findtext("folder"), tree.findtext("filename")) == ("annotation", "VOC2007", file)
        width, height = (int(tree.findtext(f"size/{k}")) for k in ("width", "height"))
        with Image.open(base / "JPEGImages" / file) as image:
            assert image.size == (width, height) and tree.findtext("size/depth") == "3"
        for item in tree.iter("object"):
            x0, y0, x1, y1 = (int(item.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax"))
            assert 1 <= x0 <= x1 <= width and 1 <= y0 <= y1 <= height
            edge = x0 == 1 or y0 == 1 or x1 == width or y1 == height
            assert int(item.findtext("truncated")) == edge and item.findtext("name") in NAMES
            poses.add(item.findtext("pose"))
    assert poses <= {"Left", "Right", "Frontal", "Rear", "Unspecified"} and len(poses) >= 3


def test_boxes_come_back_as_the_world_drew_them(made, frame):
    known = truths(made)
    for row in frame.to_dict("records"):
        drawn = [t for t in known[row["image_id"].split("/", 1)[1]]["objects"] if t["kind"] in KINDS]
        assert [(KINDS[t["kind"]][0], t["box_xyxy"]) for t in drawn] == [(b["label"], b["box_xyxy"]) for b in row["boxes"]]  # fmt: skip
        for t, b in zip(drawn, row["boxes"], strict=True):
            assert b["difficult"] == (t["visible"] < 0.4 or t["area"] < 90)


def test_labels_are_vocs_own_and_difficult_objects_are_no_positives(frame):
    assert frame["labels"].map(len).max() >= 2
    for row in frame.to_dict("records"):
        sure = {b["label"] for b in row["boxes"] if not b["difficult"]}
        assert row["labels"] == sorted(sure) and row["label"] == row["category"] and set(row["labels"]) <= set(NAMES)
        assert row["facts"]["difficult"] == sorted({b["label"] for b in row["boxes"]} - sure)
        assert row["label"] in sure or (row["label"] is None and not sure) or row["label"] not in NAMES


def test_image_sets_part_the_images_and_mark_every_class(made, frame):
    sets = made / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
    parts = {s: (sets / f"{s}.txt").read_text().split() for s in ("train", "val", "test", "trainval")}
    assert sorted(parts["train"] + parts["val"]) == parts["trainval"] and min(map(len, parts.values())) >= 3
    assert len({*parts["trainval"], *parts["test"]}) == 25 == len(parts["trainval"]) + len(parts["test"])
    rows = {r["image_id"][-10:-4]: r for r in frame.to_dict("records")}
    for split in ("train", "val", "test"):
        assert all(rows[key]["facts"]["splits"]["published"] == split for key in parts[split])
        for name in NAMES:
            marks = [line.split() for line in (sets / f"{name}_{split}.txt").read_text().splitlines()]
            assert [key for key, _ in marks] == parts[split]
            for key, mark in marks:
                row = rows[key]
                assert int(mark) == (1 if name in row["labels"] else 0 if name in row["facts"]["difficult"] else -1)


def test_captions_are_true_and_lie_beside_the_devkit(made, frame):
    known = dict(zip(frame["image_id"], datasets.truth(frame), strict=True))
    captions = datasets.captions(frame)
    assert len(captions) == 75 == len(list(csv.DictReader((made / "captions.csv").open())))
    for row in captions.itertuples():
        assert reef.satisfies(row.claims, known[row.image_id]), row.caption


def test_a_difficult_class_is_known_but_not_positive(tmp_path):
    xml = f"<annotation>{thing('dog')}{thing('cat', (1, 1, 60, 40), 1)}{thing('dog', (3, 3, 9, 9), 1)}</annotation>"
    frame = datasets.load("voc2007", root=one(tmp_path / "v", xml))
    row = frame.iloc[0]
    assert (row["labels"], row["label"], row["facts"]["difficult"]) == (["dog"], "dog", ["cat"])
    assert [b["difficult"] for b in row["boxes"]] == [False, True, True]


def test_an_image_without_sure_objects_has_no_label(tmp_path):
    for i, xml in enumerate(("<annotation/>", f"<annotation>{thing(difficult=1)}</annotation>")):
        row = voc2007(one(tmp_path / str(i), xml)).rows[0]
        assert row["labels"] == [] and row["label"] is None


def test_parts_of_a_body_are_no_objects_and_corners_count_from_one(tmp_path):
    head = "<part><name>head</name><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part>"
    row = voc2007(one(tmp_path / "v", f"<annotation>{thing('person', (1, 2, 30, 40), more=head)}</annotation>")).rows[0]
    assert [(b["label"], b["box_xyxy"]) for b in row["boxes"]] == [("person", [0.0, 1.0, 30.0, 40.0])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("inner", ['[<!ENTITY a "aaaa">]', '[<!ENTITY a SYSTEM "file:///etc/hostname">]', ""])
def test_a_document_type_is_refused(tmp_path, inner, encoding):
    name = "&a;" if inner else "dog"
    xml = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x {inner}><annotation>{thing(name)}</annotation>'
    with pytest.raises(LayoutError, match=r"000012\.xml: a document type"):
        voc2007(one(tmp_path / "v", xml, encoding))


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("<annotation><object>", r"000012\.xml: not valid XML"),
        (f"<annotation>{thing('')}</annotation>", "object 1 has no 'name'"),
        ("<annotation><object><name>dog</name></object></annotation>", "no 'bndbox/xmin'"),
        (f"<annotation>{thing(box=(1, 'x', 3, 4))}</annotation>", "'bndbox/ymin' 'x', which is no number"),
        (f"<annotation>{thing(box=(1, 'nan', 3, 4))}</annotation>", "no number"),
        (f"<annotation>{thing(box=(9, 1, 3, 4))}</annotation>", "corners are exchanged"),
    ],
)
def test_a_malformed_annotation_names_file_and_key(tmp_path, xml, message):
    with pytest.raises(LayoutError, match=message):
        datasets.load("voc2007", root=one(tmp_path / "v", xml))


@pytest.mark.parametrize("encoding", ["foo", "shift_jis", "utf-32", "idna", "hex"])
def test_an_encoding_that_is_not_to_be_had_is_no_valid_xml(tmp_path, encoding):
    xml = f'<?xml version="1.0" encoding="{encoding}"?><annotation>{thing()}</annotation>'
    with pytest.raises(LayoutError, match=r"000012\.xml: not valid XML"):
        voc2007(one(tmp_path / "v", xml))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"000012\n\n000012\n", "000012 stands in it twice"),
        (b"caf\xe9\n", "not in UTF-8"),
        (b"000012\n../000012\n", "line 2 must name a file below"),
        (b"/etc/000012\n", "line 1 must name a file below"),
    ],
)
def test_a_broken_image_set_is_named(tmp_path, content, message):
    root = one(tmp_path / "v", "<annotation/>")
    (root / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main" / "test.txt").write_bytes(content)
    with pytest.raises(LayoutError, match=rf"test\.txt: {message}"):
        voc2007(root)


def test_an_image_in_two_sets_and_no_set_at_all_are_errors(tmp_path):
    root = one(tmp_path / "v", "<annotation/>")
    sets = root / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
    (sets / "val.txt").write_text("000012\n")
    with pytest.raises(LayoutError, match=r"test\.txt: 000012 stands in val\.txt too"):
        voc2007(root)
    for file in sets.iterdir():
        file.unlink()
    with pytest.raises(FileNotFoundError, match="test.txt are missing or empty"):
        datasets.load("voc2007", root=root)
