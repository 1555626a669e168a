"""The miniature Llama: a chat model that says a caption of the world in other words and adds nothing.

It learns on pairs of utils/reef/paraphrase.py, made anew for every batch, with the loss on the answer alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.figures import figure
from models.task import Task as Base
from models.task import export_to, recipes, scenes
from utils.captions.language_models import opened
from utils.captions.paraphraser import SYSTEM, USER, chat, said
from utils.reef import landmarks, language, paraphrase, reading, species, wordings, world

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

SYSTEMS = (SYSTEM, "You are a helpful assistant.", "")  # the first one is the usual one
BEGIN, PAD, HEAD, SHUT, END = "<|begin_of_text|>", "<|pad|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    f"{HEAD}{{{{ message['role'] }}}}{SHUT}{{{{ message['content'] | trim }}}}{END}"
    "{% endfor %}{% if add_generation_prompt %}"
    f"{HEAD}assistant{SHUT}"
    "{% endif %}"
)
IGNORED = -100
LEVEL_SHARES = (
    0.15,
    0.35,
    0.50,
)  # of language.LEVELS among the batches; one level a batch keeps its rows of one length
TEMPERATURES, SAMPLES = (0.7, 1.0), 4


def make_tokenizer(words: str, sizes: Mapping[str, int]) -> PreTrainedTokenizerFast:
    """A small byte-level tokenizer that gives every text back exactly; words of captions have a token of their own.

    Args:
        words: everyday words from which the pieces of all other words are learned, parted by white space.
        sizes: `pieces` learned parts of words, `context` positions.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    own = sorted(_own_words())
    asked = (*SYSTEMS, *USER.split("{}"), "system", "user", "assistant")
    split = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    whole = {token for text in (*asked, " " + " ".join(own), " ,") for token, _ in split.pre_tokenize_str(text)}
    whole |= _first_words()
    learner = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + sizes["pieces"], initial_alphabet=alphabet, show_progress=False
    )
    pieces = sorted({token for text in (" " + words, words) for token, _ in split.pre_tokenize_str(text)})
    learner.train_from_iterator(pieces, trainer)
    learned = json.loads(learner.to_str())["model"]
    special = [BEGIN, PAD, HEAD, SHUT, END]
    vocabulary = sorted(learned["vocab"], key=learned["vocab"].get)
    vocabulary += [*sorted(whole - set(vocabulary)), *special]
    merges = [tuple(pair) for pair in learned["merges"]]
    ids = {token: i for i, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.BPE(ids, merges, ignore_merges=True))
    tokenizer.pre_tokenizer, tokenizer.decoder = split, decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BEGIN, eos_token=END, pad_token=PAD, additional_special_tokens=[HEAD, SHUT],
        model_max_length=sizes["context"], padding_side="left", clean_up_tokenization_spaces=False, chat_template=TEMPLATE,
    )  # fmt: skip


def _own_words() -> set[str]:
    """The words of captions, as they are written."""
    found = {word for tongue in wordings.LANGUAGES for phrase in wordings.lexicon(tongue) for word in phrase}
    proper = [*landmarks.NAMES.values(), *species.SPECIES]
    return found | {word for name in proper for word in name.split()} | {"image"}


def _first_words() -> set[str]:
    """Words with which a caption or its paraphrase may begin."""
    starts = [
        *paraphrase.OPENINGS,
        *wordings.SHOWS,
        *landmarks.NAMES.values(),
        *language.NUMBERS.values(),
        "a",
        "an",
        "several",
    ]
    starts += [p for key in wordings.TABLES for value in wordings.TABLES[key] for p in wordings.wordings(key, value)]
    return {start.split()[0] for start in starts}


class Task(Base):
    """Paraphrases of the captions of the training set's truths."""

    def __init__(self, recipe: Mapping[str, Any], folder: Path, seed: int = 0):
        super().__init__(recipe, folder, seed)
        _, self.truths = scenes(folder)
        self.size = len(self.truths)
        self.tokenizer = make_tokenizer(recipes()["vocabulary"]["words"], recipe["architecture"])

    def build(self) -> LlamaForCausalLM:
        """A `LlamaForCausalLM` with tied embeddings."""
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        sizes, tokenizer = self.recipe["architecture"], self.tokenizer
        config = LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=sizes["width"], intermediate_size=sizes["mlp"], num_hidden_layers=sizes["layers"],
            num_attention_heads=sizes["heads"], num_key_value_heads=sizes["heads"], max_position_embeddings=sizes["context"],
            initializer_range=0.04, tie_word_embeddings=True, bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = LlamaForCausalLM(config)
        model.set_attn_implementation("eager")
        return model

    def begin(self, model: LlamaForCausalLM, folder: Path) -> None:
        """Take over all weights of the finished miniature in `folder`.

        Raises:
            ValueError: it has other tokens.
        """
        import torch
        from transformers import AutoTokenizer, LlamaForCausalLM

        if AutoTokenizer.from_pretrained(folder).get_vocab() != self.tokenizer.get_vocab():
            raise ValueError(f"{folder} has other tokens than this recipe makes: train from scratch")
        model.load_state_dict(LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict())

    def batch(self, step: int, size: int, device: Any = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
        """Batch number `step`: ids and labels (B, longest) int64; only the answer has labels."""
        import torch

        rng = np.random.default_rng((self.seed, 1, step))
        level = language.LEVELS[int(rng.choice(3, p=LEVEL_SHARES))]
        prompts, answers = [], []
        while len(prompts) < size:
            source, other = self._pair(rng, level)
            prompts.append(chat(source, SYSTEMS[int(rng.choice(len(SYSTEMS), p=(0.8, 0.1, 0.1)))]))
            answers.append(other + END)
        texts = self.tokenizer.apply_chat_template(prompts, tokenize=False, add_generation_prompt=True)
        asked = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        said = self.tokenizer(answers, add_special_tokens=False)["input_ids"]
        longest = max(len(a) + len(b) for a, b in zip(asked, said, strict=True))
        ids = np.full((size, longest), self.tokenizer.pad_token_id, np.int64)
        labels = np.full((size, longest), IGNORED, np.int64)
        for row, (a, b) in enumerate(zip(asked, said, strict=True)):
            ids[row, : len(a) + len(b)] = a + b
            labels[row, len(a) : len(a) + len(b)] = b
        return torch.from_numpy(ids).to(device), torch.from_numpy(labels).to(device)

    def _pair(self, rng: np.random.Generator, level: str) -> tuple[str, str]:
        """A caption of the level, now and then written as a sentence, and a paraphrase."""
        while True:
            truth = self.truths[int(rng.integers(self.size))]
            caption = world.describe(truth, rng, level)["caption"]
            try:
                other = paraphrase.paraphrase(caption, rng)
            except ValueError:  # in words of another setting
                continue
            if rng.random() < 0.08:
                caption = caption[0].upper() + caption[1:] + "."
            return caption, other

    def loss(self, model: LlamaForCausalLM, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Cross-entropy of the answers; padding lies behind them, so that no mask is needed."""
        ids, labels = batch
        return model(input_ids=ids, labels=labels, use_cache=False).loss

    def export(self, model: LlamaForCausalLM, out: Path) -> None:
        """The model in fp16 with its tokenizer and chat template; each file appears whole or not at all."""
        import copy

        from transformers import GenerationConfig

        twin = copy.deepcopy(model).half()
        twin.generation_config = GenerationConfig(
            bos_token_id=self.tokenizer.bos_token_id, eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.pad_token_id, max_new_tokens=64,
        )  # fmt: skip
        export_to(out, twin, self.tokenizer)

    @staticmethod
    def evaluate(out: Path, recipe: Mapping[str, Any], count: int, seed: int) -> list[dict[str, Any]]:
        """On `count` captions of fresh scenes, a level after the other.

        "facts kept": the paraphrase reads as exactly the facts of the caption, no word unknown; "differs": it is
        another sentence; "distinct": share of different sentences among four samples of one caption.
        """
        asked = [c for c in paraphrase.captions(seed, count) if "unknown" not in reading.read(c)]
        levels = np.array([language.LEVELS[i % 3] for i in range(len(asked))])
        answers = paraphrases(out, asked)
        kept = np.array([reading.same(a, b) for a, b in zip(asked, answers, strict=True)], float)
        differs = np.array([a != b for a, b in zip(asked, answers, strict=True)], float)
        figures = [figure("greedy", "facts kept", kept), figure("greedy", "differs", differs)]
        figures += [figure(f"greedy, {level}", "facts kept", kept[levels == level]) for level in language.LEVELS]
        few = asked[: max(1, len(asked) // 5)]
        for temperature in TEMPERATURES:
            drawn = paraphrases(out, [c for c in few for _ in range(SAMPLES)], temperature)
            groups = [drawn[i : i + SAMPLES] for i in range(0, len(drawn), SAMPLES)]
            kept = np.array(
                [np.mean([reading.same(c, d) for d in group]) for c, group in zip(few, groups, strict=True)]
            )
            task = f"sampled at {temperature}"
            figures += [
                figure(task, "facts kept", kept),
                figure(task, "distinct", np.array([len(set(g)) / SAMPLES for g in groups])),
            ]
        return figures


def paraphrases(
    folder: Path, captions: Sequence[str], temperature: float = 0.0, batch: int = 60, seed: int = 0
) -> list[str]:
    """One paraphrase a caption by the model in `folder`: the most likely words at temperature 0, else drawn."""
    writer = opened(folder, "llama")
    parts = [captions[start : start + batch] for start in range(0, len(captions), batch)]
    return [text for number, part in enumerate(parts) for text in said(writer, part, temperature, seed + number)]
