"""Verbs and what stands around them: predicates, statements, questions, commands, relative clauses."""

from __future__ import annotations

from models.english import nouns
from models.english.tree import Node, Random, compound, pick, plural, some


def clause(r: Random, dep: str = "ROOT", depth: int = 1) -> Node:
    """A subject and what it does."""
    many = bool(r.random() < 0.25)
    subject = nouns.noun_phrase(r, "nsubj", 1 if r.random() < 0.4 else 0, many=many)
    if subject.tag == "NN" and not many and r.random() < 0.05:
        subject.add(Node("and", "CC", "cc"), nouns.noun_phrase(r, "conj", 0, many=False))
        many = True
    verb = predicate(r, dep, depth, many=many)
    if passive(verb):
        subject.dep = "nsubjpass"
    return verb.before(subject)


def predicate(r: Random, dep: str, depth: int = 1, negative: bool = False, many: bool = False) -> Node:
    """A verb phrase without its subject, in the present, past, progressive, perfect or with a modal verb."""
    draw = r.random()
    if draw < 0.14 and not negative:
        return Node(
            pick(r, ("are", "were")) if many else pick(r, ("is", "was", "looks", "seems")),
            "VBP" if many else "VBZ",
            dep,
            right=complement(r, depth),
        )
    if draw < 0.22 and not negative:
        return Node(
            "have" if many else pick(r, ("has", "had")),
            "VBP" if many else "VBZ",
            dep,
            right=[nouns.noun_phrase(r, "dobj", depth)],
        )
    if draw < 0.34:
        forms = some(r, "transitive")
        left = [Node("are" if many else pick(r, ("is", "was", "is", "has been")), "VBZ", "auxpass")]
        if left[0].word == "has been":
            left = [Node("has", "VBZ", "aux"), Node("been", "VBN", "auxpass")]
        left += [Node("not", "RB", "neg")] if negative else []
        return Node(
            forms[4],
            "VBN",
            dep,
            left=left,
            right=[nouns.preposition(r, depth, pick(r, ("by", "in", "with", "on", "at")))],
        )
    takes = r.random() < 0.55
    forms = some(r, "transitive" if takes else "intransitive")
    after = (
        [nouns.noun_phrase(r, "dobj", depth), *(adverbials(r, 0) if r.random() < 0.4 else [])]
        if takes
        else adverbials(r, depth)
    )
    if not takes and r.random() < 0.08:
        after = [Node(pick(r, ("up", "down", "out", "away", "back")), "RP", "prt"), *after]
    draw = r.random()
    no = [Node("not" if r.random() < 0.7 else "n't", "RB", "neg")] if negative or r.random() < 0.04 else []
    if no and draw < 0.5:
        return Node(
            forms[0], "VB", dep, left=[Node("do" if many else pick(r, ("does", "did")), "VBZ", "aux"), *no], right=after
        )
    if draw < 0.35:
        return Node(
            forms[2],
            "VBG",
            dep,
            left=[Node("are" if many else pick(r, ("is", "is", "was")), "VBZ", "aux"), *no],
            right=after,
        )
    if no or draw < 0.45:
        modal = Node(
            pick(
                r,
                (
                    "could",
                    "should",
                    "would",
                    "must",
                    *(("can", "will", "may", "might") if not no or no[0].word == "not" else ()),
                ),
            ),
            "MD",
            "aux",
        )
        return Node(forms[0], "VB", dep, left=[modal, *no], right=after)
    if draw < 0.52:
        return Node(
            forms[4], "VBN", dep, left=[Node("have" if many else pick(r, ("has", "had")), "VBZ", "aux")], right=after
        )
    if draw < 0.57:
        verb = pick(
            r, (("want", "wants"), ("try", "tries"), ("like", "likes"), ("need", "needs"), ("begin", "begins"))
        )[0 if many else 1]
        inner = Node(forms[0], "VB", "xcomp", left=[Node("to", "TO", "aux")], right=after)
        return Node(verb, "VBP" if many else "VBZ", dep, right=[inner])
    if draw < 0.75:
        return Node(forms[3], "VBD", dep, right=after)
    return Node(forms[0] if many else forms[1], "VBP" if many else "VBZ", dep, right=after)


def passive(node: Node) -> bool:
    """Whether a verb has a passive auxiliary."""
    return any(child.dep == "auxpass" for child in node.left)


def complement(r: Random, depth: int) -> list[Node]:
    """What follows a form of "to be"."""
    draw = r.random()
    if draw < 0.5:
        node = Node(some(r, "colours").split()[-1] if r.random() < 0.5 else some(r, "adjectives"), "JJ", "acomp")
        return [node.before(Node(some(r, "degrees"), "RB", "advmod"))] if r.random() < 0.2 else [node]
    if draw < 0.7:
        return nouns.position(r, depth)
    if draw < 0.85:
        return [nouns.preposition(r, depth)]
    return [nouns.noun_phrase(r, "attr", depth)]


def adverbials(r: Random, depth: int) -> list[Node]:
    """None, one or two adverbs, prepositional phrases or times after a verb."""
    found: list[Node] = []
    for _ in range(int(r.choice([0, 1, 2], p=[0.35, 0.5, 0.15]))):
        draw = r.random()
        if draw < 0.25:
            found.append(Node(some(r, "adverbs"), "RB", "advmod"))
        elif draw < 0.33:
            last = Node(pick(r, ("last", "next", "every", "this")), "JJ", "amod")
            found.append(
                Node(pick(r, ("week", "year", "summer", "morning", "night", "day")), "NN", "npadvmod", left=[last])
            )
        elif draw < 0.38:
            found.append(Node("in", "IN", "prep", right=[Node(some(r, "countries"), "NNP", "pobj")]))
        elif draw < 0.5:
            found += nouns.position(r, 0)
        else:
            found.append(nouns.preposition(r, depth, some(r, "prepositions") if r.random() < 0.4 else ""))
    return found


def relative(r: Random, depth: int) -> Node:
    """A relative clause: "that is not black", "who is holding a kite", "which swims", "that we saw"."""
    draw = r.random()
    if draw < 0.07:
        owned = compound(nouns.name_of(r)[0]).as_("nsubj").before(Node("whose", "WP$", "poss"))
        return predicate(r, "relcl", 0).before(owned) if r.random() < 0.4 else Node(
            pick(r, ("is", "are", "was")), "VBZ", "relcl", left=[owned], right=complement(r, 0))  # fmt: skip
    who = Node(pick(r, ("that", "that", "which", "who")), "WDT", "nsubj")
    if draw < 0.4:
        is_ = Node(pick(r, ("is", "is", "are", "was")), "VBZ", "relcl", left=[who])
        if r.random() < 0.1:
            is_.word = "isnt"  # as RefCOCOg's cleaned sentences have it
        elif r.random() < 0.4:
            is_.add(Node(*pick(r, (("not", "RB"), ("not", "RB"), ("n't", "RB"))), "neg"))
        return is_.add(*complement(r, depth))
    if draw < 0.48:
        node = predicate(r, "relcl", depth, negative=True)
        return node.before(who)
    if draw < 0.85:
        return predicate(r, "relcl", depth).before(who)
    forms = some(r, "transitive")
    who.dep, subject = "dobj", Node(pick(r, ("we", "I", "you", "they", "she")), "PRP", "nsubj")
    return Node(forms[3], "VBD", "relcl", left=[who, subject])


def statement(r: Random) -> Node:
    """An everyday sentence."""
    draw = r.random()
    if draw < 0.6:
        root = clause(r)
    elif draw < 0.68:
        root = clause(r, depth=0)
        root.add(Node("and", "CC", "cc"), predicate(r, "conj", 0))
    elif draw < 0.76:
        inner = clause(r, "ccomp", 0)
        inner.before(*([Node("that", "IN", "mark")] if r.random() < 0.6 else []))
        verb = pick(r, (("think", "VBP"), ("know", "VBP"), ("said", "VBD"), ("believe", "VBP"), ("saw", "VBD")))
        root = Node(*verb, "ROOT", left=[Node(pick(r, ("I", "we", "they", "you")), "PRP", "nsubj")], right=[inner])
    elif draw < 0.84:
        inner = clause(r, "advcl", 0).before(
            Node(pick(r, ("because", "when", "while", "if", "although", "after")), "IN", "mark")
        )
        root = clause(r, depth=0).add(inner)
    elif draw < 0.92:
        root = clause(r, depth=0)
        root.before(
            nouns.preposition(r, 0, pick(r, ("in", "on", "after", "during", "at", "near"))), Node(",", ",", "punct")
        )
    else:
        root = Node(
            pick(r, ("is", "was")), "VBZ", "ROOT", left=[Node(pick(r, ("This", "It", "That", "Here")), "DT", "nsubj")]
        )
        root.add(nouns.noun_phrase(r, "attr", 1))
    return root


def existence(r: Random) -> Node:
    """There is, there are."""
    many = bool(r.random() < 0.3)
    root = Node(
        "are" if many else pick(r, ("is", "was", "is", "'s")),
        "VBP" if many else "VBZ",
        "ROOT",
        left=[Node("there", "EX", "expl")],
    )
    thing = nouns.noun_phrase(r, "attr", 1, many=many, chosen=nouns.name_of(r)[0])
    return root.add(thing)


def question(r: Random) -> Node:
    """A question about things."""
    draw = r.random()
    many = bool(r.random() < 0.3)
    be = Node("are" if many else "is", "VBP" if many else "VBZ", "ROOT")
    if draw < 0.06:
        left = [
            Node(pick(r, ("where", "when", "why", "how")), "WRB", "advmod"),
            Node(pick(r, ("did", "does", "do")), "VBD", "aux"),
        ]
        return Node(some(r, "transitive")[0], "VB", "ROOT", left=[*left, nouns.noun_phrase(r, "nsubj", 0)],
                    right=[nouns.noun_phrase(r, "dobj", 0)])  # fmt: skip
    if draw < 0.25:
        return be.before(Node(pick(r, ("where", "where", "how")), "WRB", "advmod")).add(
            nouns.noun_phrase(r, "nsubj", 1, many=many)
        )
    if draw < 0.35:
        return be.before(Node(pick(r, ("what", "who")), "WP", "attr")).add(nouns.noun_phrase(r, "nsubj", 1, many=many))
    if draw < 0.5:
        return be.add(
            Node("there", "EX", "expl"), nouns.noun_phrase(r, "attr", 1, many=many, chosen=nouns.name_of(r)[0])
        )
    if draw < 0.6:
        return be.add(nouns.noun_phrase(r, "nsubj", 0, many=many), *complement(r, 0))
    if draw < 0.7:
        forms = some(r, "transitive")
        left = [
            Node("what", "WP", "dobj"),
            Node("are" if many else "is", "VBZ", "aux"),
            nouns.noun_phrase(r, "nsubj", 0, many=many),
        ]
        return Node(forms[2], "VBG", "ROOT", left=left)
    if draw < 0.8:
        thing = compound(nouns.name_of(r)[0]).as_("nsubj").before(Node("which", "WDT", "det"))
        return (
            predicate(r, "ROOT", 0).before(thing)
            if r.random() < 0.5
            else Node("is", "VBZ", "ROOT", left=[thing], right=complement(r, 0))
        )
    if draw < 0.88:
        thing = compound(plural(some(r, "animals")), True).as_("nsubj")
        thing.before(Node("many", "JJ", "amod", left=[Node("how", "WRB", "advmod")]))
        return Node(
            "are",
            "VBP",
            "ROOT",
            left=[thing],
            right=[Node("there", "EX", "expl")] if r.random() < 0.4 else [nouns.preposition(r, 0)],
        )
    forms = some(r, "transitive")
    left = [
        Node(pick(r, ("can", "do", "could", "did")), "MD", "aux"),
        nouns.noun_phrase(r, "nsubj", 0) if r.random() < 0.4 else Node(pick(r, ("you", "they", "we")), "PRP", "nsubj"),
    ]
    return Node(forms[0], "VB", "ROOT", left=left, right=[nouns.noun_phrase(r, "dobj", 1)])


def command(r: Random) -> Node:
    """An imperative."""
    draw = r.random()
    if draw < 0.4:
        verb = pick(
            r,
            (
                "find",
                "show",
                "pick",
                "select",
                "locate",
                "detect",
                "circle",
                "mark",
                "describe",
                "get",
                "grab",
                "touch",
                "count",
                "bring",
            ),
        )
        root = Node(verb, "VB", "ROOT")
        if verb in ("show", "get", "bring") and r.random() < 0.7:
            root.add(Node("me", "PRP", "dative"))
        root.add(
            *([Node("up", "RP", "prt")] if verb == "pick" and r.random() < 0.5 else []), nouns.noun_phrase(r, "dobj", 1)
        )
    elif draw < 0.7:
        verb, join = pick(
            r,
            (
                ("look", "at"),
                ("look", "for"),
                ("point", "at"),
                ("point", "to"),
                ("click", "on"),
                ("zoom", "on"),
                ("search", "for"),
            ),
        )
        root = Node(verb, "VB", "ROOT", right=[nouns.preposition(r, 1, join)])
    else:
        root = Node(some(r, "transitive")[0], "VB", "ROOT", right=[nouns.noun_phrase(r, "dobj", 1), *adverbials(r, 0)])
        if r.random() < 0.2:
            root.before(Node("do", "VB", "aux"), Node("not", "RB", "neg"))
    return root.before(Node("please", "UH", "intj")) if r.random() < 0.15 else root
