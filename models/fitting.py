"""Fitting: steps of an optimizer with checkpoints, an average of the weights, a clean stop at a signal, and timed trials."""

from __future__ import annotations

import contextlib
import copy
import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.finetune.optimizer import adamw

if TYPE_CHECKING:
    from models.task import Task

CHECKPOINT = "training.state"
STATE = {"plan", "step", "model", "optimizer", "average", "log", "seconds"}  # of every checkpoint
LOG_LINES = 150


def update(model: Any, optimizer: Any, batch: Any, task: Task, plan: Mapping[str, Any], step: int) -> float:
    """One step of training; returns the loss before it.

    Raises:
        FloatingPointError: if the loss or its gradient is not finite; the weights are then untouched.
    """
    import torch

    device = next(model.parameters()).device.type
    with torch.autocast(device, torch.bfloat16, enabled=plan["precision"] == "bf16"):
        value = task.loss(model, batch)
    optimizer.zero_grad()
    value.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), plan["clip_norm"])
    if not (torch.isfinite(value) and torch.isfinite(norm)):
        raise FloatingPointError(f"loss {float(value.detach())}, gradient norm {float(norm)} at step {step}")
    for group in optimizer.param_groups:
        group["lr"] = task.rate(step, plan)
    optimizer.step()
    task.after_step(model)
    return float(value.detach())


def optimizer_of(model: Any, plan: Mapping[str, Any]) -> Any:
    """The optimizer that the plan names, by default AdamW.

    Raises:
        ValueError: it names another than "adamw" and "muon".
    """
    name = plan.get("optimizer", "adamw")
    if name == "adamw":
        return adamw(model.parameters(), plan["rate"], plan["decay"])
    if name != "muon":
        raise ValueError(f"optimizer {name!r} in recipes.toml: write adamw or muon")
    from models.muon import Muon

    return Muon(model, plan["rate"], plan["decay"])


class Average:
    """An exponential moving average of a model's weights and buffers; off without a `decay`."""

    def __init__(self, model: Any, decay: float | None, state: Mapping[str, Any] | None = None):
        self.decay = decay
        self.state = dict(state) if state else copy.deepcopy(model.state_dict()) if decay else {}

    def update(self, model: Any, step: int) -> None:
        """Take in the model after step number `step`; early steps count more, so that the start is soon forgotten."""
        if not self.decay:
            return
        keep = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value.detach(), 1 - keep)
            else:
                self.state[name].copy_(value)


def save_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Write `state` so that the previous checkpoint stays whole until the new one is."""
    import torch

    # One fixed name beside the target: a killed write leaves one file at most, which the next one overwrites.
    temporary = folder / f"{CHECKPOINT}.part"
    torch.save(dict(state), temporary)
    os.replace(temporary, folder / CHECKPOINT)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The last checkpoint of `folder`, None where there is none.

    Raises:
        ValueError: the file is damaged or holds something else.
    """
    import torch

    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if missing := STATE - state.keys():
            raise KeyError(*sorted(missing))
    except OSError:
        raise
    except Exception as error:  # on damaged bytes torch raises whatever it comes upon
        raise ValueError(f"{path} is damaged: delete it to start again") from error
    return state


def fit(
    model: Any,
    task: Task,
    state: dict[str, Any],
    folder: Path,
    stop: Callable[[int], bool] = lambda step: False,
    every: float = 180.0,
) -> dict[str, Any]:
    """Train until the planned number of steps or until `stop(step)`, and leave a checkpoint in `folder`.

    Args:
        model: trained in place; at the planned end it holds the averaged weights where the plan has `ema`.
        task: batches by step number and their loss.
        state: `plan` and whatever else the checkpoint shall keep; from a checkpoint also `step`, `model`,
            `optimizer`, `average`, `log` and `seconds`.
        folder: where the checkpoint lies.
        stop: asked before every step.
        every: seconds between checkpoints.

    Returns:
        The state after the last step.

    Raises:
        FloatingPointError: loss or gradient not finite; the message names the last good checkpoint.
    """
    from tqdm import tqdm

    plan = task.plan = state["plan"]
    device = next(model.parameters()).device
    optimizer = optimizer_of(model, plan)
    if "model" in state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    average = Average(model, plan.get("ema"), state.get("average"))
    step, log, spent = state.get("step", 0), list(state.get("log", [])), state.get("seconds", 0.0)
    begun = saved = time.monotonic()

    def snapshot() -> dict[str, Any]:
        new = state | {"step": step, "log": log, "seconds": spent + time.monotonic() - begun}
        new |= {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average.state}
        save_checkpoint(folder, new)
        return new

    snapshot()
    model.train()
    interval = math.ceil(plan["steps"] / LOG_LINES)
    with tqdm(total=plan["steps"], initial=step, mininterval=20, maxinterval=20, unit="step", desc=plan["slot"]) as bar:
        while step < plan["steps"] and not stop(step):
            try:
                value = update(model, optimizer, task.batch(step, plan["batch"], device), task, plan, step)
            except FloatingPointError as error:
                raise FloatingPointError(
                    f"{error}; the last good checkpoint stays in {folder / CHECKPOINT}. "
                    "Lower `rate` in recipes.toml and start again, or look at that batch"
                ) from error
            average.update(model, step)
            if step % interval == 0 or step + 1 == plan["steps"]:
                log.append({"step": step, "loss": round(value, 4), **task.log(model)})
            step += 1
            bar.set_postfix(loss=f"{value:.3f}", refresh=False)
            bar.update()
            if time.monotonic() - saved > every:
                snapshot()
                saved = time.monotonic()
    state = snapshot()
    if average.decay and step >= plan["steps"]:
        model.load_state_dict(average.state)
    return state


def trial(model: Any, task: Task, plan: Mapping[str, Any], steps: int = 6) -> dict[str, float]:
    """Seconds a step in each precision that pays: mean of the faster half of `steps` after a warm-up, on a copy."""
    device, seconds = next(model.parameters()).device, {}
    for precision in ("fp32", "bf16") if bf16_pays(device) else ("fp32",):
        twin = copy.deepcopy(model).train()
        optimizer = optimizer_of(twin, plan)
        times = []
        for step in range(steps + 1):
            begun = time.perf_counter()
            batch = task.batch(step, plan["batch"], device)
            update(twin, optimizer, batch, task, {**plan, "steps": 100, "precision": precision}, step)
            times.append(time.perf_counter() - begun)
        best = sorted(times[1:])[: max(1, steps // 2)]
        seconds[precision] = sum(best) / len(best)
    return seconds


def bf16_pays(device: Any, size: int = 384) -> bool:
    """Whether a matrix product is faster in bf16; where it is emulated, a whole step would take minutes."""
    import torch

    seconds = {}
    for kind in (torch.float32, torch.bfloat16):
        matrix = torch.ones(size, size, dtype=kind, device=device)
        times = []
        for _ in range(4):
            begun = time.perf_counter()
            float((matrix @ matrix)[0, 0])
            times.append(time.perf_counter() - begun)
        seconds[kind] = min(times)
    return seconds[torch.bfloat16] < seconds[torch.float32]


@contextlib.contextmanager
def until_signal(stop: Callable[[int], bool]) -> Iterator[Callable[[int], bool]]:
    """`stop`, but true after SIGTERM or Ctrl-C too, so that the step under way ends and is saved."""
    received: list[int] = []
    signals = (signal.SIGTERM, signal.SIGINT)
    previous = [signal.signal(number, lambda received_number, frame: received.append(received_number))
                for number in signals]  # fmt: skip
    try:
        yield lambda step: bool(received) or stop(step)
    finally:
        for number, handler in zip(signals, previous, strict=True):
            signal.signal(number, handler)
