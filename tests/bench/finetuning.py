"""A step of fine-tuning ViT-B/32: LoRA of `utils.finetune` against all weights, and against a plain loop with peft.

Each arm runs in a process of its own, so that its peak memory is its own. The processes take turns.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from tests.bench import medians
from utils import losses
from utils.encoders import Preprocess
from utils.encoders.encoder import Encoder
from utils.encoders.formats import HuggingFaceEncoder
from utils.finetune import Adaptation, adapt, learning, step
from utils.finetune.optimizer import adamw

BATCH, TOKENS, RANK, RATE, DECAY = 16, 24, 8, 3e-4, 4e-4
LORA, FULL, PEFT = "utils.finetune, LoRA", "utils.finetune, full", "plain peft, LoRA"
WARM_UP = 2  # the first step makes AdamW's state, the second is the first to compute beside it
START, END = 49406, 49407
STATUS = Path("/proc/self/status")
PEAK_FLOPS = {  # dense bf16 FLOP/s by NVIDIA's data sheets; other forms of these chips have other names and peaks
    "NVIDIA H100 80GB HBM3": 989e12,
    "NVIDIA H200": 989e12,
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
}


class Untokenized(HuggingFaceEncoder):
    """An encoder around a model of random weights; it takes token numbers only."""

    def __init__(self, model: torch.nn.Module):
        Encoder.__init__(self, "ViT-B/32", model, Preprocess(224, 224), model.config.projection_dim, 77)
        self.device = str(next(model.parameters()).device)

    def _vocabulary(self) -> str:
        return "none"


def run(batch: int = BATCH, layers: int = 12, rounds: int = 3, steps: int = 5) -> dict[str, dict[str, float]]:
    """Returns by arm the median seconds of a step, and medians of peak and added MB where /proc tells them."""
    found, arms = {arm: [] for arm in ARMS}, list(ARMS)
    for number in range(rounds):
        first = number % len(arms)
        for arm in arms[first:] + arms[:first]:
            found[arm].append(alone(arm, batch, layers, steps))
    return {arm: summary(runs) for arm, runs in found.items()}


def summary(runs: list[dict]) -> dict[str, float]:
    seconds = [value for each in runs for value in each["seconds"]]
    memory = {name: statistics.median(each[name] for each in runs) for name in ("peak", "added") if name in runs[0]}
    return {"seconds": statistics.median(seconds), "n": len(seconds), **memory}


def alone(*arguments) -> dict:
    """`measure` in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def measure(arm: str, batch: int, layers: int, steps: int) -> dict:
    """Seconds of each step; MB at the peak, and how far that lies above the MB just before the first step."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    one_step = ARMS[arm](clip_model(layers), pairs(batch))
    before, seconds = resident(), []
    for _ in range(WARM_UP + steps):
        start = time.perf_counter()
        one_step()
        seconds.append(time.perf_counter() - start)
    after = resident()
    memory = {"peak": after["VmHWM"], "added": after["VmHWM"] - before["VmRSS"]} if after else {}
    return {"seconds": seconds[WARM_UP:], **memory}


def resident() -> dict[str, float]:
    """MB in memory now (VmRSS) and at the peak (VmHWM) of this process; {} where there is no /proc.

    `ru_maxrss` will not do: Linux begins it at the peak of the process that started this one.
    """
    if not STATUS.exists():
        return {}
    lines = (line.split() for line in STATUS.read_text().splitlines())
    return {words[0][:-1]: int(words[1]) * 1024 / 1e6 for words in lines if words[0] in ("VmRSS:", "VmHWM:")}


def clip_model(layers: int = 12) -> torch.nn.Module:
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    sizes = {"num_hidden_layers": layers}
    return CLIPModel(CLIPConfig(text_config=dict(sizes), vision_config=sizes | {"patch_size": 32, "image_size": 224}))


def pairs(n: int, device: str = "cpu") -> dict[str, torch.Tensor]:
    """Pixels (n, 3, 224, 224), token numbers (n, TOKENS) and their mask, as CLIP's processor gives them."""
    rng, place = torch.Generator().manual_seed(1), torch.arange(TOKENS)
    lengths = torch.randint(8, TOKENS + 1, (n, 1), generator=rng)
    ids = torch.randint(1, START, (n, TOKENS), generator=rng).masked_fill(place >= lengths - 1, END)
    ids[:, 0] = START
    pixels = torch.randn(n, 3, 224, 224, generator=rng)
    batch = {"pixel_values": pixels, "input_ids": ids, "attention_mask": (place < lengths).long()}
    return {name: values.to(device) for name, values in batch.items()}


def ours(model: torch.nn.Module, batch: dict, method: str = "lora", bf16: bool = False) -> Callable[[], float]:
    """A step as `utils.finetune.train` does it; returns the loss."""
    encoder = adapt(Untokenized(model), Adaptation(method=method, rank=RANK))
    step.drop_out(encoder, True)
    pixels, ids = batch["pixel_values"], batch["input_ids"]
    optimizer, scale = adamw(learning(encoder).values(), RATE, DECAY), encoder.model.logit_scale

    def embed(pixels, ids):
        return step.embedded(encoder, pixels, ids, torch.bfloat16 if bf16 else None)

    def one_step():
        optimizer.zero_grad()
        value = step.backward(embed, [(pixels, ids)], lambda images, texts: losses.clip(images, texts, scale))
        optimizer.step()
        return value

    return one_step


def full(model: torch.nn.Module, batch: dict, bf16: bool = False) -> Callable[[], float]:
    return ours(model, batch, "full", bf16)


def plain_peft(model: torch.nn.Module, batch: dict) -> Callable[[], float]:
    """The same matrices, as peft's documentation would have it."""
    from peft import LoraConfig, get_peft_model

    targets = ["q_proj", "k_proj", "v_proj", "out_proj", "visual_projection", "text_projection"]
    model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=16, lora_dropout=0.1, target_modules=targets))
    model.train()
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=RATE)

    def one_step():
        optimizer.zero_grad()
        loss = model(**batch, return_loss=True).loss
        loss.backward()
        optimizer.step()
        return loss.item()

    return one_step


ARMS = {LORA: ours, FULL: full, PEFT: plain_peft}


def on_gpu(batch: int = 256, layers: int = 12, steps: int = 10, device: str = "cuda") -> dict[str, dict[str, float]]:
    """By arm: median seconds of a step in bf16 autocast, and its FLOP as PyTorch counts them (matrix products)."""
    ways = {arm: ARMS[arm](clip_model(layers).to(device), pairs(batch, device), bf16=True) for arm in (LORA, FULL)}
    work = {arm: flops(way) for arm, way in ways.items()}
    seconds = medians({arm: finished(way, device) for arm, way in ways.items()}, steps)
    return {arm: {"seconds": seconds[arm], "flops": work[arm], "n": steps} for arm in ways}


def flops(way: Callable[[], object]) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        way()
    return counter.get_total_flops()


def finished(way: Callable[[], object], device: str) -> Callable[[], None]:
    """`way`, returning only when the GPU is done with it."""

    def wait():
        way()
        if device != "cpu":
            torch.cuda.synchronize()

    return wait
