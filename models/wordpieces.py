"""The words of the world: BLIP's tokenizer, made of the words that captions can hold, with letters for all others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from utils.reef import landmarks, language, species, wordings

if TYPE_CHECKING:
    from transformers import BlipProcessor

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789'-,.?!"


def make_processor(truths: Sequence[Mapping], architecture: Mapping[str, Any]) -> BlipProcessor:
    """Image processor and a word tokenizer of the captions' own words, with letters for all other words."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import BertTokenizerFast, BlipImageProcessor, BlipProcessor

    words = {word for truth in truths for caption in truth["captions"] for word in caption["caption"].split()}
    own = [phrase for table in wordings.TABLES.values() for phrases in table.values() for phrase in phrases]
    own += [name for names in language.NAMES.values() for pair in names for name in pair]
    own += [
        *landmarks.NAMES.values(),
        *landmarks.MATERIALS.values(),
        *species.SPECIES,
        *wordings.COLOURS,
        *language.NUMBERS.values(),
    ]
    words |= {word for phrase in own for word in phrase.split()} | {
        "a",
        "an",
        "several",
        "shirt",
        "with",
        "and",
        "building",
        "old",
        "picture",
        "photo",
    }
    words = sorted({part for word in words for part in re.findall(r"[a-z]+", word.lower())} - set(LETTERS))
    vocabulary = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), *words]
    ids = {word: i for i, word in enumerate(dict.fromkeys(vocabulary))}
    core = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=40))
    core.normalizer, core.pre_tokenizer = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece(cleanup=True)
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    tokenizer = BertTokenizerFast(
        tokenizer_object=core, unk_token="[UNK]", sep_token="[SEP]", pad_token="[PAD]", cls_token="[CLS]", mask_token="[MASK]",
        bos_token="[DEC]", model_max_length=architecture["text"]["context"],
    )  # fmt: skip
    edge = architecture["image_size"]
    return BlipProcessor(BlipImageProcessor(size={"height": edge, "width": edge}), tokenizer)
