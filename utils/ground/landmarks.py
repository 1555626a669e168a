"""Landmarks: the things that a sentence says another one is beside, by their noun phrases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from utils.captions import grammar
from utils.ground import words

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span

NO_LANDMARK, WITH_LANDMARK, PLACED = (words.listed(name) for name in ("no_landmark", "with_landmark", "placed"))

NOUNS = ("NOUN", "PROPN")
OTHER = frozenset(("one", "ones", "other", "others"))  # stand for the subject's noun


def behind(span: Span, subject: Span, free: list[bool], two: bool = False) -> tuple[list[str], int]:
    """What a relation is to, by the noun phrases behind the words that say it.

    Args:
        span: the words that say the relation.
        subject: the noun phrase whose noun "one" stands for.
        free: for each token of the document, whether no other relation has taken it.
        two: whether two are wanted, as by "between"; several of one kind are both.

    Returns:
        Phrases, none where nothing is behind, and the token where the last one ends.
    """
    doc, end = span.doc, span.end
    before = doc[max(span.start - 1, 0)]
    agent = span.text.lower() == "by" and before.tag_ == "VBN" and before.lower_ not in PLACED  # "covered by a net"
    chunk = None if agent else _phrase(doc, end, free)
    if chunk is None:
        return [], end
    end = _reach(chunk, free)
    first = _named(doc[chunk.start : end], subject)
    if not two:
        return [first], end
    if end < len(doc) and doc[end].lower_ in ("and", "&") and (second := _phrase(doc, end + 1, free)) is not None:
        end = _reach(second, free)
        return [first, _named(doc[second.start : end], subject)], end
    return ([first, first], end) if chunk.root.tag_ in ("NNS", "NNPS") else ([], end)


def _phrase(doc: Doc, start: int, free: list[bool]) -> Span | None:
    """The noun phrase that begins at a token: a noun chunk, or where the parser sees none the words up to a noun."""
    if start >= len(doc) or not free[start]:
        return None
    end = next((chunk.end for chunk in doc.noun_chunks if chunk.start == start), start)
    if end == start:
        end = next((i for i in range(start, len(doc)) if doc[i].pos_ not in ("DET", "ADJ", "NUM")), len(doc))
    while end < len(doc) and free[end] and doc[end].pos_ in NOUNS and doc[end - 1].pos_ != "PRON":
        end += 1
    head = doc[end - 1]
    if end == start or not free[end - 1] or (head.pos_ not in (*NOUNS, "PRON") and head.lower_ not in OTHER):
        return None
    own = any(token.lower_ in ("its", "his", "their") for token in doc[start:end])  # a part of the subject
    return None if own or head.lower_ in NO_LANDMARK else doc[start:end]


def _reach(phrase: Span, free: list[bool]) -> int:
    """Where a landmark ends with what is said of it: "the person in blue", "the man wearing a hat"."""
    doc, end = phrase.doc, phrase.end
    if end < len(doc) and doc[end].lower_ in WITH_LANDMARK and free[end]:
        more = _phrase(doc, end + 1, free)
        return more.end if more is not None else end
    return end


def _named(phrase: Span, subject: Span) -> str:
    """A landmark's words without articles; "one" and "the other" are the subject's noun, and several are named as one."""
    own = [t.lower_ for t in subject if t.i == subject.root.i or t.dep_ == "compound"]
    named: list[str] = []
    for token in phrase:
        if token.lower_ in ("one", "ones", "others"):
            named += own
        elif token.pos_ not in ("DET", "NUM") and token.lower_ not in ("other", "another", "both"):
            named.append(grammar.singular(token.lower_) if token.tag_ in ("NNS", "NNPS") else token.lower_)
    return " ".join(named or own) or phrase.text.lower()
