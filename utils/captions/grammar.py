"""What a sentence speaks of, by its grammar: things with number, colour and denial, and how they stand to each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from utils import config

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Span, Token

COLOURS = frozenset({"red", "orange", "yellow", "green", "blue", "purple", "violet", "pink", "brown", "black", "white", "grey", "gray", "golden", "silver", "silvery", "cream", "beige", "tan"})  # fmt: skip
NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    **dict.fromkeys(("a", "an", "single"), 1), "several": "many", "many": "many", "some": "many", "few": "many", "pair": 2, "couple": 2,
}  # fmt: skip
DENIALS = frozenset({"no", "not", "without", "never", "neither", "nor", "none", "n't", "nothing", "nobody"})  # fmt: skip
IRREGULAR = {"people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse", "geese": "goose"}
INVARIABLE = frozenset({"fish", "sheep", "deer", "species", "shoal", "series", "glass", "grass", "moss", "kelp"})  # fmt: skip
FRAMES = frozenset({"photo", "photograph", "picture", "image", "view", "shot", "scene", "we", "one", "you", "front", "surface", "background", "foreground"})  # fmt: skip
DIRECTIONS = {  # a preposition -> the relation it states, and whether the two change places
    **dict.fromkeys(("above", "over"), ("above", False)), **dict.fromkeys(("below", "under", "beneath", "underneath"), ("above", True)),
    **dict.fromkeys(("left",), ("left of", False)), **dict.fromkeys(("right",), ("left of", True)),
    **dict.fromkeys(("behind",), ("behind", False)),
}  # fmt: skip


@dataclass(frozen=True)
class Thing:
    """What a noun phrase means: `noun` in the singular, how many (None: unsaid), its colours, other adjectives, denied or not."""

    noun: str
    count: int | str | None
    colours: frozenset[str]
    traits: frozenset[str]
    denied: bool


@lru_cache(maxsize=2)
def pipeline(source: str | None = None) -> Language:
    """The spaCy pipeline of the slot "spacy", or of a folder or name.

    Raises:
        FileNotFoundError: there is none; says how to get it.
    """
    import spacy

    name = source or config.model_source("spacy")
    try:
        return spacy.load(name)
    except OSError as error:
        raise FileNotFoundError(
            f"no spaCy pipeline {name}: `make models`, or `python -m spacy download {name}`"
        ) from error


def parsed(sentences: Sequence[str], source: str | None = None) -> list[Doc]:
    """One document a sentence."""
    return list(pipeline(source).pipe(sentences))


def things(doc: Doc) -> list[Thing]:
    """What a sentence speaks of, in its order; frames such as "a photo of" are left out."""
    return [_thing(chunk) for chunk in _chunks(doc)]


def relations(doc: Doc) -> set[tuple[str, str, str]]:
    """(noun, relation, noun) for what stands above, left of or behind what; below and right are turned round."""
    chunks, found = _chunks(doc), set()
    for before, after in pairwise(chunks):
        for token in doc[before.end : after.start]:
            if token.lower_ in DIRECTIONS:
                relation, turned = DIRECTIONS[token.lower_]
                pair = _noun(before.root), _noun(after.root)
                found.add((pair[1], relation, pair[0]) if turned else (pair[0], relation, pair[1]))
    return found


def singular(word: str) -> str:
    """A noun in the singular, by rule; "fish" and the like stay."""
    word = word.lower()
    if word in IRREGULAR or word in INVARIABLE or word.endswith(("ss", "us", "is", "fish")) or len(word) < 4:
        return IRREGULAR.get(word, word)
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "uses")):
        return word[:-2]
    return word.removesuffix("s")


def _chunks(doc: Doc) -> list[Span]:
    return [chunk for chunk in doc.noun_chunks if _noun(chunk.root) not in FRAMES and chunk.root.pos_ != "PRON"]


def _noun(root: Token) -> str:
    return (root.lemma_ or singular(root.text)).lower() if root.tag_ in ("NNS", "NNPS") else root.lower_


def _thing(chunk: Span) -> Thing:
    words = [token for token in chunk if token.i != chunk.root.i]
    counts = [NUMBERS.get(token.lower_, int(token.text) if token.text.isdigit() else None) for token in words]
    described = {token.lower_ for token in words if token.dep_ in ("amod", "compound") or token.pos_ == "ADJ"}
    described |= _said_behind(chunk.root)
    return Thing(
        noun=_noun(chunk.root),
        count=next((count for count in counts if count is not None), "many" if chunk.root.tag_ == "NNS" else None),
        colours=frozenset("grey" if word == "gray" else word for word in described & COLOURS),
        traits=frozenset(described - COLOURS),
        denied=_denied(chunk),
    )


def _said_behind(root: Token) -> set[str]:
    """Adjectives of a clause behind the noun: "a bus that is green"."""
    clauses = [child for child in root.children if child.dep_ in ("relcl", "acl")]
    return {token.lower_ for clause in clauses for token in (clause, *clause.children) if token.pos_ == "ADJ"}


def _denied(chunk: Span) -> bool:
    """By a word of the phrase, by the preposition that leads to it, or by one at its verb."""
    head = chunk.root.head
    near: Iterable[Any] = [*chunk, head, *(head.children if head.pos_ in ("VERB", "AUX") else ())]
    return any(token.lower_ in DENIALS for token in near)
