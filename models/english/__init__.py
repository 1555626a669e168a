"""Annotated English for the miniature parser: sentences that are made together with tags, heads and entities.

A sentence is a tree of `Node`s, written down from left to right; labels are those of spaCy's English models. The
grammar covers ReefWorld's captions, referring expressions in the manner of RefCOCOg, and everyday sentences.
"""

from __future__ import annotations

from models.english.captions import caption, emptiness
from models.english.clauses import clause, command, existence, question, statement
from models.english.nouns import name_of, noun_phrase
from models.english.tree import INVENTED, Node, Random, compound, invented, phrase, pick

KEPT = {
    "is", "are", "was", "were", "has", "have", "had", "do", "does", "did", "been", "be", "isnt", "one", "ones", "not", "there", "here", "left", "right", "next",
    "close", "away", "up", "down", "on", "off", "very", "other", "same", "many", "several", "few", "first", "second", "third", "last", "back", "farthest",
    "furthest", "closest", "nearest", "-",
}  # fmt: skip


def expression(r: Random) -> Node:
    """A referring expression: a noun phrase that stands alone, now and then with a plain sentence's verb."""
    draw = r.random()
    chosen = name_of(r)[0]
    if draw < 0.80:
        return noun_phrase(r, "ROOT", 2 if r.random() < 0.4 else 1, bare=0.25, chosen=chosen)
    if draw < 0.86:
        head = noun_phrase(r, "ROOT", 0, bare=0.2, chosen=chosen)
        return head.add(Node(",", ",", "punct"), noun_phrase(r, "appos", 0)) if r.random() < 0.3 else head.add(
            Node("and", "CC", "cc"), noun_phrase(r, "conj", 1))  # fmt: skip
    if draw < 0.93:
        ordinal = Node(pick(r, ("first", "second", "third", "fourth", "last")), "JJ", "amod")
        head = compound(chosen).as_("ROOT").before(ordinal)
        head.before(*([Node("the", "DT", "det")] if r.random() < 0.5 else []))
        return head.add(
            Node(
                "from",
                "IN",
                "prep",
                right=phrase(pick(r, ("from the left", "from the right", "from left", "from the top")))[0].right,
            )
        )
    return clause(r)


SORTS = {
    expression: 0.42,
    caption: 0.17,
    statement: 0.19,
    existence: 0.07,
    question: 0.06,
    command: 0.07,
    emptiness: 0.02,
}


def sentence(r: Random, sort=None) -> dict:
    """One sentence: {"words", "spaces", "tags", "deps", "heads", "entities"}; entities are (start, end, label) in words.

    Args:
        r: the sentence's own generator.
        sort: one of SORTS; drawn by its share if None.
    """
    sort = sort or list(SORTS)[int(r.choice(len(SORTS), p=list(SORTS.values())))]
    root = sort(r)
    whole = sort in (statement, question, command, existence) or root.tag.startswith("V")
    if r.random() < (0.55 if whole else 0.1):
        root.add(Node("?" if sort is question else ".", ".", "punct"))
    return _written(r, root, whole)


def _written(r: Random, root: Node, whole: bool) -> dict:
    nodes = root.walk()
    number = {id(node): i for i, node in enumerate(nodes)}
    heads = list(range(len(nodes)))
    for node in nodes:
        for child in (*node.left, *node.right):
            heads[number[id(child)]] = number[id(node)]
    written = [node.word for node in nodes]
    if r.random() < (0.6 if whole else 0.2):
        written[0] = written[0][0].upper() + written[0][1:]
    elif r.random() < 0.3:
        written = [word.lower() for word in written]
    entities = [(number[id(n)] - n.parts, number[id(n)] + 1, n.entity) for n in nodes if n.entity]
    named = {i for start, end, _ in entities for i in range(start, end)}
    for i, node in enumerate(nodes):
        if node.tag in INVENTED and node.word not in KEPT and i not in named and r.random() < 0.045:
            written[i] = invented(r, node.tag)
    tags = [node.tag for node in nodes]
    spaces = [word not in (".", "?", ",", "'s", "n't", "-") for word in written[1:]] + [False]
    spaces = [space and word != "-" for space, word in zip(spaces, written, strict=True)]
    return {
        "words": written,
        "spaces": spaces,
        "tags": tags,
        "deps": [n.dep for n in nodes],
        "heads": heads,
        "entities": entities,
    }
