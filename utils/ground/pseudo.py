"""Pseudo-queries: a caption for each crop, held against the expression text to text.

Jiang et al. 2022 (Pseudo-Q) make such sentences to train on; here they are asked: of all crops, whose own description
comes nearest to what was said?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils import config, embed
from utils.captions import captioner, language_models
from utils.captions.shelf import Shelf
from utils.embed.items import Item, key_of, message, picture

if TYPE_CHECKING:
    from PIL import Image

    from utils.captions.language_models import LanguageModel
    from utils.encoders import Encoder

    Captioner = Callable[[list[Image.Image]], list[str]]  # captions of a batch of pictures

MEAN = (0.48145466, 0.4578275, 0.40821073)  # the colour that pads a crop, BLIP's mean


def described(
    items: Sequence[Item], model: str = "blip", beams: int = 3, most: int = 24, prompt: str = "", cache: bool = True
) -> list[str]:
    """A caption for each crop by BLIP, each crop once, kept in `artifacts/captions` by content, box, style and settings.

    Args:
        items: n of what `embed.images` takes, such as (path, box_xyxy, style).
        model: a slot, the folder of a BLIP, or its name on the hub.
        beams: of the beam search.
        most: new tokens at most.
        prompt: words that every caption begins with.
        cache: read and write the cache.

    Raises:
        ValueError: crops that cannot be cut, named (the others are kept by then), or a setting below 1.
        FileNotFoundError: there is no such model; says how to get it.
    """
    if beams < 1 or most < 1:
        raise ValueError(f"beams {beams}, most {most}: give numbers above 0")
    writer = language_models.opened(model, "blip")
    asked = {"beams": beams, "temperature": None, "prompt": prompt, "most": most}
    shelf = Shelf("captions", writer.fingerprint, asked | {"crops": MEAN}, cache)
    return captioned(items, _by(writer, asked), shelf)


def captioned(items: Sequence[Item], captions: Captioner, shelf: Shelf | None = None) -> list[str]:
    """A caption for each crop by any captioner, equal crops once.

    Args:
        items: n of what `embed.images` takes.
        captions: a list of RGB pictures -> as many sentences.
        shelf: where captions are kept; by default in memory.

    Raises:
        ValueError: crops that cannot be cut, named; or a captioner with another number of sentences.
    """
    shelf = Shelf("captions", "", {}, cache=False) if shelf is None else shelf
    keys, bad = _keys(embed.items.listed(items))
    try:
        for texts, failed in _written({key: item for key, item in keys if key and key not in shelf}, captions):
            shelf.add(texts)
            bad |= failed
    finally:  # what an interrupted run has done is kept
        shelf.save()
    if bad:
        raise ValueError(f"{len(bad)} of {len(keys)} crops have no caption: {'; '.join(list(bad.values())[:3])}")
    return [shelf.get(key) for key, _ in keys]


def similarity(encoder: Encoder, captions: Sequence[Sequence[str]], sentences: Sequence[str]) -> list[NDArray]:
    """How near each candidate's caption comes to the sentence, by the text tower.

    Args:
        encoder: of `encoders.load`, or anything with which `embed.texts` works (a sentence encoder).
        captions: for each of n sentences those of its candidates; may be none.
        sentences: n expressions.

    Returns:
        n times (k,) float32, cosine in [-1, 1].

    Raises:
        ValueError: not one list of captions a sentence.
    """
    if len(captions) != len(sentences):
        raise ValueError(f"captions for {len(captions)} sentences, but {len(sentences)} sentences: give a list each")
    texts = list(dict.fromkeys([*sentences, *(text for own in captions for text in own)]))
    emb = embed.texts(encoder, texts)
    row = {text: i for i, text in enumerate(texts)}
    pairs = zip(captions, sentences, strict=True)
    return [
        emb[[row[text] for text in own]] @ emb[row[said]] if len(own) else np.zeros(0, np.float32)
        for own, said in pairs
    ]


def added(image_scores: ArrayLike, caption_scores: ArrayLike, weight: float) -> NDArray[np.float64]:
    """The image score plus `weight` times the caption score, (k,) float64.

    Cosines of text with text spread more widely than those of images with text, so choose the weight on validation: 0 is
    the image alone, infinity the caption alone.

    Args:
        image_scores: (k,) float, sentence against crop.
        caption_scores: (k,) float, sentence against the crop's caption.
        weight: from 0 to infinity.

    Raises:
        ValueError: lengths differ, or a weight below 0 or NaN.
    """
    image, caption = np.asarray(image_scores, np.float64), np.asarray(caption_scores, np.float64)
    if image.shape != caption.shape or image.ndim != 1:
        raise ValueError(f"image_scores {image.shape}, caption_scores {caption.shape}: give one of each a candidate")
    if not weight >= 0:
        raise ValueError(f"weight is {weight}; give a number from 0 to infinity")
    return caption if np.isinf(weight) else image + weight * caption


def _by(writer: LanguageModel, asked: Mapping[str, Any]) -> Captioner:
    return lambda pictures: captioner.said(writer, pictures, dict(asked))


def _keys(items: Sequence[Item]) -> tuple[list[tuple[str, Item]], dict[str, str]]:
    """A key and the item each, "" for one that cannot be read, and what is wrong with those."""
    keys, bad = [], {}
    for item in items:
        try:
            keys.append((key_of(item).hex(), item))
        except (ValueError, OSError) as error:
            keys.append(("", item))
            bad[repr(item)] = message(item, error)
    return keys, bad


def _written(todo: Mapping[str, Item], captions: Captioner) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Batch by batch: captions by key, and what could not be cut."""
    rest, size = list(todo.items()), config.load().budgets["captions"]["batch"]
    for start in range(0, len(rest), size):
        pictures, bad = {}, {}
        for key, item in rest[start : start + size]:
            try:
                pictures[key] = picture(item, MEAN)
            except (ValueError, OSError) as error:
                bad[repr(item)] = message(item, error)
        texts = list(captions(list(pictures.values()))) if pictures else []
        if len(texts) != len(pictures):
            raise ValueError(
                f"the captioner gave {len(texts)} captions for {len(pictures)} crops: it must give one each"
            )
        yield dict(zip(pictures, texts, strict=True)), bad
