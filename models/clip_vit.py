"""The miniature CLIP with a vision transformer: tokenizer, model, training pairs and export.

The result is an ordinary Hugging Face `CLIPModel` folder. Every random choice of a batch is a function of the
seed and the step alone, so a resumed training sees exactly the batches that an uninterrupted one sees.
"""

from __future__ import annotations

import copy
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from utils import losses

if TYPE_CHECKING:
    import torch
    from transformers import CLIPModel, PreTrainedTokenizerFast

START, END = "<|startoftext|>", "<|endoftext|>"
MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIPImageProcessor
STD = (0.26862954, 0.26130258, 0.27577711)
QUICK = 1.702  # quick_gelu(x) = x sigmoid(1.702 x) = silu(1.702 x) / 1.702
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
SIDED = re.compile(r"\b(left|right)", re.IGNORECASE)


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
    """A `CLIPModel` with random weights in the form that trains fastest; `architecture` as in recipes.toml.

    While it trains, the activation is SiLU, which torch computes in one pass; `export` folds the factor into
    the weights and so turns it into OpenAI's quick GELU exactly. Plain attention beats the fused kernel on
    short rows. Together they halve a step on a CPU.
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


class Pairs:
    """Images with their captions on disk, drawn batch by batch.

    Args:
        folder: holds `images.npy`, (n, h, w, 3) uint8, and `captions.jsonl`, a list of sentences an image.
        recipe: the slot's table of recipes.toml.
        seed: of order, choice of caption and augmentation.
    """

    def __init__(self, folder: Path, recipe: Mapping[str, Any], seed: int = 0):
        self.images = np.load(folder / "images.npy", mmap_mode="r")
        lines = (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines()
        self.captions = [json.loads(line) for line in lines]
        if len(self.captions) != len(self.images) or not all(self.captions):
            raise ValueError(
                f"{folder}: {len(self.images)} images, {len(self.captions)} caption lines; every image needs "
                "a line with at least one caption. Delete the folder to make it again"
            )
        self.recipe, self.seed = recipe, seed

    def tokenize(self, tokenizer: PreTrainedTokenizerFast) -> None:
        """Turn every distinct caption into ids, once."""
        distinct = sorted({caption for captions in self.captions for caption in captions})
        number = {caption: index for index, caption in enumerate(distinct)}
        self.numbers = [[number[caption] for caption in captions] for captions in self.captions]
        self.ids = tokenizer(distinct, truncation=True)["input_ids"]
        self.sided = np.array([bool(SIDED.search(caption)) for caption in distinct])
        prompts = tokenizer(self.recipe["data"]["prompts"], add_special_tokens=False)["input_ids"]
        self.prompts = prompts
        self.articles = set(tokenizer("a an", add_special_tokens=False)["input_ids"])
        self.end, self.context = tokenizer.eos_token_id, tokenizer.model_max_length

    def batch(self, step: int, size: int, device: Any = "cpu") -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Batch number `step`: pixels (B, 3, s, s) float32, ids (B, longest) int64, positives (B, B) bool."""
        import torch

        size = min(size, len(self.images))
        epoch, place = divmod(step, len(self.images) // size)
        order = np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.images))
        rows = np.sort(order[place * size : (place + 1) * size])
        rng = np.random.default_rng((self.seed, 1, step))
        chosen = np.array([self.numbers[row][rng.integers(len(self.numbers[row]))] for row in rows])
        pixels = torch.from_numpy(self.images[rows]).to(device)
        pixels = augment(
            pixels,
            ~self.sided[chosen],
            self.recipe["architecture"]["image_size"],
            rng,
            self.recipe["augment"],
        )
        same = torch.from_numpy(chosen[:, None] == chosen[None, :])
        return pixels, self._ids(chosen, rng).to(device), same.to(device)

    def _ids(self, chosen: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        import torch

        rows = [self.ids[number] for number in chosen]
        for index in np.flatnonzero(rng.random(len(rows)) < self.recipe["data"]["prompt_share"]):
            prompt = self.prompts[rng.integers(len(self.prompts))]
            if rows[index][1] in self.articles and len(rows[index]) + len(prompt) <= self.context:
                rows[index] = rows[index][:1] + prompt + rows[index][1:]
        padded = np.full((len(rows), max(map(len, rows))), self.end, np.int64)
        for row, tokens in zip(padded, rows, strict=True):
            row[: len(tokens)] = tokens
        return torch.from_numpy(padded)


def loss(model: CLIPModel, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Contrastive loss of a batch of `Pairs`; equal captions are positives of each other."""
    pixels, ids, positives = batch
    return losses.clip(encode_pixels(model, pixels), encode_ids(model, ids), model.logit_scale, positives)


def augment(
    images: torch.Tensor, flip: np.ndarray, size: int, rng: np.random.Generator, options: Mapping[str, Any]
) -> torch.Tensor:
    """Crop, mirror, recolour, blur and spoil a batch at once, on the device where it lies.

    Args:
        images: (B, h, w, 3) uint8.
        flip: (B,) bool, whether the image may be mirrored (not if its caption says left or right).
        size: edge of the result in pixels.
        rng: the batch's own generator.
        options: table `augment` of recipes.toml.

    Returns:
        (B, 3, size, size) float32, normalised with CLIP's mean and deviation.
    """
    import torch
    import torch.nn.functional as F

    count, device = len(images), images.device

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.asarray(array, np.float32), device=device)

    area, stretch = rng.uniform(*options["area"], count), np.exp(rng.uniform(-0.15, 0.15, count))
    edge = np.minimum(np.sqrt(np.stack([area * stretch, area / stretch], 1)), 1.0)
    shift = rng.uniform(-1, 1, (count, 2)) * (1 - edge)
    mirror = np.where(flip & (rng.random(count) < 0.5), -1.0, 1.0)
    theta = np.zeros((count, 2, 3))
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = edge[:, 0] * mirror, edge[:, 1], shift
    grid = F.affine_grid(tensor(theta), (count, 3, size, size), align_corners=False)
    pixels = images.permute(0, 3, 1, 2).float().div_(255)
    pixels = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)

    matrix, offset = _colours(count, rng, options)
    pixels = torch.baddbmm(tensor(offset)[:, None, None], tensor(matrix), pixels.flatten(2)).view_as(pixels)
    strength = np.where(rng.random(count) < options["blur"], rng.uniform(0, 1, count), 0.0)
    strength -= np.where(rng.random(count) < options["sharpen"], rng.uniform(0, 0.6, count), 0.0)
    touched = torch.from_numpy(np.flatnonzero(strength)).to(device)
    soft = F.avg_pool2d(pixels[touched], 3, 1, 1, count_include_pad=False)
    pixels[touched] = pixels[touched].lerp(soft, tensor(strength)[touched, None, None, None])
    noisy = torch.from_numpy(np.flatnonzero(rng.random(count) < options["noise"])).to(device)
    level = tensor(rng.uniform(0, options["noise_level"], len(noisy)))
    noise = rng.standard_normal((len(noisy), 3, size, size), dtype=np.float32)
    pixels[noisy] += tensor(noise) * level[:, None, None, None]
    mean, std = (tensor(values)[:, None, None] for values in (MEAN, STD))
    return pixels.clamp_(0, 1).sub_(mean).div_(std)


def _colours(count: int, rng: np.random.Generator, options: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """(B, 3, 3) matrices and (B,) offsets: colour cast, then saturation or grey, contrast and brightness."""
    cast = np.exp(rng.normal(0, options["cast"], (count, 1, 3)))
    keep = 1 + rng.uniform(-options["saturation"], options["saturation"], count)
    keep[rng.random(count) < options["grey"]] = 0.0
    keep = keep[:, None, None]
    contrast = 1 + rng.uniform(-options["contrast"], options["contrast"], count)
    bright = rng.uniform(-options["brightness"], options["brightness"], count)
    matrix = (keep * np.eye(3) + (1 - keep) * np.array(LUMA)) * cast * contrast[:, None, None]
    return matrix, 0.5 * (1 - contrast) + bright


def encode_pixels(model: CLIPModel, pixels: torch.Tensor) -> torch.Tensor:
    """(n, 3, s, s) normalised pixels to (n, d) float32 of unit length."""
    from torch.nn.functional import normalize

    return normalize(model.get_image_features(pixel_values=pixels).pooler_output.float(), dim=-1)


def encode_ids(model: CLIPModel, ids: torch.Tensor) -> torch.Tensor:
    """(n, length) token ids, padded with the end token, to (n, d) float32 of unit length."""
    from torch.nn.functional import normalize

    # No mask is needed: attention looks back only, and the sentence is read at its first end token.
    return normalize(model.get_text_features(input_ids=ids).pooler_output.float(), dim=-1)


def export(model: CLIPModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the model in fp16 with tokenizer and image processor; each file appears whole or not at all."""
    from transformers import CLIPImageProcessor

    size = model.config.vision_config.image_size
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as temporary:
        with_quick_gelu(model).half().save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        crop = {"height": size, "width": size}
        CLIPImageProcessor(size={"shortest_edge": size}, crop_size=crop).save_pretrained(temporary)
        for path in sorted(Path(temporary).iterdir()):
            path.chmod(0o644)  # safetensors writes for its owner alone
            os.replace(path, folder / path.name)


def with_quick_gelu(model: CLIPModel) -> CLIPModel:
    """A copy on the CPU with OpenAI's activation that computes the same as the SiLU model given."""
    import torch
    from transformers import CLIPModel

    config = copy.deepcopy(model.config)
    config.text_config.hidden_act = config.vision_config.hidden_act = "quick_gelu"
    result = CLIPModel(config)
    result.load_state_dict(model.state_dict())
    with torch.no_grad():
        for tower in (result.text_model, result.vision_model):
            for layer in tower.encoder.layers:
                layer.mlp.fc1.weight /= QUICK
                layer.mlp.fc1.bias /= QUICK
                layer.mlp.fc2.weight *= QUICK
    return result.eval()
