"""Adapters in folders: the tensors that learned, and the settings that rebuild the places where they belong."""

from __future__ import annotations

import copy
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils import files
from utils.finetune.adapters import SETTINGS, TENSORS, Adaptation, adapt, adaptation_of, free, learning, ready

if TYPE_CHECKING:
    import torch

    from utils.encoders import Encoder

KEYS = ("base", "slot", "adaptation")


def save(encoder: Encoder, folder: str | Path, base: str) -> Path:
    """Write what learned as safetensors, with the settings that rebuild it.

    Args:
        encoder: adapted.
        folder: made if missing; each file appears whole or not at all.
        base: fingerprint of the encoder before it was adapted, which `load` asks for again.

    Raises:
        ValueError: the encoder is not adapted.
    """
    from safetensors.torch import save_file

    if not encoder.adaptation:
        raise ValueError(f"{encoder.name} is not adapted, so nothing of it learned: `train` it first, or `export` it")
    folder = Path(folder)
    tensors = {name: weight.detach().cpu().contiguous() for name, weight in learning(encoder).items()}
    with files.atomic_write(folder / TENSORS) as temporary:
        save_file(tensors, temporary)
    files.write_json(folder / SETTINGS, {"base": base, "slot": encoder.name, "adaptation": asdict(encoder.adaptation)})
    return folder


def load(encoder: Encoder, folder: str | Path) -> Encoder:
    """Adapt a freshly loaded encoder as the one that was saved in `folder`, in place.

    Raises:
        ValueError: the encoder is adapted already, the adapter belongs to another model, or its files are damaged or do
            not fit each other; the encoder stays as it was.
        FileNotFoundError: there is no adapter in the folder, or only half of one.
    """
    import torch

    ready(encoder)
    card, adaptation, saved = _read(Path(folder))
    if card["base"] != encoder.fingerprint:
        raise ValueError(f"{folder} was trained on another model than this {encoder.name}: load {card['slot']} in fp32")
    shapes = {name: weight.shape for name, weight in learning(_outline(encoder, adaptation)).items()}
    if shapes != {name: weight.shape for name, weight in saved.items()}:
        raise ValueError(f"{Path(folder) / TENSORS} does not fit {SETTINGS} beside it: save the adapter again")
    adapt(encoder, adaptation)
    with torch.no_grad():
        for name, weight in learning(encoder).items():
            weight.copy_(saved[name])
    return encoder


def _read(folder: Path) -> tuple[dict[str, Any], Adaptation, dict[str, torch.Tensor]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not (folder / SETTINGS).exists():
        raise FileNotFoundError(f"{folder} holds no adapter ({SETTINGS} is missing)")
    if not (folder / TENSORS).exists():
        raise FileNotFoundError(f"{folder} holds half an adapter: {TENSORS}, its weights, is needed beside {SETTINGS}")
    card = files.read_json(folder / SETTINGS)
    _need(card, KEYS, "", folder)
    _need(card["adaptation"], [field.name for field in fields(Adaptation)], "adaptation.", folder)
    try:
        adaptation = adaptation_of(card["adaptation"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{folder / SETTINGS}: {error}") from error
    try:
        return card, adaptation, load_file(folder / TENSORS)
    except SafetensorError as error:
        raise ValueError(f"{folder / TENSORS} is damaged ({error}): copy it anew, or save the adapter again") from error


def _need(table: Any, keys: Any, where: str, folder: Path) -> None:
    if missing := [f"{where}{key}" for key in keys if not isinstance(table, dict) or key not in table]:
        raise ValueError(f"{folder / SETTINGS} lacks {', '.join(missing)}: save the adapter again")


def _outline(encoder: Encoder, adaptation: Adaptation) -> Encoder:
    """A copy, adapted, that has names and shapes and no numbers; the encoder itself is not touched."""
    import torch

    model, outline = encoder.model, copy.copy(encoder)
    memo = {id(weight): torch.nn.Parameter(weight.detach().to("meta")) for weight in model.parameters()}
    memo |= {id(buffer): buffer.to("meta") for buffer in model.buffers()}
    outline.model = copy.deepcopy(model, memo)
    free(outline, adaptation)
    return outline
