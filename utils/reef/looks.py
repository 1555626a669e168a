"""What a person would say that a species looks like, from the table that it is built from."""

from __future__ import annotations

from utils.reef.species import Species, known

BUILD = ((0.10, "a body like a snake"), (0.22, "a long body"), (0.30, "a slender body"), (0.38, "a high body"))
ROUND = "a body as high as a plate"
TAILS = {
    "forked": "a forked tail",
    "rounded": "a round tail",
    "pointed": "a pointed tail",
    "crescent": "a crescent tail",
}
MARKS = {
    "bars": "dark bars", "spots": "dark spots", "spot": "a dark spot", "blotches": "dark blotches", "row": "a row of spots",
    "saddles": "dark saddles", "mottle": "mottled skin", "stripe": "a stripe along its side", "ocelli": "ringed eyespots",
    "rings": "rings round its body", "reticule": "a net of lines", "bones": "a body like glass", "patches": "bright patches",
}  # fmt: skip


def looks(name: str) -> list[str]:
    """Descriptors of a species of fish31: colours, build, tail, markings, barbels.

    >>> looks("Knifefish")
    ['is silver or grey', 'a slender body', 'a pointed tail', 'ringed eyespots']

    Raises:
        ValueError: unknown species; lists those there are.
    """
    species = known(name)
    build = next((words for depth, words in BUILD if species.depth < depth), ROUND)
    marks = dict.fromkeys(MARKS[kind] for kind, *_ in species.pattern if kind in MARKS)
    said = [f"is {' or '.join(species.morphs)}", build, TAILS.get(species.tail[0], ""), *marks, _whiskers(species)]
    return [words for words in said if words]


def _whiskers(species: Species) -> str:
    return "whiskers" if species.barbels else ""
