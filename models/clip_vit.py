"""The miniature CLIP with a vision transformer: tokenizer, model and export as a Hugging Face `CLIPModel` folder."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.pairs import Pairs
from models.task import export_to, recipes
from utils.finetune.patches import only

if TYPE_CHECKING:
    import torch
    from transformers import CLIPModel, PreTrainedTokenizerFast

START, END = "<|startoftext|>", "<|endoftext|>"
QUICK = 1.702  # quick_gelu(x) = x sigmoid(1.702 x) = silu(1.702 x) / 1.702


def make_tokenizer(captions: Iterable[str], words: str, sizes: Mapping[str, int]) -> PreTrainedTokenizerFast:
    """Learn a small byte-level tokenizer: whole words where they are common, pieces and bytes for all else.

    Text is lower-cased, spaces are joined and closing full stops are dropped. Every text has tokens, emoji
    included. The start and end tokens are the two highest ids, and padding is the end token, as in OpenAI's.

    Args:
        captions: sentences, as often as they occur.
        words: more words that get a token of their own, parted by white space.
        sizes: `vocabulary` tokens at most, `pieces` of them learned parts of words; `context` positions.
    """
    from tokenizers import (
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    clean = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"[\s.!?]+$"), ""),
         normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )  # fmt: skip
    split = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    counts = Counter(token for text in captions for token, _ in split.pre_tokenize_str(clean.normalize_str(text)))
    counts.update(token for token, _ in split.pre_tokenize_str(clean.normalize_str(words)))
    learner = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + sizes["pieces"], initial_alphabet=sorted(alphabet), show_progress=False
    )
    learner.train_from_iterator(sorted(counts), trainer)
    learned = json.loads(learner.to_str())["model"]
    vocabulary = sorted(learned["vocab"], key=learned["vocab"].get)
    ranked = sorted(counts.keys() - set(vocabulary), key=lambda token: (-counts[token], token))
    vocabulary = vocabulary + ranked[: sizes["vocabulary"] - 2 - len(vocabulary)] + [START, END]
    ids = {token: index for index, token in enumerate(vocabulary)}
    merges = [tuple(pair) for pair in learned["merges"]]
    tokenizer = Tokenizer(models.BPE(ids, merges, ignore_merges=True))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = clean, split, decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, ids[START]), (END, ids[END])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=sizes["context"],
    )


def build(architecture: Mapping[str, Any], tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> CLIPModel:
    """A `CLIPModel` with random weights, in the form that it trains in; `architecture` as in recipes.toml.

    While it trains, the activation is SiLU, which torch computes in one pass; `export` folds the factor into
    the weights and so turns it into OpenAI's quick GELU exactly.
    """
    import torch
    from transformers import CLIPConfig, CLIPModel

    vision, text = architecture["vision"], architecture["text"]
    config = CLIPConfig(
        projection_dim=architecture["projection"],
        vision_config=_tower(vision, architecture) | {
            "image_size": architecture["image_size"], "patch_size": vision["patch"],
        },
        # The text tower reads the sentence at its first end token, so that id must be the tokenizer's own.
        text_config=_tower(text, architecture) | {
            "vocab_size": len(tokenizer), "max_position_embeddings": text["context"],
            "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIPModel(config)
    model.set_attn_implementation("eager")
    return model


def _tower(sizes: Mapping[str, int], architecture: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "hidden_size": sizes["width"], "num_hidden_layers": sizes["layers"],
        "num_attention_heads": sizes["heads"], "intermediate_size": sizes["mlp"], "hidden_act": "silu",
        "projection_dim": architecture["projection"],
    }  # fmt: skip


class Task(Pairs):
    """Contrastive pretraining of a `CLIPModel`."""

    def __init__(self, recipe: Mapping[str, Any], folder: Path, seed: int = 0):
        super().__init__(recipe, folder, seed)
        texts = (caption for captions in self.captions for caption in captions)
        self.tokenizer = make_tokenizer(texts, recipes()["vocabulary"]["words"], recipe["architecture"]["text"])
        self.ids = self.tokenizer(self.distinct, truncation=True)["input_ids"]
        self.prompts = self.tokenizer(recipe["data"]["prompts"], add_special_tokens=False)["input_ids"]
        self.articles = set(self.tokenizer("a an", add_special_tokens=False)["input_ids"])
        self.pad, self.context = self.tokenizer.eos_token_id, self.tokenizer.model_max_length

    def build(self) -> CLIPModel:
        """See `build`."""
        return build(self.recipe["architecture"], self.tokenizer, self.seed)

    def begin(self, model: CLIPModel, folder: Path) -> None:
        """See `begin_from`."""
        begin_from(model, self.tokenizer, folder)

    def features(self, model: CLIPModel, pixels: torch.Tensor, ids: torch.Tensor, kept: Any) -> tuple:
        """Unit embeddings of both towers."""
        return encode_pixels(model, pixels, kept), encode_ids(model, ids)

    def export(self, model: CLIPModel, out: Path) -> None:
        """See `export`."""
        export(model, self.tokenizer, out)


def encode_pixels(model: CLIPModel, pixels: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
    """(n, 3, s, s) normalised pixels to (n, d) float32 of unit length; with `kept` (n, k) only those patches are seen."""
    from torch.nn.functional import normalize

    if kept is None:
        return normalize(model.get_image_features(pixel_values=pixels).pooler_output.float(), dim=-1)
    tower = model.vision_model
    tokens = tower.pre_layrnorm(only(tower.embeddings(pixels), kept))
    pooled = tower.post_layernorm(tower.encoder(inputs_embeds=tokens).last_hidden_state[:, 0])
    return normalize(model.visual_projection(pooled).float(), dim=-1)


def encode_ids(model: CLIPModel, ids: torch.Tensor) -> torch.Tensor:
    """(n, length) token ids, padded with the end token, to (n, d) float32 of unit length."""
    from torch.nn.functional import normalize

    # No mask is needed: attention looks back only, and the sentence is read at its first end token.
    return normalize(model.get_text_features(input_ids=ids).pooler_output.float(), dim=-1)


def export(model: CLIPModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the model in fp16 with tokenizer and image processor; each file appears whole or not at all."""
    from transformers import CLIPImageProcessor

    size = model.config.vision_config.image_size
    processor = CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    export_to(folder, with_quick_gelu(model).half(), tokenizer, processor)


def with_quick_gelu(model: CLIPModel) -> CLIPModel:
    """A copy on the CPU with OpenAI's activation that computes the same as the SiLU model given."""
    from transformers import CLIPModel

    config = copy.deepcopy(model.config)
    config.text_config.hidden_act = config.vision_config.hidden_act = "quick_gelu"
    result = CLIPModel(config)
    result.load_state_dict(model.state_dict())
    _scale_activation(result, 1 / QUICK)
    return result.eval()


def begin_from(model: CLIPModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Load the finished miniature in `folder` into the SiLU model; tokens are matched by their text, new ones stay.

    Raises:
        ValueError: the architectures differ.
    """
    import torch
    from transformers import AutoTokenizer, CLIPModel

    donor = CLIPModel.from_pretrained(folder, dtype=torch.float32)
    _scale_activation(donor, QUICK)
    state = donor.state_dict()
    name = "text_model.embeddings.token_embedding.weight"
    rows, known = model.state_dict()[name].clone(), AutoTokenizer.from_pretrained(folder).get_vocab()
    for token, index in tokenizer.get_vocab().items():
        if token in known:
            rows[index] = state[name][known[token]]
    try:
        model.load_state_dict({**state, name: rows})
    except RuntimeError as error:
        raise ValueError(f"{folder} is not a model of this recipe's architecture: {error}") from error


def _scale_activation(model: CLIPModel, factor: float) -> None:
    """Move `factor` from behind the activation to before it, in every layer of both towers."""
    import torch

    with torch.no_grad():
        for tower in (model.text_model, model.vision_model):
            for layer in tower.encoder.layers:
                layer.mlp.fc1.weight *= factor
                layer.mlp.fc1.bias *= factor
                layer.mlp.fc2.weight /= factor
