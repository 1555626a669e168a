"""A LoRA adapter that teaches a CLIP miniature the species of fish31, in the place of a CLIP of biology.

The published ones (BioCLIP, Stevens et al. 2024) have read the names of many species; a general CLIP has read few. Pairs
of one species are positives of each other in half of the loss (UniCL), so that names and looks come together. It learns
on generated photographs, none of them of the data set, padded to a square: the usual centre crop cuts head and tail off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.pairs import augment
from models.task import Task as Base
from models.task import rows_of, scenes
from utils import classify, datasets, embed, encoders, files, finetune, losses, metrics
from utils.embed.items import picture
from utils.encoders.preprocess import CLIP_MEAN
from utils.finetune.adapters import TENSORS, adaptation_of
from utils.finetune.patches import seen

if TYPE_CHECKING:
    import torch

DATASET = "fish31"
NAMES = ("a {}", "a photo of a {}", "a {}, a type of fish")


class Task(Base):
    """Contrastive tuning on photographs of named species; the model is the base with LoRA in both towers."""

    @staticmethod
    def gather(recipe: Mapping[str, Any], data: Path, count: int) -> Path:
        """Generated photographs as squares, their captions and their species."""
        edge, seed = recipe["data"]["edge"], recipe["data"]["seed"]
        folder = data / f"{DATASET}-squares-{seed}-{count}-{edge}"
        if not folder.exists():
            frame = datasets.generated(count, DATASET, seed)
            with files.atomic_folder(folder) as temporary, ThreadPoolExecutor() as pool:
                squares = pool.map(lambda item: np.asarray(picture(item, CLIP_MEAN).resize((edge, edge))), whole(frame))
                np.save(temporary / "images.npy", np.stack(list(squares)))
                lines = zip(frame["captions"], frame["label"], strict=True)
                told = (json.dumps({"captions": words, "species": name}) for words, name in lines)
                (temporary / "truth.jsonl").write_text("\n".join(told) + "\n", encoding="utf-8")
        return folder

    def __init__(self, recipe: Mapping[str, Any], folder: Path, seed: int = 0):
        super().__init__(recipe, folder, seed)
        self.images, truths = scenes(folder)
        self.captions, species = [truth["captions"] for truth in truths], [truth["species"] for truth in truths]
        self.species, self.labels = np.unique(species, return_inverse=True)
        self.names = classify.wordings(list(self.species), NAMES)
        self.size = len(self.images)
        self.encoder = encoders.load(recipe["base"], precision="fp32")
        self.base = self.encoder.fingerprint

    def build(self) -> torch.nn.Module:
        """The base with LoRA that changes nothing yet."""
        return finetune.adapt(self.encoder, adaptation_of(self.recipe["adaptation"])).model

    def batch(self, step: int, size: int, device: Any = "cpu") -> tuple:
        """Pixels (B, 3, s, s), ids (B, longest), species (B,), equal sentences (B, B) bool, and a seed for the patches."""
        import torch

        rows = rows_of(step, size, self.size, self.seed)
        rng = np.random.default_rng((self.seed, 1, step))
        said = [self._sentence(row, rng) for row in rows]
        mirrored = np.ones(len(rows), bool)  # no caption of a fish says left or right
        pixels = torch.from_numpy(self.images[rows]).to(device)
        pixels = augment(pixels, mirrored, self.encoder.image_size, rng, self.recipe["augment"])
        ids = self.encoder._pad(self.encoder.tokenize(said)).to(device)
        wording = torch.from_numpy(np.unique(said, return_inverse=True)[1])
        labels = torch.from_numpy(self.labels[rows]).to(device)
        share = self._share(step)
        return pixels, ids, labels, (wording[:, None] == wording).to(device), (share, int(rng.integers(2**31)))

    def _sentence(self, row: int, rng: np.random.Generator) -> str:
        """The bare name, the last caption (the most detailed), or any of them."""
        name, last, any_of = rng.random(3)
        if name < self.recipe["data"]["names"]:
            return self.names[self.labels[row]][rng.integers(len(NAMES))]
        captions = self.captions[row]
        return captions[-1] if last < self.recipe["data"]["detail"] else captions[int(any_of * len(captions))]

    def _share(self, step: int) -> float:
        drop = self.recipe["patches"]
        return drop["keep"] if step < drop["until"] * self.plan.get("steps", 0) else 1.0

    def loss(self, model: torch.nn.Module, batch: tuple) -> torch.Tensor:
        """CLIP's loss and UniCL's with the species as labels; equal sentences are positives of each other."""
        import torch
        from torch.nn.functional import normalize

        pixels, ids, labels, same, (share, seed) = batch
        self.encoder.model = model
        with torch.random.fork_rng(devices=[]), seen(self.encoder, share):
            torch.manual_seed(seed)
            image_emb = normalize(self.encoder._image_features(pixels).float(), dim=-1)
        text_emb = normalize(self.encoder._text_features(ids).float(), dim=-1)
        weight = self.recipe["loss"]["weight"]
        return losses.combined(image_emb, text_emb, model.logit_scale, labels, weight, same)

    def after_step(self, model: torch.nn.Module) -> None:
        """The scale stays between 1 and 100."""
        model.logit_scale.data.clamp_(0.0, losses.LOG_MAX_SCALE)

    def export(self, model: torch.nn.Module, out: Path) -> None:
        """The adapter in fp16."""
        from safetensors.torch import load_file, save_file

        self.encoder.model = model
        finetune.save(self.encoder, out, self.base)
        tensors = load_file(out / TENSORS)
        with files.atomic_write(out / TENSORS) as temporary:
            save_file({name: weight.half() for name, weight in tensors.items()}, temporary)

    @staticmethod
    def evaluate(out: Path, recipe: Mapping[str, Any], count: int, seed: int) -> list[dict[str, Any]]:
        """How often base and tuned model name the species of fresh photographs, by "a photo of a NAME" alone."""
        frame = datasets.generated(count, DATASET, seed)
        names = sorted(frame["label"].unique())
        found = []
        for state in ("base", "tuned"):
            encoder = encoders.load(recipe["base"], precision="fp32")
            if state == "tuned":
                encoder = finetune.load(encoder, out)
            texts = classify.class_embeddings(encoder, names)
            named = (embed.images(encoder, whole(frame)) @ texts.T).argmax(1)
            share = metrics.wilson(np.array(names)[named] == frame["label"])
            interval = {"ci_low": share["ci_low"], "ci_high": share["ci_high"], "n": len(frame)}
            found.append({"task": f"species, {state}", "metric": "accuracy", "value": share["mean"]} | interval)
        return found


def whole(frame: Any) -> list[tuple]:
    """Items of `embed.images` that pad the whole pictures of a manifest to squares."""
    return list(datasets.whole(frame)["item"])
