"""BLIP and Llama, opened by slot, path or name: model, processor, device and a fingerprint for the cache."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from utils import config, files
from utils.encoders import placement, weights

SLOTS = ("blip", "llama")
KEPT = {".safetensors", ".bin", ".json", ".jinja", ".model", ".txt"}  # files that change what a model says
GATED = (
    "{name} asks for its licence to be accepted on huggingface.co and for `huggingface-cli login`; or name an open "
    "model instead, such as model='HuggingFaceTB/SmolLM2-1.7B-Instruct'"
)


@dataclass(frozen=True)
class LanguageModel:
    """What writes text: `processor` is BLIP's processor or Llama's tokenizer."""

    model: Any
    processor: Any
    device: str
    fingerprint: str


def opened(model: str | Path, kind: str) -> LanguageModel:
    """A model that writes, ready for use; the last two stay in memory as long as their files are the same.

    Args:
        model: a slot ("blip", "llama"), the folder of a model, or its name on the Hugging Face hub.
        kind: "blip" (captions) or "llama" (any chat model).

    Raises:
        FileNotFoundError: there is no such folder; says how to get it.
        PermissionError: the model's licence must be accepted first; names an open one.
        ValueError: a damaged folder, or one of another kind.
    """
    source = config.model_source(str(model)) if str(model) in SLOTS else str(model)
    folder = Path(source)
    local = folder.is_absolute() or folder.exists()
    if local:
        if not (folder / "config.json").exists():
            raise FileNotFoundError(f"no model at {folder}: make it with `make models`, or put a model folder there")
        weights.check_sums(folder)
    stamp = tuple((path.name, path.stat().st_mtime_ns) for path in sorted(folder.glob("*"))) if local else ()
    return _opened(source, kind, stamp)


@lru_cache(maxsize=2)
def _opened(source: str, kind: str, stamp: tuple) -> LanguageModel:
    """`stamp`: names and times of a local folder's files, () for a published name."""
    try:
        made, processor = _blip(source) if kind == "blip" else _chat(source)
    except OSError as error:
        if "gated" in str(error).lower() or "401" in str(error):
            raise PermissionError(GATED.format(name=source)) from error
        raise FileNotFoundError(f"{source} cannot be opened ({error}): name a model folder, or connect once") from error
    device = placement.resolve(config.load().device)
    fingerprint = _fingerprint(Path(source) if stamp else source)
    return LanguageModel(made.to(device).eval(), processor, device, fingerprint)


def _blip(source: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoConfig, AutoProcessor, BlipForConditionalGeneration

    if (found := AutoConfig.from_pretrained(source).model_type) != "blip":
        raise ValueError(f"{source} is a {found} model: captions need BLIP")
    model = BlipForConditionalGeneration.from_pretrained(source, dtype=torch.float32)
    return model, AutoProcessor.from_pretrained(source)


def _chat(source: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left")
    if not tokenizer.chat_template:
        raise ValueError(f"{source} has no chat template: name an instruct model")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return AutoModelForCausalLM.from_pretrained(source, **_small(torch)), tokenizer


def _small(torch: Any) -> dict[str, Any]:
    """Four bits on a GPU where bitsandbytes is there, half precision on one where it is not, fp32 on a CPU."""
    from importlib.util import find_spec

    if not torch.cuda.is_available():
        return {"dtype": torch.float32}
    if find_spec("bitsandbytes") is None:
        return {"dtype": torch.float16}
    from transformers import BitsAndBytesConfig

    return {"quantization_config": BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float16)}


def _fingerprint(source: Path | str) -> str:
    """Of all files of a folder, or of a published name."""
    if isinstance(source, str):
        return hashlib.sha256(source.encode()).hexdigest()
    sums = [f"{path.name} {files.sha256(path)}" for path in sorted(source.glob("*")) if path.suffix in KEPT]
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()
