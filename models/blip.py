"""The miniature BLIP: captions of pictures, in the words of the world.

Image encoder and text decoder learn together from captions that are worded anew for every batch. While it trains, two
linear heads teach the encoder quickly what is worth seeing: one on the whole image names everything that is in it
(kinds, colours, states of turtles, places), one on every patch what lies there. They are not exported. At first half of
the patches are hidden, so that a step costs less; at the end the encoder rests, and the decoder learns alone, from
several captions of every picture.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models import captioning, labels, patches
from models.graft import from_clip
from models.pairs import SIDED, augment, views
from models.task import Task as Base
from models.task import export_to, rows_of, scenes
from models.windows import through
from models.wordpieces import make_processor
from utils.finetune.optimizer import learning_rate
from utils.finetune.patches import only
from utils.reef import language, world

if TYPE_CHECKING:
    import torch

IGNORED = -100
LEVELS = {"turtle": (0.0, 0.1, 0.9), "": (0.0, 0.65, 0.35)}  # shares of language.LEVELS among the captions


def build(architecture: Mapping[str, Any], tokenizer: Any, whole: np.ndarray, local: np.ndarray, seed: int = 0) -> Any:
    """A module with `blip`, a `BlipForConditionalGeneration` of random weights, and the two heads.

    Args:
        architecture: table of recipes.toml.
        tokenizer: of the captions.
        whole: (n,) share of the pictures that each name of the head on the whole image is true of.
        local: (m,) share of the patches, for the head on the patches. The heads begin with these shares.
        seed: of the weights.
    """
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
        heads = {"whole": _head(2 * vision["width"], whole), "local": _head(vision["width"], local)}
    return torch.nn.ModuleDict({"blip": blip, **heads})


def _head(width: int, share: np.ndarray) -> torch.nn.Linear:
    import torch

    head = torch.nn.Linear(width, len(share))
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(torch.logit(torch.from_numpy(share).float().clamp(1e-4, 1 - 1e-4)))
    return head


class Task(Base):
    """Pictures with captions that are worded anew every time they are shown."""

    def __init__(self, recipe: Mapping[str, Any], folder: Path, seed: int = 0):
        super().__init__(recipe, folder, seed)
        self.images, self.truths = scenes(folder)
        stated = [row for row, truth in enumerate(self.truths) if _states(truth)]
        again = recipe["data"].get("states", 1) - 1  # turtles in nets and the like are few: they are shown more often
        self.shown = np.array([*range(len(self.images)), *stated * again])
        self.size = len(self.shown)
        self.processor = make_processor(self.truths, recipe["architecture"])
        self.whole = labels.table([labels.names(truth) for truth in self.truths])
        things = [[thing for thing in truth["objects"] if thing["seen"]] for truth in self.truths]
        self.local = labels.table([labels.names_of(thing) for one in things for thing in one])
        self.first = np.cumsum([0, *map(len, things)])  # of each picture's things among all
        edge = np.float32(self.images.shape[1])
        self.boxes = np.array([t["box_xyxy"] for one in things for t in one], np.float32).reshape(-1, 4) / edge
        vision = recipe["architecture"]["vision"]
        self.grid = recipe["architecture"]["image_size"] // vision["patch"]

    def build(self) -> torch.nn.Module:
        """See `build`."""
        tokenizer, area = self.processor.tokenizer, np.prod(self.boxes[:, 2:] - self.boxes[:, :2], 1)
        local = (self.local * area[:, None]).sum(0) / len(self.images)
        return build(self.recipe["architecture"], tokenizer, self.whole.mean(0), local, self.seed)

    def begin(self, model: torch.nn.Module, folder: Path) -> None:
        """Go on from a miniature BLIP, or take over the first layers of a CLIP's image tower (see `models.graft`).

        Raises:
            ValueError: a BLIP of other words.
        """
        import torch
        from transformers import AutoConfig, AutoTokenizer, BlipForConditionalGeneration, CLIPModel

        if AutoConfig.from_pretrained(folder).model_type == "blip":
            if AutoTokenizer.from_pretrained(folder).get_vocab() != self.processor.tokenizer.get_vocab():
                raise ValueError(f"{folder} knows other words than the training scenes: start from a CLIP")
            before = BlipForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
            model["blip"].load_state_dict(before.state_dict())
            return
        tower = CLIPModel.from_pretrained(folder, dtype=torch.float32).vision_model
        rows = np.linspace(0, len(self.images) - 1, min(64, len(self.images))).astype(int)
        from_clip(model["blip"].vision_model, tower, self._pixels(rows, tower.config.image_size))

    def _pixels(self, rows: np.ndarray, edge: int) -> torch.Tensor:
        """Whole pictures, neither cropped nor coloured."""
        import torch

        options = dict.fromkeys(self.recipe["augment"], 0.0) | {"area": [10.0, 10.0]}
        pictures = torch.from_numpy(self.images[rows])
        return augment(pictures, np.zeros(len(rows), bool), edge, np.random.default_rng(0), options)

    def batch(self, step: int, size: int, device: Any = "cpu") -> tuple[torch.Tensor, ...]:
        """Batch number `step`.

        Returns:
            Pixels (B, 3, s, s), ids and labels (B * captions, longest) int64; which names are true of the picture,
            (B, n) float32, and of its patches, (B, p, m) float32, or None and None where the decoder learns alone; and
            the patches that are seen (see `models.patches`).
        """
        import torch

        rows = self.shown[rows_of(step, size, self.size, self.seed)]
        rng = np.random.default_rng((self.seed, 1, step))
        alone = bool(self.plan) and step >= _turn(self.plan)
        captions = [
            self._caption(self.truths[row], rng) for row in rows for _ in range(self.plan["captions"] if alone else 1)
        ]
        sided = np.array([bool(SIDED.search(caption)) for caption in captions])
        flip = ~sided.reshape(len(rows), -1).any(1)
        pictures = torch.from_numpy(self.images[rows]).to(device)
        edge = self.recipe["architecture"]["image_size"]
        pixels, windows = views(pictures, flip, edge, rng, self.recipe["augment"])
        tokenizer = self.processor.tokenizer
        ids = tokenizer(captions, padding=True, truncation=True, return_tensors="pt")["input_ids"]
        ids[:, 0] = tokenizer.convert_tokens_to_ids("[DEC]")
        wanted = ids.masked_fill(ids == tokenizer.pad_token_id, IGNORED)
        if alone:
            return pixels, ids.to(device), wanted.to(device), None, None, None
        whole = torch.from_numpy(self.whole[rows].astype(np.float32))
        local = torch.from_numpy(np.stack([self._local(row, w) for row, w in zip(rows, windows, strict=True)]))
        kept = patches.kept(self.recipe, self.plan, step, len(rows), rng, device)
        return pixels, ids.to(device), wanted.to(device), whole.to(device), local.to(device), kept

    def _local(self, row: int, window: np.ndarray) -> np.ndarray:
        """What lies at each patch of picture `row` seen through a window of `views`: (p, m) float32."""
        things = slice(self.first[row], self.first[row + 1])
        boxes, left = through(self.boxes[things], window)
        cells = labels.covered(boxes[left], self.grid).reshape(-1, self.grid**2)
        return (cells.T.astype(np.float32) @ self.local[things][left].astype(np.float32)).clip(max=1)

    @staticmethod
    def _caption(truth: Mapping, rng: np.random.Generator) -> str:
        turtle = any(thing["kind"] == "turtle" and thing["seen"] for thing in truth["objects"])
        level = language.LEVELS[int(rng.choice(3, p=LEVELS["turtle" if turtle else ""]))]
        return world.describe(truth, rng, level)["caption"]

    def loss(self, model: torch.nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Cross-entropy of the captions, and those of the two heads with the plan's weights."""
        import torch

        pixels, ids, wanted, whole, local, kept = batch
        with torch.set_grad_enabled(whole is not None):
            seen = _see(model["blip"].vision_model, pixels, kept)
        told = seen.repeat_interleave(len(ids) // len(seen), 0)
        # Padding lies behind the words and decoding looks back only, so no mask is needed.
        decoder, weights = model["blip"].text_decoder, {**self.recipe["budget"], **self.plan}
        caption = decoder(input_ids=ids, encoder_hidden_states=told, labels=wanted, reduction="mean").loss
        if whole is None:
            return caption
        named = _nats(model["whole"](torch.cat([seen[:, 0], seen[:, 1:].mean(1)], 1)), whole)
        if kept is not None:
            local = local.gather(1, kept[..., None].expand(-1, -1, local.shape[2]))
        placed = _nats(model["local"](seen[:, 1:]), local)
        return caption + weights["whole"] * named + weights["local"] * placed

    def rate(self, step: int, plan: Mapping[str, Any]) -> float:
        """A warm-up and a cosine for both, and then again for the decoder alone."""
        turn = _turn(plan)
        place, steps = (step, turn) if step < turn else (step - turn, plan["steps"] - turn)
        return learning_rate(place, steps, plan["rate"], plan["warmup"])

    def export(self, model: torch.nn.Module, out: Path) -> None:
        """The captioner in fp16 with its processor; each file appears whole or not at all."""
        from transformers import GenerationConfig

        blip, tokenizer = copy.deepcopy(model["blip"]).half(), self.processor.tokenizer
        blip.generation_config = GenerationConfig(
            bos_token_id=tokenizer.convert_tokens_to_ids("[DEC]"), eos_token_id=tokenizer.sep_token_id,
            pad_token_id=tokenizer.pad_token_id, max_new_tokens=48,
        )  # fmt: skip
        export_to(out, blip, self.processor)

    @staticmethod
    def evaluate(out: Path, recipe: Mapping[str, Any], count: int, seed: int) -> list[dict[str, Any]]:
        """Figures on `count` fresh pictures, see `captioning.judge`."""
        truths, images = world.evaluation_set(count, seed)
        return captioning.judge(captioning.captions(out, images), truths)


def _states(truth: Mapping) -> set[str]:
    """Of the turtles that are seen."""
    turtles = [thing for thing in truth["objects"] if thing["kind"] == "turtle" and thing["seen"]]
    return {state for turtle in turtles for state in turtle["states"]}


def _see(tower: Any, pixels: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
    """What the encoder says of the picture and of each patch that is seen: (B, 1 + k, width)."""
    tokens = only(tower.embeddings(pixels), kept)
    return tower.post_layernorm(tower.encoder(inputs_embeds=tokens).last_hidden_state)


def _turn(plan: Mapping[str, Any]) -> int:
    """The first step of the decoder alone."""
    return round((1 - plan["decoder"]) * plan["steps"])


def _nats(scores: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy, summed over the names (last axis), mean over the rest."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(scores.float(), found, reduction="none").sum(-1).mean()
