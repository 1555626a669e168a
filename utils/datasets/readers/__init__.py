"""One reader per native layout: files on disk in, plain rows out.

A reader takes the root folder and returns a `Native`: the folder that holds the native files and one row
(dict) an image. It decodes no image and knows no profile; `registry.load` turns the rows into the manifest.
Every box is converted to ``box_xyxy``: [x0, y0, x1, y1], float pixels, 0-based, the far edge exclusive.
"""

from .artphoto import artphoto
from .brueghel import brueghel
from .cifar10 import cifar10
from .coco import coco, roboflow_turtles, sea_turtles
from .common import COMPANIONS, IMAGE_SUFFIXES, SPLITS, LayoutError, Native, list_images, read_table, some
from .fish31 import fish31
from .folders import image_folder, own_turtles
from .oxford_buildings import oxford_buildings
from .refcocog import REFS, refcocog, refcocog_sentences
from .voc2007 import voc2007

__all__ = [
    "COMPANIONS",
    "IMAGE_SUFFIXES",
    "REFS",
    "SPLITS",
    "LayoutError",
    "Native",
    "artphoto",
    "brueghel",
    "cifar10",
    "coco",
    "fish31",
    "image_folder",
    "list_images",
    "own_turtles",
    "oxford_buildings",
    "read_table",
    "refcocog",
    "refcocog_sentences",
    "roboflow_turtles",
    "sea_turtles",
    "some",
    "voc2007",
]
