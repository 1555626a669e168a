"""The guard of paraphrases: what of a sentence's facts another sentence changed, by grammar, and by CLIP where words differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils import embed
from utils.captions import grammar
from utils.captions.grammar import Thing

if TYPE_CHECKING:
    from utils.encoders import Encoder

SILENCE = frozenset(grammar.TABLE["silence"]["axes"])
# Cosines from which two words, or two sentences, may mean the same: chosen on validation sentences in notebook 02.
NEAR_NOUN, NEAR_SENTENCE = 0.9, 0.3


def changes(
    sources: Sequence[str],
    others: Sequence[str],
    encoder: Encoder | None = None,
    near: tuple[float, float] = (NEAR_NOUN, NEAR_SENTENCE),
) -> list[list[str]]:
    """What each of n sentences says otherwise than its source: an empty list where all facts are kept.

    Things are paired by their noun, and those left over by CLIP ("a lorry" for "a truck"). Of a pair number, colour and
    denial are compared; then states and actions (the axes of words.toml), who does what to whom, and who is above, left of
    or behind whom; at last the whole sentences by CLIP.

    Args:
        sources: n sentences.
        others: n sentences that shall say the same.
        encoder: for words that differ; without one every other noun is another thing.
        near: cosines from which two nouns, and two sentences, may mean the same.

    Returns:
        n lists of words such as "lost net", "added boat", "turtle: 2 became 3".

    Raises:
        ValueError: not as many others as sources.
    """
    if len(sources) != len(others):
        raise ValueError(f"{len(sources)} sources and {len(others)} others; give one for each")
    before, after = grammar.parsed(sources), grammar.parsed(others)
    pairs = [(grammar.things(one), grammar.things(other)) for one, other in zip(before, after, strict=True)]
    alike = _alike(pairs, encoder, near[0])
    found = [_of_things(*pair, alike) for pair in pairs]
    for said, one, other in zip(found, before, after, strict=True):
        said += _of_states(grammar.states(one), grammar.states(other))
        for told in (grammar.roles, grammar.relations):
            said += _turned_round(told(one), told(other))
    if encoder is not None:
        ends = embed.texts(encoder, list(sources)), embed.texts(encoder, list(others))
        for said, cosine in zip(found, (ends[0] * ends[1]).sum(1), strict=True):
            said += [f"the whole (cosine {cosine:.2f})"] if cosine < near[1] else []
    return found


class _Same(dict):
    """Cosine of two nouns, 1 for equal ones, 0 for unknown ones."""

    def __missing__(self, key: tuple[str, str]) -> float:
        return float(key[0] == key[1])


def _alike(pairs: list, encoder: Encoder | None, near: float) -> _Same:
    """Cosines of the nouns that have to be compared, as far as they reach `near`."""
    alike = _Same()
    if encoder is None:
        return alike
    nouns = {thing.noun for pair in pairs for side in pair for thing in side}
    emb = grammar.embedded(nouns, encoder)
    for one, other in {(a.noun, b.noun) for pair in pairs for a in pair[0] for b in pair[1] if a.noun != b.noun}:
        cosine = float(emb[one] @ emb[other])
        if cosine >= near:
            alike[one, other] = cosine
    return alike


def _of_things(before: list[Thing], after: list[Thing], alike: _Same) -> list[str]:
    """Lost and added things, and what became of those that were kept."""
    left, said = list(after), []
    scores = {thing: max((alike[thing.noun, other.noun] for other in after), default=0.0) for thing in before}
    for thing in sorted(before, key=lambda thing: -scores[thing]):
        best = max(left, key=lambda other: (alike[thing.noun, other.noun], not _of_pair(thing, other)), default=None)
        if best is None or not alike[thing.noun, best.noun]:
            said.append(f"lost {thing.noun}")
            continue
        left.remove(best)
        said += _of_pair(thing, best)
    return said + [f"added {thing.noun}" for thing in left]


def _of_pair(one: Thing, other: Thing) -> list[str]:
    said = []
    if one.count != other.count and {one.count, other.count} - {1, None}:
        said.append(f"{one.noun}: {one.count or 'no number'} became {other.count or 'no number'}")
    if one.colours != other.colours:
        colours = [" and ".join(sorted(thing.colours)) or "no colour" for thing in (one, other)]
        said.append(f"{one.noun}: {colours[0]} became {colours[1]}")
    if one.denied != other.denied:
        said.append(f"{one.noun}: {'no longer denied' if one.denied else 'denied'}")
    return said


def _of_states(before: dict[str, set[str]], after: dict[str, set[str]]) -> list[str]:
    """Axes on which the two say unlike things, and those of SILENCE on which one says nothing."""
    asked = [axis for axis in grammar.TABLE["axes"] if before.get(axis) != after.get(axis)]
    asked = [axis for axis in asked if axis in SILENCE or (axis in before and axis in after)]
    words = {
        axis: [" and ".join(sorted(side.get(axis, ()))) or "nothing" for side in (before, after)] for axis in asked
    }
    return [f"{axis}: {one} became {other}" for axis, (one, other) in words.items()]


def _turned_round(before: set[tuple[str, str, str]], after: set[tuple[str, str, str]]) -> list[str]:
    """Triples of which the two nouns changed places; one that is left out or worded otherwise is no change of facts."""
    return [f"{a} {word} {b} turned round" for a, word, b in sorted(before - after) if (b, word, a) in after]
