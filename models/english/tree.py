"""Trees of annotated words, and how plain words and phrases become such trees."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from utils.reef import landmarks, species

Random = np.random.Generator
CLOSED = {
    "a": "DT", "an": "DT", "the": "DT", "any": "DT", "its": "PRP$", "his": "PRP$", "her": "PRP$", "to": "IN", "that": "WDT", "has": "VBZ",
    "left": "NN", "right": "NN", "of": "IN", "seen": "VBN", "wrapped": "VBN", "tangled": "VBN", "caught": "VBN", "overgrown": "VBN", "lost": "VBN",
    "carrying": "VBG", "biting": "VBG", "missing": "VBG", "two": "CD", "three": "CD", "indoors": "RB", "underwater": "RB", "but": "IN",
}  # fmt: skip

INVENTED = ("NN", "NNS", "JJ", "VBG", "VBN", "VBZ", "VBD", "VB", "VBP", "RB")


@dataclass
class Node:
    """One word with its fine tag, its label and what hangs on it to the left and the right, in order.

    The head of a named thing has its label as `entity`; the last `parts` words on its left belong to the name.
    """

    word: str
    tag: str
    dep: str = "dep"
    left: list[Node] = field(default_factory=list)
    right: list[Node] = field(default_factory=list)
    entity: str = ""
    parts: int = 0

    def add(self, *right: Node) -> Node:
        """Hang something on the right; returns itself."""
        self.right += right
        return self

    def before(self, *left: Node) -> Node:
        """Hang something on the left, before what hangs there; returns itself."""
        self.left = [*left, *self.left]
        return self

    def as_(self, dep: str) -> Node:
        """The same node under another label."""
        self.dep = dep
        return self

    def walk(self) -> list[Node]:
        """All nodes below and with this one, in the order of the sentence."""
        return [n for c in self.left for n in c.walk()] + [self] + [n for c in self.right for n in c.walk()]


@cache
def words() -> dict:
    """The lists of words.toml: class to list of words, verbs as tuples of five forms."""
    table = tomllib.loads((Path(__file__).with_name("words.toml")).read_text(encoding="utf-8"))
    lists = {k: [w.strip() for w in v.split("|") if w.strip()] for k, v in table.items() if isinstance(v, str)}
    for key in ("intransitive", "transitive"):
        lists[key] = [tuple(forms.split()) for forms in lists[key]]
    lists["species"] += sorted(species.SPECIES)
    lists["landmarks"] += sorted(
        {name.removeprefix("the ") for name in landmarks.NAMES.values()} - set(lists["landmarks"])
    )
    return lists | {"irregular": table["irregular"]}


def pick(r: Random, options):
    """One of the options."""
    return options[int(r.integers(len(options)))]


def some(r: Random, key: str):
    """One word of a class of words.toml."""
    return pick(r, words()[key])


def plural(noun: str) -> str:
    """The plural of a noun of words.toml."""
    *first, last = noun.split()
    irregular = words()["irregular"]
    if last in irregular:
        last = irregular[last]
    elif last.endswith(("s", "x", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2] not in "aeou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return " ".join([*first, last])


def in_number(name: str, many: bool) -> str:
    if not many:
        return name
    for join in (" of ", " in "):
        if join in name:
            head, rest = name.split(join, 1)
            return f"{plural(head)}{join}{rest}"
    return plural(name)


def compound(name: str, many: bool = False, tag: str = "") -> Node:
    """A noun of one or more words: the last one, or the one before "of", is the head."""
    for join in ("of", "in"):
        if f" {join} " in name:
            head, rest = name.split(f" {join} ", 1)
            inner = noun_parts(rest).as_("pobj")
            return compound(head, many).add(Node(join, "IN", "prep", right=[inner]))
    *first, last = name.split()
    left = [
        Node(w, "JJ", "amod") if w in ("blue", "yellow", "green") else Node(w, tag or "NN", "compound") for w in first
    ]
    return Node(last, (tag or "NN") + ("S" if many else ""), left=left)


def noun_parts(text: str) -> Node:
    """A bare noun or one with an article: "rope", "a pot"."""
    first, _, rest = text.partition(" ")
    return compound(rest).before(Node(first, "DT", "det")) if first in ("a", "an", "the") else compound(text)


def phrase(text: str) -> list[Node]:
    """Right-branching modifiers from a plain phrase: "with a net on its shell", "wrapped in a rope", "indoors"."""
    tokens = [(w, CLOSED.get(w) or _guess(w)) for w in text.split()]
    found = _modifiers(tokens)
    assert not tokens, (text, tokens)
    return found


def _guess(word: str) -> str:
    lists = words()
    if word in lists["prepositions"]:
        return "IN"
    if word in (
        "bright",
        "dim",
        "weak",
        "sandy",
        "open",
        "snowy",
        "clear",
        "murky",
        "cloudy",
        "coral reef",
        "far",
        "top",
        "lower",
        "other",
        "very",
    ):
        return "RB" if word == "very" else "JJ"
    return "NNS" if word in ("rocks", "barnacles", "hills") else "NN"


def _modifiers(tokens: list) -> list[Node]:
    nodes: list[Node] = []
    while tokens:
        word, tag = tokens[0]
        if tag == "IN":
            tokens.pop(0)
            nodes.append(Node(word, "IN", "prep", right=[_nominal(tokens, "pobj")] if tokens else []))
        elif tag in ("VBG", "VBN"):
            tokens.pop(0)
            verb = Node(word, tag, "acl")
            if tokens and tokens[0][1] not in ("IN", "RB"):
                verb.add(_nominal(tokens, "dobj"))
            nodes.append(verb.add(*_modifiers(tokens)))
        elif tag == "WDT":
            (that, _), (has, _), (verb_word, _) = tokens[:3]
            del tokens[:3]
            left = [Node(that, "WDT", "nsubj"), Node(has, "VBZ", "aux")]
            nodes.append(Node(verb_word, "VBN", "relcl", left=left, right=[_nominal(tokens, "dobj")]))
        elif tag == "RB":
            tokens.pop(0)
            nodes.append(Node(word, "RB", "advmod"))
        else:
            break
    return nodes


def _nominal(tokens: list, dep: str) -> Node:
    left = []
    while len(tokens) > 1 and tokens[0][1] not in ("IN",) and tokens[1][1] not in ("IN", "WDT", "VBN"):
        word, tag = tokens.pop(0)
        label = {"DT": "det", "PRP$": "poss", "CD": "nummod", "JJ": "amod", "VBG": "amod", "RB": "advmod"}.get(
            tag, "compound"
        )
        left.append(Node(word, tag, label))
    word, tag = tokens.pop(0)
    return Node(word, tag if tag.startswith("NN") else "NN", dep, left=left, right=_modifiers(tokens))


def invented(r: Random, tag: str) -> str:
    """A word that does not exist, with the ending of its tag, so that the context is learned and not only the words."""
    syllables = "".join(
        pick(r, "bcdfglmnprstvz") + pick(r, ("a", "e", "i", "o", "u", "ai", "er", "on"))
        for _ in range(int(r.integers(1, 4)))
    )
    ending = {
        "NNS": "s",
        "VBG": "ing",
        "VBN": "ed",
        "VBD": "ed",
        "VBZ": "s",
        "VB": "k",
        "VBP": "k",
        "RB": "ly",
        "JJ": pick(r, ("y", "al", "ous", "ish")),
        "NN": pick(r, ("k", "t", "er", "n")),
    }
    return syllables + ending[tag]
