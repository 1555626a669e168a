"""What speaks against a caption: CLIP would rather name another thing, or a detector sees what it does not name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.captions import grammar
from utils.captions.clean import strings

if TYPE_CHECKING:
    from utils.encoders import Encoder


def first_thing(captions: Sequence[str], image_emb: ArrayLike, encoder: Encoder) -> NDArray[np.float64]:
    """How sure CLIP is of the thing that each caption names first, among all that the captions name first.

    The cosine of the whole caption is a poor judge: a sentence that claims more has a lower one, be it true or not.

    Args:
        captions: n sentences.
        image_emb: (n, d) float, unit length, of their photographs.
        encoder: the CLIP that made them; it embeds "a photo of a turtle" and so on.

    Returns:
        (n,) float64, log-probabilities; NaN where a caption names nothing.

    Raises:
        ValueError: not as many images as captions.
    """
    named = [next((thing.noun for thing in grammar.things(doc)), None) for doc in grammar.parsed(strings(captions))]
    image_emb = np.asarray(image_emb, np.float64)
    if len(image_emb) != len(named):
        raise ValueError(f"{len(named)} captions and {len(image_emb)} images; give an image for each caption")
    emb = grammar.embedded(set(named) - {None}, encoder)
    if not emb:
        return np.full(len(named), np.nan)
    text_emb = np.array(list(emb.values()))
    logits = encoder.model.logit_scale.exp().item() * image_emb @ text_emb.T
    logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
    place = {noun: i for i, noun in enumerate(emb)}
    return np.array([np.nan if noun is None else row[place[noun]] for noun, row in zip(named, logits, strict=True)])


def disagrees(
    captions: Sequence[str], seen: Sequence[str | None], encoder: Encoder | None = None, near: float = 0.95
) -> list[bool]:
    """Whether a caption leaves out what a detector sees: n bool, for the column that `review_queue` reads.

    Args:
        captions: n sentences.
        seen: n names, of what the detector is surest of in each photograph; None where it is sure of nothing.
        encoder: a CLIP to whom "a ship" may be "a boat"; without one every other noun is another thing.
        near: cosine from which two names are one thing.

    Raises:
        ValueError: not as many names as captions.
    """
    docs = grammar.parsed(strings(captions))
    if len(seen) != len(docs):
        raise ValueError(f"{len(docs)} captions and {len(seen)} names of what is seen; give one, or None, for each")
    nouns = [{thing.noun for thing in grammar.things(doc)} for doc in docs]
    emb = {} if encoder is None else grammar.embedded({name for name in seen if name}.union(*nouns), encoder)

    def one(noun: str, name: str) -> bool:
        return noun in (name, name.split()[-1]) or (bool(emb) and float(emb[noun] @ emb[name]) >= near)

    return [bool(name) and not any(one(noun, name) for noun in said) for said, name in zip(nouns, seen, strict=True)]
