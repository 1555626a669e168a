"""Words of referring expressions and what they mean, as words.toml lists them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

TABLE = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
RANKS = {word: rank for rank, words in enumerate(TABLE["ranks"], 1) for word in words.split()}
SIZE_OF = {word: size for size, words in TABLE["sizes"].items() for word in words.split()}
MEANT = TABLE["sides"] | SIZE_OF


def listed(name: str) -> frozenset[str]:
    """The words of one list of the table."""
    return frozenset(TABLE[name].split())


def pattern(text: str) -> re.Pattern[str]:
    """A pattern of whole tokens, apart by a space, its <PARTS> put in."""
    for name, part in {**TABLE["parts"], **_LISTS}.items():
        text = text.replace(f"<{name}>", part)
    return re.compile(rf"(?<!\S)(?:{text})(?!\S)")


def _either(words: Iterable[str]) -> str:
    """Any of the words; long ones first, as a possessive group does not come back for them."""
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))


_LISTS = {
    "RANK": _either(RANKS),
    "RANKED": _either(RANKS.keys() - {"last"}),
    "SIZE": _either(SIZE_OF),
    "FRAMES": _either(listed("frames")),
}
