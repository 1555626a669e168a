"""Noun phrases and what hangs on them: articles, adjectives, places, clothes, relative clauses."""

from __future__ import annotations

from models.english import clauses
from models.english.tree import Node, Random, compound, in_number, invented, phrase, pick, some, words
from utils.reef import language

POSITIONS = (
    "to the left of", "to the right of", "on the left of", "on the right side of", "in front of", "at the back of", "on top of",
    "to the left side of", "in the middle of", "at the edge of", "at the end of", "on the other side of", "at the bottom of",
)  # fmt: skip
CORNERS = (
    "on the left", "on the right", "in the middle", "at the top", "at the bottom", "in the back", "in the front", "on the far left",
    "on the far right", "in the top left corner", "in the background", "in the foreground", "from the left", "from the right", "on left",
    "on the right side", "on the left side of the picture", "in the lower right corner", "on the left hand side of the picture", "on the right hand side", "in the upper part of the picture", "at the very top", "from the front", "from above",
)  # fmt: skip
HYPHENED = (
    "blue-green", "dark-haired", "long-sleeved", "upside-down", "black-white", "red-brown", "half-eaten", "well-known", "two-storey", "medium-sized",
    "left-hand", "right-hand", "grey-blue", "old-fashioned", "short-haired", "half-open",
)  # fmt: skip
PLACED = (
    ("next", "to"), ("next", "to"), ("next", "to"), ("close", "to"), ("close", "by"), ("left", "of"), ("right", "of"), ("closest", "to"),
    ("nearest", "to"), ("opposite", "to"), ("away", "from"), ("farthest", "from"),
)  # fmt: skip


def noun_phrase(
    r: Random, dep: str, depth: int = 1, bare: float = 0.12, chosen: str = "", many: bool | None = None
) -> Node:
    """A noun phrase with up to `depth` layers of modifiers after it; without a determiner with probability `bare`."""
    if not chosen and r.random() < 0.09:
        return _special(r, dep)
    if not chosen and depth > 0 and r.random() < 0.025:
        return _partitive(r, dep)
    many = bool(r.random() < 0.2) if many is None else many
    name = chosen or name_of(r)[0]
    if not chosen and not many and r.random() < 0.06:
        head = compound(some(r, "masses")).as_(dep)
        bare = 0.7
    elif not chosen and r.random() < 0.05:
        head = Node("ones" if many else "one", "NNS" if many else "NN", dep)
        bare = 0.0
    else:
        head = compound(in_number(name, many), many).as_(dep)
        if name in words()["species"]:
            head.entity, head.parts = "SPECIES", len(head.left)
    head.before(*(adjective(r) if r.random() < 0.42 else []))
    if r.random() < 0.1:
        head.before(*adjective(r))
    if r.random() < 0.12:
        head.before(Node(some(r, "ordinals"), "JJ", "amod"))
    _determine(r, head, many, bare)
    if depth > 0:
        for _ in range(int(r.choice([0, 1, 2], p=[0.45, 0.42, 0.13]))):
            head.add(*modifier(r, depth - 1))
    return head


def name_of(r: Random) -> tuple[str, str]:
    """A noun and the class it comes from; the world's own kinds are frequent."""
    if r.random() < 0.35:
        kinds = list(language.NAMES.values())
        return pick(r, pick(r, kinds))[0], "things"
    if r.random() < 0.06:
        return some(r, "species"), "species"
    key = str(r.choice(["things", "animals", "people", "places", "abstracts"], p=[0.36, 0.26, 0.24, 0.1, 0.04]))
    return some(r, key), key


def article(r: Random, following: str) -> str:
    """A determiner that may stand before the next word."""
    a = "an" if following[0].lower() in "aeio" else "a"
    return pick(r, ("the", "the", "the", a, a, a, "this", "that", "another", "each", "some", "every"))


def adjective(r: Random) -> list[Node]:
    """One adjective, a colour as often as not, perhaps with its degree."""
    if r.random() < 0.5:
        parts = some(r, "colours").split()
        return [Node(parts[-1], "JJ", "amod", left=[Node(p, "JJ", "amod") for p in parts[:-1]])]
    draw = r.random()
    if draw < 0.1:
        return [Node(some(r, "intransitive")[2], "VBG", "amod")]
    if draw < 0.2:
        return [Node(some(r, "transitive")[4], "VBN", "amod")]
    if draw < 0.26:
        first, second = pick(r, HYPHENED).split("-")
        return [Node(second, "JJ", "amod", left=[Node(first, "JJ", "amod"), Node("-", "HYPH", "punct")])]
    node = Node(some(r, "adjectives"), "JJ", "amod")
    return [node.before(Node(some(r, "degrees"), "RB", "advmod"))] if r.random() < 0.08 else [node]


def _determine(r: Random, head: Node, many: bool, bare: float) -> None:
    first = head.left[0].walk()[0].word if head.left else head.word
    if many:
        draw = r.random()
        if draw < 0.45:
            word = pick(
                r,
                (
                    "two",
                    "three",
                    "four",
                    "five",
                    "six",
                    "several",
                    "many",
                    "some",
                    "all",
                    "few",
                    "2",
                    "3",
                    "10",
                    "twelve",
                ),
            )
            tag, dep = (
                ("JJ", "amod")
                if word in ("several", "many", "few")
                else ("DT", "det")
                if word in ("some", "all")
                else ("CD", "nummod")
            )
            number = Node(word, tag, dep)
            head.before(number)
            if tag == "CD" and r.random() < 0.3:
                head.before(Node(pick(r, ("the", "these", "those")), "DT", "det"))
        elif draw < 0.75:
            head.before(Node(pick(r, ("the", "these", "those", "both", "no")), "DT", "det"))
        return
    if r.random() < bare:
        return
    draw = r.random()
    if draw < 0.06:
        head.before(Node(pick(r, ("its", "his", "her", "their", "my", "your", "our")), "PRP$", "poss"))
    elif draw < 0.09:
        owner = (
            Node(some(r, "names"), "NNP", "poss")
            if r.random() < 0.5
            else compound(some(r, "people")).as_("poss").before(Node("the", "DT", "det"))
        )
        head.before(owner.add(Node("'s", "POS", "case")))
    elif draw < 0.12:
        head.before(Node("one", "CD", "nummod"))
    elif draw < 0.14:
        head.before(Node("no", "DT", "det"))
    else:
        head.before(Node(article(r, first), "DT", "det"))


def _special(r: Random, dep: str) -> Node:
    """Names, species, sites, landmarks and pronouns."""
    draw = r.random()
    if draw < 0.18:
        return Node(some(r, "names"), "NNP", dep)
    if draw < 0.25:
        return Node(invented(r, "NN").capitalize(), "NNP", dep)
    if draw < 0.5:
        node = entity(some(r, "species"), "SPECIES").as_(dep)
        return node.before(Node(pick(r, ("the", "a", "this")), "DT", "det"))
    if draw < 0.65:
        return entity(some(r, "sites"), "LOC").as_(dep)
    if draw < 0.8:
        node = entity(some(r, "landmarks"), "FAC").as_(dep)
        return node.before(Node("the", "DT", "det")) if r.random() < 0.6 else node
    subject = dep in ("nsubj", "nsubjpass", "ROOT")
    pronouns = (
        ("he", "she", "it", "they", "we", "I", "you") if subject else ("him", "her", "it", "them", "us", "me", "you")
    )
    return Node(pick(r, (*pronouns, "something", "everyone", "nobody", "someone")), "PRP", dep) if draw < 0.9 else Node(
        pick(r, ("something", "someone", "everyone", "nothing", "anything")), "NN", dep)  # fmt: skip


def _partitive(r: Random, dep: str) -> Node:
    """Some of a whole: "most of the shell", "one of the boats", "each of the two dogs"."""
    word, tag = pick(
        r,
        (
            ("most", "JJS"),
            ("one", "CD"),
            ("some", "DT"),
            ("all", "DT"),
            ("each", "DT"),
            ("two", "CD"),
            ("none", "NN"),
            ("which", "WDT"),
        ),
    )
    whole = noun_phrase(r, "pobj", 0, bare=0.0, many=word not in ("most", "all"))
    return Node(
        word if dep != "pobj" or word != "which" else "one", tag, dep, right=[Node("of", "IN", "prep", right=[whole])]
    )


def entity(name: str, label: str) -> Node:
    """A named thing: species in lower case are common nouns, all else proper ones."""
    node = compound(name, tag="" if label == "SPECIES" else "NNP")
    node.entity, node.parts = label, len(node.left)
    return node


def modifier(r: Random, depth: int) -> list[Node]:
    """Something that hangs on a noun from the right."""
    draw = r.random()
    if r.random() < 0.04:
        part = Node(
            pick(r, ("mouth", "eyes", "head", "wings", "lights", "door", "tail", "flippers", "shoes", "arms")),
            "NN",
            "pobj",
        )
        part.before(Node(pick(r, ("its", "his", "her", "the", "their")), "PRP$", "poss"))
        state = Node(
            *pick(
                r,
                (
                    ("open", "JJ", "acomp"),
                    ("closed", "JJ", "acomp"),
                    ("up", "RB", "advmod"),
                    ("on", "RB", "advmod"),
                    ("down", "RB", "advmod"),
                ),
            )
        )
        return [Node("with", "IN", "prep", right=[part.add(state)])]
    if r.random() < 0.03:
        verb = pick(r, ("turned", "switched", "curled", "rolled", "lined", "cut", "broken", "tied", "folded", "picked"))
        return [
            Node(
                verb,
                "VBN",
                "acl",
                right=[
                    Node(pick(r, ("up", "off", "down", "out")), "RP", "prt"),
                    *([preposition(r, 0)] if r.random() < 0.5 else []),
                ],
            )
        ]
    if draw < 0.28:
        return position(r, depth)
    if draw < 0.33:
        return clothing(r)
    if draw < 0.36:
        side = pick(r, ("left", "right", "forward", "backwards"))
        return [
            Node(
                pick(r, ("facing", "heading", "looking", "turned", "pointing")),
                "VBG",
                "acl",
                right=[Node(side, "RB", "advmod")],
            )
        ]
    if draw < 0.53:
        return [
            preposition(
                r,
                depth,
                pick(r, ("with", "with", "in", "on", "of", "without", some(r, "spatial"), some(r, "prepositions"))),
            )
        ]
    if draw < 0.56:
        pair = preposition(r, 0, "between")
        return (
            [
                Node(
                    "between",
                    "IN",
                    "prep",
                    right=[
                        noun_phrase(r, "pobj", 0, many=False).add(Node("and", "CC", "cc"), noun_phrase(r, "conj", 0))
                    ],
                )
            ]
            if r.random() < 0.5
            else [pair]
        )
    if draw < 0.70:
        return [
            Node(
                some(r, "transitive")[2],
                "VBG",
                "acl",
                right=[noun_phrase(r, "dobj", depth), *(clauses.adverbials(r, 0) if r.random() < 0.2 else [])],
            )
        ]
    if draw < 0.79:
        return [Node(some(r, "intransitive")[2], "VBG", "acl", right=clauses.adverbials(r, depth))]
    if draw < 0.86:
        return [
            Node(
                some(r, "transitive")[4],
                "VBN",
                "acl",
                right=[
                    preposition(
                        r,
                        depth,
                        pick(r, ("by", "in", "with", "on", "by", "like", "from", "at", "to", some(r, "prepositions"))),
                    )
                ],
            )
        ]
    return [clauses.relative(r, depth)]


def preposition(r: Random, depth: int, word: str = "") -> Node:
    """A prepositional phrase on a noun phrase."""
    return Node(word or some(r, "spatial"), "IN", "prep", right=[noun_phrase(r, "pobj", depth)])


def position(r: Random, depth: int) -> list[Node]:
    """Where something is: "to the left of the bus", "next to a car", "on the right", "left of it"."""
    draw = r.random()
    if draw < 0.35:
        return phrase(pick(r, CORNERS))
    if draw < 0.65:
        nodes = phrase(pick(r, POSITIONS))
        nodes[-1].walk()[-1].add(noun_phrase(r, "pobj", depth, bare=0.1))
        return nodes
    if draw < 0.85:
        word, join = pick(r, PLACED)
        tag, dep = ("JJ", "amod") if word.endswith("est") else ("RB", "advmod")
        node = Node(word, tag, dep, right=[preposition(r, depth, join)])
        return (
            [node.before(Node("right", "RB", "advmod"))] if word in ("next", "close") and r.random() < 0.1 else [node]
        )
    if draw < 0.93:
        word = pick(r, ("farthest", "furthest", "closest", "nearest", "highest", "lowest"))
        if word in ("highest", "lowest"):
            return [Node(word, "JJ", "amod", right=[Node("up" if word == "highest" else "down", "RB", "advmod")])]
        join = "from" if word.startswith("f") else "to"
        if join == "from" and r.random() < 0.5:
            tail = pick(r, ("to the left", "to the right", "back", "away", "left", "right"))
            return [Node(word, "JJ", "amod", right=phrase(tail) if " " in tail else [Node(tail, "RB", "advmod")])]
        inner = [preposition(r, depth, join)]
        if join == "from" and r.random() < 0.4:
            inner = [Node("away", "RB", "advmod", right=inner)]
        if join == "to" and r.random() < 0.25:
            inner = [noun_phrase(r, "pobj", 0, bare=0.0)]
        return [Node(word, "JJ", "amod", right=inner)]
    return [Node("not", "RB", "neg"), *([preposition(r, depth)] if r.random() < 0.5 else [
        Node("next", "RB", "advmod", right=[preposition(r, depth, "to")])])]  # fmt: skip


def clothing(r: Random) -> list[Node]:
    """What someone wears: "in red", "in a blue shirt", "dressed in white", "with a green top on"."""
    colour = Node(some(r, "colours").split()[-1], "NN", "pobj")
    draw = r.random()
    if draw < 0.4:
        return [Node("in", "IN", "prep", right=[colour])]
    if draw < 0.55:
        return [Node("dressed", "VBN", "acl", right=[Node("in", "IN", "prep", right=[colour])])]
    if draw < 0.65:
        return [Node("wearing", "VBG", "acl", right=[colour.as_("dobj")])]
    item = pick(r, ("shirt", "top", "jacket", "dress", "hat", "coat", "uniform", "wetsuit", "helmet"))
    noun = Node(item, "NN", "pobj", left=[Node(colour.word, "JJ", "amod")])
    noun.before(*([Node("an" if colour.word[0] in "aeio" else "a", "DT", "det")] if r.random() < 0.8 else []))
    if draw < 0.85:
        return [Node("in", "IN", "prep", right=[noun])]
    return [Node("with", "IN", "prep", right=[noun.add(Node("on", "RB", "advmod"))])]
