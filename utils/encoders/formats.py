"""The two native formats behind `Encoder`: Hugging Face folders and OpenAI's state dicts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from utils import files
from utils.encoders import weights
from utils.encoders.encoder import Encoder
from utils.encoders.preprocess import Preprocess

if TYPE_CHECKING:
    import torch


class HuggingFaceEncoder(Encoder):
    """`transformers.CLIPModel` with the tokenizer and the image processor of its folder."""

    kind = "hugging-face"

    def __init__(self, source: str, name: str):
        import torch
        from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

        with _no_progress_bar():
            model, found = CLIPModel.from_pretrained(
                source, dtype=torch.float32, use_safetensors=True, output_loading_info=True
            )
            self.tokenizer = AutoTokenizer.from_pretrained(source)
            preprocessing = _from_processor(AutoImageProcessor.from_pretrained(source), source)
        if found["missing_keys"]:  # which transformers fills at random
            raise ValueError(f"{source}: the weights lack {', '.join(sorted(found['missing_keys'])[:3])}")
        text = model.config.text_config
        context = text.max_position_embeddings
        super().__init__(name, model, preprocessing, model.config.projection_dim, context)
        # transformers reads the number 2, which old configs hold, as "the highest token ends the text".
        end = text.vocab_size - 1 if text.eos_token_id == 2 else text.eos_token_id
        if self._token_ids([""])[0][-1:] != [end]:
            raise ValueError(f"{source}: the tokenizer does not close texts with the model's end token {end}")
        self.pad_token = end

    def _image_features(self, pixels):
        return self.model.get_image_features(pixel_values=pixels).pooler_output

    def _text_features(self, ids):
        return self.model.get_text_features(input_ids=ids).pooler_output

    def _token_ids(self, texts):
        return self.tokenizer(texts, verbose=False)["input_ids"]

    def _vocabulary(self):
        return self.tokenizer.backend_tokenizer.to_str()


class OpenAIEncoder(Encoder):
    """OpenAI's own `clip.model.CLIP`, ViT or ResNet, of any size."""

    kind = "openai"

    def __init__(self, state: dict[str, torch.Tensor], name: str):
        sizes = _sizes(state)
        model = weights.clip_package().model.CLIP(**sizes)
        model.load_state_dict(state)
        self.tokenizer = _openai_tokenizer()
        edge = sizes["image_resolution"]
        super().__init__(
            name,
            model,
            Preprocess(edge, edge),
            sizes["embed_dim"],
            sizes["context_length"],
        )

    def _lower(self):
        import torch

        super()._lower()
        for module in self.model.modules():
            if isinstance(module, (torch.nn.LayerNorm, torch.nn.BatchNorm2d)):  # the class wants them in fp32
                module.float()

    def _image_features(self, pixels):
        return self.model.encode_image(pixels)

    def _text_features(self, ids):
        return self.model.encode_text(ids)

    def _token_ids(self, texts):
        start, end = (self.tokenizer.encoder[token] for token in ("<|startoftext|>", "<|endoftext|>"))
        return [[start, *self.tokenizer.encode(text), end] for text in texts]

    def _vocabulary(self):
        return "clip"


@cache
def _openai_tokenizer():
    """One for all encoders: to read its merges takes as long as to load a miniature."""
    return weights.clip_package().simple_tokenizer.SimpleTokenizer()


def open_source(source: str, name: str) -> Encoder:
    """Opens the folder or file of an absolute path, or a published model by name, as an fp32 encoder on the CPU."""
    path = Path(source)
    if not path.is_absolute():
        return _open_published(source, name)
    if not path.exists():
        raise FileNotFoundError(f"no model at {source}: make it with `make models`, or put the model there")
    folder = path if path.is_dir() else path.parent
    try:
        weights.check_sums(folder)
        return _open_local(path, name)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # on damaged files the libraries raise whatever they come upon
        if isinstance(error, (ValueError, FileNotFoundError)) and str(error).startswith(str(folder)):
            raise
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} is no whole CLIP ({reason}): get it again, or make it with `make models`") from error


def _open_local(path: Path, name: str) -> Encoder:
    if not (path / "config.json").exists():
        return OpenAIEncoder(weights.state_dict(path), name)
    settings = files.read_json(path / "config.json")
    kind = settings.get("model_type") if isinstance(settings, dict) else None
    if kind != "clip":
        raise ValueError(f"{path} holds a model of type {kind!r}, not a CLIP")
    if not list(path.glob("*.safetensors")):
        raise ValueError(f"{path} has no .safetensors file: other weights can run code and are refused")
    return HuggingFaceEncoder(str(path), name)


def _open_published(source: str, name: str) -> Encoder:
    clip = weights.clip_package()
    if source not in clip.available_models():
        return HuggingFaceEncoder(source, name)
    url, folder = clip.clip._MODELS[source], os.path.expanduser("~/.cache/clip")
    return OpenAIEncoder(weights.state_dict(Path(clip.clip._download(url, folder))), name)


def _sizes(state: Mapping[str, torch.Tensor]) -> dict[str, object]:
    """Reads the arguments of `clip.model.CLIP` off the shapes of a state dict."""
    try:
        vision = _vit_sizes(state) if "visual.proj" in state else _resnet_sizes(state)
        width = state["ln_final.weight"].shape[0]
        return vision | {
            "embed_dim": state["text_projection"].shape[1],
            "context_length": state["positional_embedding"].shape[0],
            "vocab_size": state["token_embedding.weight"].shape[0],
            "transformer_width": width,
            "transformer_heads": width // 64,
            "transformer_layers": _count(state, "transformer.resblocks."),
        }
    except KeyError as error:
        raise ValueError(f"not an OpenAI-format CLIP: the weights lack {error}") from error


def _vit_sizes(state: Mapping[str, torch.Tensor]) -> dict[str, object]:
    width, _, _, patch = state["visual.conv1.weight"].shape
    return {
        "image_resolution": patch * _grid(state["visual.positional_embedding"]),
        "vision_layers": _count(state, "visual.transformer.resblocks."),
        "vision_width": width,
        "vision_patch_size": patch,
    }


def _resnet_sizes(state: Mapping[str, torch.Tensor]) -> dict[str, object]:
    return {
        "image_resolution": 32 * _grid(state["visual.attnpool.positional_embedding"]),
        "vision_layers": tuple(_count(state, f"visual.layer{i}.") for i in (1, 2, 3, 4)),
        "vision_width": state["visual.layer1.0.conv1.weight"].shape[0],
        "vision_patch_size": None,
    }


def _grid(positions: torch.Tensor) -> int:
    """Patches along an edge; one position belongs to the class token."""
    return round((positions.shape[0] - 1) ** 0.5)


def _count(names: Iterable[str], prefix: str) -> int:
    """How many numbered blocks stand below `prefix`."""
    return len({name[len(prefix) :].partition(".")[0] for name in names if name.startswith(prefix)})


def _from_processor(processor, source: str) -> Preprocess:
    resize, crop = processor.size.get("shortest_edge"), processor.crop_size or {}
    edge = crop.get("height")
    if not (processor.do_center_crop and resize and edge and edge == crop.get("width") and edge <= resize):
        raise ValueError(f"{source}: the processor should resize the shortest edge and crop a square of it")
    mean, std = tuple(processor.image_mean), tuple(processor.image_std)
    return Preprocess(resize, edge, mean, std, int(processor.resample))


@contextmanager
def _no_progress_bar():
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
