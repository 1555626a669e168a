"""Detectors behind one call: YOLOv5, YOLOv8 and what else ultralytics opens, DETR and RT-DETR of transformers, the truth.

>>> detector = detect.load("yolov8")                               # doctest: +SKIP
>>> found = detect.boxes(detector, paths, confidence=0.25)[0]      # doctest: +SKIP
>>> found.boxes_xyxy.shape, found.scores.shape, found.labels       # doctest: +SKIP
((2, 4), (2,), ['turtle', 'bottle'])
"""

from utils.detect.detectors import Detector
from utils.detect.finding import Found, boxes, truth
from utils.detect.opening import load

__all__ = ["Detector", "Found", "boxes", "load", "truth"]
