"""Annotated captions, as utils/reef/language.py words them."""

from __future__ import annotations

from models.english.clauses import existence
from models.english.nouns import noun_phrase
from models.english.tree import Node, Random, compound, phrase, pick, some
from utils.reef import language


def caption(r: Random) -> Node:
    """A sentence as `language.describe` writes it."""
    names = pick(r, list(language.NAMES.values()))
    many = bool(r.random() < 0.2)
    head = compound(pick(r, names)[many], many).as_("ROOT")
    turtle = names is language.NAMES["turtle"]
    if turtle and r.random() < 0.6:
        kind = pick(r, ("green", "loggerhead", "hawksbill"))
        head.before(Node(kind, "JJ" if kind == "green" else "NN", "amod" if kind == "green" else "compound"))
        head.before(Node(pick(r, ("adult", "juvenile", "hatchling")), "NN", "compound"))
    elif r.random() < 0.5:
        head.before(Node(some(r, "colours").split()[-1], "JJ", "amod"))
    first = head.walk()[0].word
    head.before(
        Node(pick(r, ("two", "three", "four", "five")), "CD", "nummod")
        if many
        else Node("an" if first[0] in "aeio" else "a", "DT", "det")
    )
    if turtle and r.random() < 0.5:
        head.add(*phrase(pick(r, pick(r, list(language.STATES.values())))))
        if r.random() < 0.2:
            head.add(Node("and", "CC", "cc"))
            extra = phrase(pick(r, pick(r, list(language.STATES.values()))))
            head.add(*(node.as_("conj") for node in extra))
    top = head
    if turtle and not many and r.random() < 0.75:
        top = action(r, pick(r, pick(r, list(language.ACTIONS.values())))).before(head.as_("nsubj"))
    elif r.random() < 0.15:
        top = existence(r)
        top.right = [head.as_("attr")]
    if r.random() < 0.75:
        top.add(*phrase(pick(r, pick(r, list(language.PLACES.values())))))
    if r.random() < 0.45:
        other = pick(r, pick(r, list(language.NAMES.values())))[0]
        join = pick(r, ("to the left of", "to the right of", "beside", "above", "below", "with", "and"))
        second = noun_phrase(r, "pobj", 0, bare=0.0, chosen=other, many=False)
        if join == "and" and top is head:
            top.add(Node("and", "CC", "cc"), second.as_("conj"))
        else:
            nodes = phrase("beside" if join == "and" else join)
            nodes[-1].walk()[-1].add(second)
            top.add(*nodes)
    for table, share in ((language.CLARITY, 0.25), (language.LIGHT, 0.3), (language.CAMERA, 0.15)):
        if r.random() < share:
            top.add(*phrase(pick(r, pick(r, list(table.values())))))
    return top


def action(r: Random, text: str) -> Node:
    """The verb of a caption from its words: "is swimming", "comes up to breathe", "lies still", "glides"."""
    first, *rest = text.split()
    if first == "is":
        return Node(rest[0], "VBG", "ROOT", left=[Node("is", "VBZ", "aux")])
    root = Node(first, "VBZ", "ROOT")
    if rest[:1] == ["up"]:
        aim = Node("breathe", "VB", "advcl", left=[Node("to", "TO", "aux")])
        return root.add(Node("up", "RP", "prt"), aim)
    return root.add(*(Node(word, "RB", "advmod") for word in rest))


def emptiness(r: Random) -> Node:
    """A caption of a place without anything."""
    head = pick(
        r,
        (
            "a view",
            "a photo taken",
            "nothing special",
            "nothing but water",
            "an empty sea",
            "the sea without any animal",
        ),
    )
    first, *rest = head.split()
    if first == "nothing":
        root = Node(
            "nothing",
            "NN",
            "ROOT",
            right=[Node("special", "JJ", "amod")] if rest == ["special"] else phrase("but water"),
        )
    elif "empty" in rest:
        root = Node("sea", "NN", "ROOT", left=[Node("an", "DT", "det"), Node("empty", "JJ", "amod")])
    else:
        root = Node(rest[0], "NN", "ROOT", left=[Node(first, "DT", "det")])
        if rest[1:] == ["taken"]:
            root.add(Node("taken", "VBN", "acl"))
        elif len(rest) > 1:
            root.add(*phrase("without any animal"))
    return root.add(*phrase(pick(r, pick(r, list(language.PLACES.values())))))
