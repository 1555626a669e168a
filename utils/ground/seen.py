"""What an encoder makes of sentences and pictures: all crops in one call, all texts in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from utils import embed
from utils.ground import language, scoring
from utils.ground.candidates import Scene
from utils.ground.language import Said
from utils.ground.method import Method

if TYPE_CHECKING:
    from utils.encoders import Encoder

CLASS = "a photo of a {}"  # what is said of nouns and of names of classes where they are compared


@dataclass(frozen=True)
class Seen:
    """Embeddings of one call of `look`, and how they are compared.

    Attributes:
        method, scale: of the comparison.
        crops: path -> (c, k, d) float32, the boxes in the styles of the method.
        texts: what was said to the encoder -> (d,) float32.
        nouns: phrase of a landmark -> its noun.
        classes: that are known beside the labels of a picture.
    """

    method: Method
    scale: float
    crops: Mapping[str, NDArray[np.float32]]
    texts: Mapping[str, NDArray[np.float32]]
    nouns: Mapping[str, str]
    classes: Sequence[str]

    def logits(self, texts: Sequence[str], path: str) -> NDArray[np.float64]:
        """(t, k) of texts, put into the prompt, with the boxes of a picture."""
        crops = self.crops[path]
        if not texts:
            return np.zeros((0, crops.shape[1]))
        rows = np.stack([self.texts[self.method.prompt.replace("{}", text)] for text in texts])
        return scoring.logits(rows, crops, self.scale)

    def kind(self, noun: str, labels: Sequence[str]) -> str | None:
        """The class of a noun if it is among the labels of a picture, else None."""
        names = [name for name in dict.fromkeys([*labels, *self.classes]) if name]
        cosines = None
        if noun and names and self.method.gate is not None:
            cosines = np.stack([self.texts[_class(name)] for name in names]) @ self.texts[_class(noun)]
        found = scoring.class_of(noun, names, cosines, self.method.gate)
        return found if found in labels else None


def asked(sentences: Sequence[str], method: Method) -> list[Said]:
    """What sentences say, as far as the method reads them; of the others only the sentence is there."""
    if not method.reads:
        return [Said(sentence, "", "") for sentence in sentences]
    once = list(dict.fromkeys(sentences))
    known = dict(zip(once, language.read(once), strict=True))
    return [known[sentence] for sentence in sentences]


def look(
    questions: Sequence[Said],
    scenes: Mapping[str, Scene],
    encoder: Encoder,
    method: Method,
    classes: Sequence[str] = (),
    cache: bool = True,
    progress: bool = False,
) -> Seen:
    """Embeds every box of the pictures in every style, and all that is to be compared with them."""
    phrases = [p for one in questions for relation in one.relations for p in relation.landmarks]
    phrases = list(dict.fromkeys(phrases)) if method.relations else []
    nouns = {one.sentence: one.noun for one in language.read(phrases)} if phrases else {}
    said = [method.prompt.replace("{}", text) for one in questions for text in _texts(one, method)]
    said += [method.prompt.replace("{}", phrase) for phrase in phrases]
    if method.gate is not None:
        names = {*classes, *nouns.values(), *(one.noun for one in questions)}
        names = names.union(*(scene.labels for scene in scenes.values()))
        said += [_class(name) for name in names - {""}]
    said = sorted(set(said))
    texts = dict(zip(said, embed.texts(encoder, said, cache=cache), strict=True))
    crops = _crops(scenes, encoder, method, cache, progress)
    return Seen(method, encoder.scale, crops, texts, nouns, tuple(classes))


def _texts(one: Said, method: Method) -> list[str]:
    wanted = {"sentence": [one.sentence], "subject": [one.subject], "both": [one.sentence, one.subject]}[method.text]
    own = [one.subject, one.noun] if method.relations and method.alike and one.noun else []
    return [*wanted, *own, *(one.denied if method.denied else ())]


def _crops(
    scenes: Mapping[str, Scene], encoder: Encoder, method: Method, cache: bool, progress: bool
) -> dict[str, NDArray[np.float32]]:
    boxes = {path: scene.boxes_xyxy.tolist() for path, scene in scenes.items()}
    items = [(path, tuple(box), style) for path, rows in boxes.items() for style in method.crops for box in rows]
    emb = embed.images(encoder, items, cache=cache, progress=progress)
    ends = np.cumsum([len(rows) * len(method.crops) for rows in boxes.values()])[:-1]
    parts = zip(boxes, np.split(emb, ends), strict=True)
    return {path: part.reshape(len(method.crops), -1, emb.shape[1]) for path, part in parts}


def _class(name: str) -> str:
    return CLASS.replace("{}", name.replace("_", " "))
