"""The miniature English pipeline: a spaCy folder with tagger, attribute ruler, parser and entity recogniser.

It learns from the annotated sentences of models/english, every sentence seen once, in spaCy's own loop.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models import english
from models.cards import LICENCE
from models.figures import figure

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

POS = {
    "NN": "NOUN", "NNS": "NOUN", "NNP": "PROPN", "PRP": "PRON", "PRP$": "PRON", "WP": "PRON", "WP$": "DET", "HYPH": "PUNCT", "JJS": "ADJ", "WDT": "PRON", "EX": "PRON", "DT": "DET", "CD": "NUM", "JJ": "ADJ",
    "RB": "ADV", "WRB": "ADV", "RP": "ADP", "IN": "ADP", "TO": "PART", "POS": "PART", "CC": "CCONJ", "UH": "INTJ", "MD": "AUX", "VB": "VERB", "VBD": "VERB",
    "VBG": "VERB", "VBN": "VERB", "VBP": "VERB", "VBZ": "VERB", ",": "PUNCT", ".": "PUNCT",
}  # fmt: skip
BE = ["be", "is", "are", "was", "were", "been", "'s"]


def build(architecture: Mapping[str, int], examples: Callable[[], list]) -> Language:
    """An untrained pipeline whose labels come from `examples`; one small convolution is shared by its three heads."""
    import spacy

    width, rows = architecture["width"], architecture["rows"]
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": width, "upstream": "tok2vec"}
    embed = {
        "@architectures": "spacy.MultiHashEmbed.v2", "width": width, "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
        "rows": [rows, rows // 4, rows // 2, rows // 16], "include_static_vectors": False,
    }  # fmt: skip
    encode = {
        "@architectures": "spacy.MaxoutWindowEncoder.v2", "width": width, "window_size": 1, "maxout_pieces": 2,
        "depth": architecture["depth"],
    }  # fmt: skip
    pipeline = spacy.blank("en")
    tok2vec = {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode}
    pipeline.add_pipe("tok2vec", config={"model": tok2vec})
    pipeline.add_pipe("tagger", config={"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}})
    pipeline.add_pipe("attribute_ruler")
    for name, kind, hidden in (
        ("parser", "parser", architecture["hidden"]),
        ("ner", "ner", architecture["hidden"] // 2),
    ):
        model = {
            "@architectures": "spacy.TransitionBasedParser.v2", "state_type": kind, "extra_state_tokens": False,
            "hidden_width": hidden, "maxout_pieces": 2, "use_upper": True, "tok2vec": listener,
        }  # fmt: skip
        pipeline.add_pipe(name, config={"model": model} | ({"min_action_freq": 5} if kind == "parser" else {}))
    pipeline.initialize(examples)
    ruler = pipeline.get_pipe("attribute_ruler")  # it forgets its patterns when it is initialised
    for tag, pos in POS.items():
        ruler.add([[{"TAG": tag}]], {"POS": pos})
    ruler.add([[{"LOWER": {"IN": BE}, "TAG": {"IN": ["VB", "VBP", "VBZ", "VBD", "VBN"]}}]], {"POS": "AUX"})
    return pipeline


def examples(pipeline_vocab: Any, seed: int, count: int, tag: int, sort: Callable | None = None) -> Iterator[Any]:
    """`count` spaCy examples of annotated sentences; sentence i is a function of seed, tag and i alone."""
    from spacy.training import Example

    for index in range(count):
        made = english.sentence(np.random.default_rng([seed, tag, index]), sort)
        reference = annotated(pipeline_vocab, made)
        yield Example(bare(pipeline_vocab, made), reference)


def annotated(vocab: Any, made: Mapping[str, Any]) -> Doc:
    """A sentence of models/english as a fully annotated Doc."""
    from spacy.tokens import Doc, Span

    pos = [
        "AUX" if w.lower() in BE and t in ("VBZ", "VBP", "VBD", "VBN", "VB") else POS[t]
        for w, t in zip(made["words"], made["tags"], strict=True)
    ]
    doc = Doc(
        vocab,
        words=made["words"],
        spaces=made["spaces"],
        tags=made["tags"],
        pos=pos,
        heads=made["heads"],
        deps=made["deps"],
    )
    doc.set_ents([Span(doc, start, end, label=label) for start, end, label in made["entities"]])
    return doc


def bare(vocab: Any, made: Mapping[str, Any]) -> Doc:
    """The words of the sentence alone."""
    from spacy.tokens import Doc

    return Doc(vocab, words=made["words"], spaces=made["spaces"])


def root_noun(doc: Doc) -> str:
    """What a sentence is about: its root if that is a noun, else the subject, object or complement nearest to the root."""
    roots = [token for token in doc if token.dep_ == "ROOT"]
    nouns = ("NOUN", "PROPN")
    for root in roots:
        if root.pos_ in nouns:
            return root.lower_
        for label in ("nsubj", "nsubjpass", "dobj", "attr", "dative", "pobj"):
            for token in root.subtree:
                if token.dep_ == label and token.pos_ in nouns and root in (token.head, token.head.head):
                    return token.lower_
    return roots[0].lower_ if roots else ""


def chunks(doc: Doc) -> list[str]:
    """The noun chunks of a Doc as lower-case text."""
    return [chunk.text.lower() for chunk in doc.noun_chunks]


def judge(pipeline: Language, made: list[dict]) -> dict[str, np.ndarray]:
    """For each annotated sentence whether its root and all its chunks are found; and shares of tags and entities."""
    docs = list(pipeline.pipe([bare(pipeline.vocab, one) for one in made]))
    gold = [annotated(pipeline.vocab, one) for one in made]
    pairs = list(zip(docs, gold, strict=True))
    found, wanted = ([{(e.start, e.end, e.label_) for e in doc.ents} for doc in side] for side in (docs, gold))
    return {
        "root": np.array([[t.i for t in d if t.dep_ == "ROOT"] == [t.i for t in g if t.dep_ == "ROOT"] for d, g in pairs], float),
        "noun chunks": np.array([chunks(d) == chunks(g) for d, g in pairs], float),
        "root and noun chunks": np.array([root_noun(d) == root_noun(g) and chunks(d) == chunks(g) for d, g in pairs], float),
        "tags": np.concatenate([np.array([a.tag_ == b.tag_ for a, b in zip(d, g, strict=True)], float) for d, g in pairs]),
        "entities": np.array([f == w for f, w in zip(found, wanted, strict=True)], float),
    }  # fmt: skip


def evaluate(out: Path, recipe: Mapping[str, Any], count: int, seed: int) -> list[dict]:
    """Figures of the pipeline in `out` on `count` unseen sentences of each sort."""
    import spacy

    pipeline = spacy.load(out)
    figures = []
    for task, sort in (
        ("expressions", english.expression),
        ("captions", english.caption),
        ("statements", english.statement),
    ):
        made = [english.sentence(np.random.default_rng([seed, 2, i]), sort) for i in range(count)]
        judged = judge(pipeline, made)
        wanted = (
            ("root and noun chunks", "root", "noun chunks", "entities")
            if task == "expressions"
            else ("root and noun chunks",)
        )
        figures += [figure(task, metric, judged[metric]) for metric in wanted]
    return figures


def make_plan(recipe: Mapping[str, Any], smoke: bool) -> dict[str, Any]:
    """What is fixed for one pass over the recipe's sentences, in whole batches."""
    budget = recipe["budget"]
    steps = max(1, recipe["smoke" if smoke else "data"]["images"] // budget["batch"])
    sizes = {"steps": steps, "sentences": steps * budget["batch"]}
    return {**budget, **sizes, "precision": "fp32", "smoke": smoke}


def fit(
    recipe: Mapping[str, Any], plan: Mapping[str, Any], stop: Callable[[int], bool] = lambda step: False
) -> Language | None:
    """One pass with Adam, its rate falling to a twentieth; averaged weights at the end, None where `stop(step)` ended it."""
    import spacy
    from spacy.util import fix_random_seed
    from tqdm import tqdm

    seed, steps, size, losses = recipe["data"]["seed"], plan["steps"], plan["batch"], {}
    fix_random_seed(seed)
    vocab = spacy.blank("en").vocab
    pipeline = build(recipe["architecture"], lambda: list(examples(vocab, seed, plan["initial"], 0)))
    optimizer = pipeline.create_optimizer()
    stream = examples(pipeline.vocab, seed, steps * size, 1)
    for step in tqdm(range(steps), desc="spacy", unit="step", mininterval=20, file=sys.stderr):
        if stop(step):
            return None
        optimizer.learn_rate = plan["rate"] * (1.0 - 0.95 * step / steps)
        pipeline.update([next(stream) for _ in range(size)], sgd=optimizer, drop=plan["dropout"], losses=losses)
    with pipeline.use_params(optimizer.averages):
        return _fixed(pipeline)


def _fixed(pipeline: Language) -> Language:
    """A copy with the weights of this moment."""
    import spacy

    return spacy.util.load_model_from_config(pipeline.config).from_bytes(pipeline.to_bytes())


def export(pipeline: Language, out: Path, recipe: Mapping[str, Any]) -> None:
    """Write the pipeline below `out`; each part appears whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    pipeline.meta.update({"name": "reef_mini", "description": recipe["about"], "license": LICENCE})
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as temporary:
        pipeline.to_disk(temporary)
        for path in sorted(Path(temporary).iterdir()):
            target = out / path.name
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(path, target)
