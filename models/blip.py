"""The miniature BLIP: captions of pictures, in the words of the world.

Image encoder and text decoder learn together from captions that are worded anew for every batch. While it trains, a
linear head on the image names everything that is in it (kinds, colours, states of turtles, places); it teaches the
encoder quickly what is worth seeing, and is not exported.
"""

from __future__ import annotations

import copy
import os
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models import captioning
from models.pairs import SIDED, augment
from models.task import Task as Base
from models.task import rows_of, scenes
from utils.reef import landmarks, language, species, wordings, world

if TYPE_CHECKING:
    import torch
    from transformers import BlipProcessor

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789'-,.?!"
QUICK = 1.702  # of OpenAI's activation, see clip_vit
IGNORED = -100
LEVELS = {"turtle": (0.0, 0.1, 0.9), "": (0.0, 0.65, 0.35)}  # shares of language.LEVELS among the captions
FACTS = (
    "scene",
    "place",
    "light",
    "camera",
    "clarity",
    "support",
    "motif",
    "palette",
    "emotion",
    "work",
    "medium",
    "hand",
)
ATTRIBUTES = ("colour", "species", "stage", "action", "name", "material")
RARE = 8  # what fewer training images show has no label of its own


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


def build(architecture: Mapping[str, Any], tokenizer: Any, labels: int, seed: int = 0) -> torch.nn.Module:
    """A module with `blip`, a `BlipForConditionalGeneration`, and the helping `head`, both with random weights."""
    import torch
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipTextConfig, BlipVisionConfig

    vision, text = architecture["vision"], architecture["text"]
    config = BlipConfig(
        vision_config=BlipVisionConfig(
            hidden_size=vision["width"], intermediate_size=vision["mlp"], num_hidden_layers=vision["layers"],
            num_attention_heads=vision["heads"], image_size=architecture["image_size"], patch_size=vision["patch"],
            initializer_range=0.02, hidden_act="silu",
        ).to_dict(),
        text_config=BlipTextConfig(
            vocab_size=len(tokenizer), hidden_size=text["width"], encoder_hidden_size=vision["width"],
            intermediate_size=text["mlp"], num_hidden_layers=text["layers"], num_attention_heads=text["heads"],
            max_position_embeddings=text["context"], hidden_act="silu", label_smoothing=0.0, is_decoder=True,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, bos_token_id=tokenizer.convert_tokens_to_ids("[DEC]"),
            eos_token_id=tokenizer.sep_token_id, sep_token_id=tokenizer.sep_token_id, pad_token_id=tokenizer.pad_token_id,
        ).to_dict(),
        projection_dim=64, image_text_hidden_size=64,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        blip = BlipForConditionalGeneration(config)
        for table in (blip.vision_model.embeddings.class_embedding, blip.vision_model.embeddings.position_embedding):
            torch.nn.init.normal_(table, std=0.02)
        model = torch.nn.ModuleDict({"blip": blip, "head": torch.nn.Linear(2 * vision["width"], labels)})
    return model


def names(truth: Mapping) -> set[str]:
    """Everything that the helping head shall find in a picture."""
    found = {f"{key} {truth['facts'][key]}" for key in FACTS if truth["facts"].get(key)}
    for thing in truth["objects"]:
        if thing["seen"]:
            kind, attributes = thing["kind"], thing["attributes"]
            found.add(kind)
            found |= {f"{kind} {attributes[key]}" for key in ATTRIBUTES if attributes.get(key)}
            found |= {f"{kind} {state}" for state in thing["states"]}
            count = sum(other["seen"] and other["kind"] == kind for other in truth["objects"])
            found.add(f"{min(count, 4)} {kind}")
    return found


class Task(Base):
    """Pictures with captions that are worded anew every time they are shown."""

    def __init__(self, recipe: Mapping[str, Any], folder: Path, seed: int = 0):
        super().__init__(recipe, folder, seed)
        self.images, self.truths = scenes(folder)
        self.size = len(self.images)
        self.processor = make_processor(self.truths, recipe["architecture"])
        found = [names(truth) for truth in self.truths]
        counts = Counter(name for one in found for name in one)
        number = {
            name: i
            for i, name in enumerate(sorted(n for n, times in counts.items() if times >= min(RARE, self.size // 4)))
        }
        self.labels = np.zeros((self.size, len(number)), bool)
        for row, one in enumerate(found):
            self.labels[row, [number[name] for name in one if name in number]] = True

    def build(self) -> torch.nn.Module:
        """See `build`; the head begins with the share of pictures that each name is true of."""
        import torch

        model = build(self.recipe["architecture"], self.processor.tokenizer, self.labels.shape[1], self.seed)
        share = torch.from_numpy(self.labels.mean(0, dtype=np.float32)).clamp(1e-4, 1 - 1e-4)
        with torch.no_grad():
            model["head"].weight.zero_()
            model["head"].bias.copy_(torch.logit(share))
        return model

    def begin(self, model: torch.nn.Module, folder: Path) -> None:
        """Take over the first layers of the image tower of a miniature CLIP (see `from_clip`)."""
        import torch
        from transformers import CLIPModel

        tower = CLIPModel.from_pretrained(folder, dtype=torch.float32).vision_model
        rows = np.linspace(0, self.size - 1, min(64, self.size)).astype(int)
        from_clip(model["blip"].vision_model, tower, self._pixels(rows, tower.config.image_size))

    def _pixels(self, rows: np.ndarray, edge: int) -> torch.Tensor:
        """Whole pictures, neither cropped nor coloured."""
        import torch

        options = dict.fromkeys(self.recipe["augment"], 0.0) | {"area": [10.0, 10.0]}
        pictures = torch.from_numpy(self.images[rows])
        return augment(pictures, np.zeros(len(rows), bool), edge, np.random.default_rng(0), options)

    def batch(self, step: int, size: int, device: Any = "cpu") -> tuple[torch.Tensor, ...]:
        """Batch number `step`: pixels (B, 3, s, s), ids and labels (B, longest) int64, names (B, n) float32."""
        import torch

        rows = rows_of(step, size, self.size, self.seed)
        rng = np.random.default_rng((self.seed, 1, step))
        captions = [self._caption(self.truths[row], rng) for row in rows]
        flip = np.array([not SIDED.search(caption) for caption in captions])
        pictures = torch.from_numpy(self.images[rows]).to(device)
        pixels = augment(pictures, flip, self.recipe["architecture"]["image_size"], rng, self.recipe["augment"])
        tokenizer = self.processor.tokenizer
        ids = tokenizer(captions, padding=True, truncation=True, return_tensors="pt")["input_ids"]
        ids[:, 0] = tokenizer.convert_tokens_to_ids("[DEC]")
        labels = ids.masked_fill(ids == tokenizer.pad_token_id, IGNORED)
        found = torch.from_numpy(self.labels[rows].astype(np.float32))
        return pixels, ids.to(device), labels.to(device), found.to(device)

    @staticmethod
    def _caption(truth: Mapping, rng: np.random.Generator) -> str:
        turtle = any(thing["kind"] == "turtle" and thing["seen"] for thing in truth["objects"])
        level = language.LEVELS[int(rng.choice(3, p=LEVELS["turtle" if turtle else ""]))]
        return world.describe(truth, rng, level)["caption"]

    def loss(self, model: torch.nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Cross-entropy of the caption, and that of the helping head with the recipe's weight."""
        import torch

        pixels, ids, labels, found = batch
        seen = model["blip"].vision_model(pixel_values=pixels).last_hidden_state
        # Padding lies behind the words and decoding looks back only, so no mask is needed.
        caption = (
            model["blip"].text_decoder(input_ids=ids, encoder_hidden_states=seen, labels=labels, reduction="mean").loss
        )
        scores = model["head"](torch.cat([seen[:, 0], seen[:, 1:].mean(1)], 1))
        named = (
            torch.nn.functional.binary_cross_entropy_with_logits(scores.float(), found, reduction="none").sum(1).mean()
        )
        return caption + self.recipe["budget"]["head"] * named

    def export(self, model: torch.nn.Module, out: Path) -> None:
        """The captioner in fp16 with its processor; each file appears whole or not at all."""
        from transformers import GenerationConfig

        blip, tokenizer = copy.deepcopy(model["blip"]).half(), self.processor.tokenizer
        blip.generation_config = GenerationConfig(
            bos_token_id=tokenizer.convert_tokens_to_ids("[DEC]"), eos_token_id=tokenizer.sep_token_id,
            pad_token_id=tokenizer.pad_token_id, max_new_tokens=48,
        )  # fmt: skip
        with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as temporary:
            blip.save_pretrained(temporary)
            self.processor.save_pretrained(temporary)
            for path in sorted(Path(temporary).iterdir()):
                path.chmod(0o644)  # safetensors writes for its owner alone
                os.replace(path, out / path.name)

    @staticmethod
    def evaluate(out: Path, recipe: Mapping[str, Any], count: int, seed: int) -> list[dict[str, Any]]:
        """Figures on `count` fresh pictures, see `captioning.judge`."""
        truths, images = world.evaluation_set(count, seed)
        return captioning.judge(captioning.captions(out, images), truths)


def from_clip(vision: Any, tower: Any, pixels: torch.Tensor) -> None:
    """Write the first layers of a CLIP image tower into BLIP's encoder of the same width, in place.

    BLIP has no norm before its first layer. CLIP's is folded into the embeddings with the mean deviation that it has on
    `pixels`; patches of another size take the kernel's interpolation.
    """
    import torch
    from torch.nn.functional import interpolate

    new, old = vision.embeddings, tower.embeddings
    norm = tower.pre_layrnorm
    with torch.no_grad():
        deviation = old(pixels).std(-1, unbiased=False)
        share = norm.weight / deviation[:, 1:].mean()
        edge = new.patch_size
        kernel = interpolate(old.patch_embedding.weight, (edge, edge), mode="bicubic") * (old.patch_size / edge) ** 2
        position = old.position_embedding.weight
        new.patch_embedding.weight.copy_((kernel - kernel.mean(0)) * share[:, None, None, None])
        new.patch_embedding.bias.zero_()
        patches = position[1:] - position[1:].mean(-1, keepdim=True)
        if len(patches) + 1 == new.position_embedding.shape[1]:
            new.position_embedding[0, 1:].copy_(patches * share + norm.bias)
        new.position_embedding[0, 0].zero_()
        new.class_embedding[0, 0].copy_(norm(old.class_embedding + position[0]))
        for mine, other in zip(vision.encoder.layers, tower.encoder.layers, strict=False):
            attention = other.self_attn
            for part in ("weight", "bias"):
                fused = torch.cat([getattr(getattr(attention, f"{x}_proj"), part) for x in "qkv"])
                getattr(mine.self_attn.qkv, part).copy_(fused)
            mine.self_attn.projection.load_state_dict(attention.out_proj.state_dict())
            for name in ("layer_norm1", "layer_norm2", "mlp"):
                getattr(mine, name).load_state_dict(getattr(other, name).state_dict())
            mine.mlp.fc1.weight.mul_(QUICK)  # quick GELU is SiLU with a factor
            mine.mlp.fc1.bias.mul_(QUICK)
            mine.mlp.fc2.weight.div_(QUICK)
