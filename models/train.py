"""Make the miniatures: `python models/train.py [slot] [--minutes M] [--resume]`, or `make models`.

What a slot is made of stands in recipes.toml, what it learns in the module named there (see `models.task`). The
number of steps is fixed before the first one (from a timed trial when a time is given), checkpoints are written whole
or not at all, and a resumed training ends at the same weights as an uninterrupted one.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from models import cards  # noqa: E402
from models.task import Task, recipes  # noqa: E402
from utils.finetune.optimizer import adamw, learning_rate  # noqa: E402

CHECKPOINT = "training.state"
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
        group["lr"] = learning_rate(step, plan["steps"], plan["rate"], plan["warmup"])
    optimizer.step()
    task.after_step(model)
    return float(value.detach())


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
    """The last checkpoint of `folder`, None where there is none."""
    import torch

    path = folder / CHECKPOINT
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None


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
    optimizer = adamw(model.parameters(), plan["rate"], plan["decay"])
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
        optimizer = adamw(twin.parameters(), plan["rate"], plan["decay"])
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
def until_signal() -> Iterator[Callable[[int], bool]]:
    """A `stop` that turns true at SIGTERM or Ctrl-C, so that the step under way ends and is saved."""
    received: list[int] = []
    signals = (signal.SIGTERM, signal.SIGINT)
    previous = [signal.signal(number, lambda received_number, frame: received.append(received_number))
                for number in signals]  # fmt: skip
    try:
        yield lambda step: bool(received)
    finally:
        for number, handler in zip(signals, previous, strict=True):
            signal.signal(number, handler)


def make_plan(slot: str, recipe: Mapping[str, Any], examples: int, images: int, smoke: bool) -> dict[str, Any]:
    """What is fixed for a training of so many examples from so many scenes; `settle` adds `steps` and `precision`."""
    budget = {key: value for key, value in recipe["budget"].items() if key != "minutes"}
    size = min(recipe["smoke"]["batch"] if smoke else budget["batch"], examples)
    return {"slot": slot, **budget, "batch": size, "images": images, "precision": "fp32", "smoke": smoke}


def settle(plan: dict[str, Any], model: Any, task: Task, minutes: float, steps: int | None) -> None:
    """Choose the faster precision and turn the minutes into a number of steps, unless `steps` is given."""
    seconds = trial(model, task, plan)
    plan["precision"] = min(seconds, key=seconds.get)
    pace = seconds[plan["precision"]]
    plan["steps"] = steps or max(1, int(60 * minutes / pace))
    summary = f"{plan['steps']} steps of {plan['batch']} in {plan['precision']}, {pace:.2f} s each"
    print(f"{plan['slot']}: {summary}", file=sys.stderr)


def recipe_of(slot: str) -> dict[str, Any]:
    """The table of a slot.

    Raises:
        ValueError: for an unknown slot; the message lists the known ones.
    """
    known = {name: table for name, table in recipes().items() if name != "vocabulary"}
    if slot not in known:
        raise ValueError(f"no recipe for {slot!r}; recipes.toml has {', '.join(sorted(known))}")
    return known[slot]


@dataclass(frozen=True)
class Order:
    """What the caller wants of a training; None leaves it to the recipe.

    `minutes` become steps by a timed trial, `steps` are taken as they are; `images`: training scenes; `start`: folder
    of a finished miniature whose weights are taken over first; `resume`: go on from the checkpoint if there is one.
    """

    minutes: float | None = None
    steps: int | None = None
    images: int | None = None
    start: Path | None = None
    resume: bool = False
    smoke: bool = False


def train(
    slot: str, out: Path, data: Path, stop: Callable[[int], bool] = lambda step: False, **order: Any
) -> dict[str, Any] | None:
    """Train a slot into `out`, from the training scenes below `data` (made there if missing).

    Resumed with other `steps`, the rest of the cosine is fitted to them, and the card says so.

    Args:
        slot: a table of recipes.toml.
        out: folder of the miniature.
        data: where training scenes are kept.
        stop: asked before every step.
        order: fields of `Order`.

    Returns:
        The card of the finished miniature, None if it was stopped before.

    Raises:
        ValueError: for an unknown slot.
        FileExistsError: if `out` holds an unfinished training and `resume` is not set.
    """
    recipe = recipe_of(slot)
    out.mkdir(parents=True, exist_ok=True)
    module = importlib.import_module(f"models.{recipe['module']}")
    if hasattr(module, "Task"):
        return _train_in_steps(module, slot, recipe, out, data, stop, Order(**order))
    return _train_at_once(module, slot, recipe, out, Order(**order).smoke)


def _train_at_once(module: Any, slot: str, recipe: Mapping[str, Any], out: Path, smoke: bool) -> dict[str, Any]:
    """For what trains within a minute in a loop of its own."""
    begun = time.monotonic()
    (out / "card.json").unlink(missing_ok=True)
    figures, examples = module.train(recipe, out, smoke)
    plan = {"slot": slot, "steps": 1, "batch": examples, "images": examples, "rate": None, "precision": "fp32"}
    state = {"plan": plan | {"smoke": smoke}, "seconds": time.monotonic() - begun}
    return cards.write_card(out, slot, recipe, state, figures, "cpu")


def _train_in_steps(
    module: Any, slot: str, recipe: Mapping[str, Any], out: Path, data: Path, stop: Callable[[int], bool], order: Order
) -> dict[str, Any] | None:
    import torch

    from utils import reef

    state = load_checkpoint(out)
    if state and not order.resume:
        raise FileExistsError(f"{out / CHECKPOINT} is an unfinished training (step {state['step']}): "
                              "continue it with --resume, or delete it to start again")  # fmt: skip
    smoke = state["plan"]["smoke"] if state else order.smoke
    count = (
        state["plan"]["images"] if state else order.images or (recipe["smoke"] if smoke else recipe["data"])["images"]
    )
    folder = data / f"scenes-{recipe['data']['seed']}-{count}"
    reef.training_set(folder, count, recipe["data"]["seed"], workers=os.cpu_count() or 1)
    before = state["plan"].get("start", []) if state else cards.lineage(order.start) if order.start else []
    task = module.Task(recipe, folder, seed=len(before))  # so that what goes on from a miniature sees other batches
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = task.build().to(device)
    if state:
        _replan(state, order.steps)
    else:
        state = {"plan": make_plan(slot, recipe, task.size, count, smoke) | {"start": before}}
        _begin(state["plan"], model, task, order)
    state = fit(model, task, state, out, stop)
    return None if state["step"] < state["plan"]["steps"] else finish(model, task, slot, out, state, device)


def _begin(plan: dict[str, Any], model: Any, task: Task, order: Order) -> None:
    """Take over the weights of `start`, and fix steps and precision."""
    if order.start:
        task.begin(model, order.start)
    if plan["smoke"]:
        plan["steps"] = order.steps or task.recipe["smoke"]["steps"]
    else:
        settle(plan, model, task, order.minutes or task.recipe["budget"]["minutes"], order.steps)


def _replan(state: Mapping[str, Any], steps: int | None) -> None:
    plan = state["plan"]
    if steps and steps != plan["steps"]:
        plan["replanned"] = [*plan.get("replanned", []), f"{plan['steps']} to {steps} steps at step {state['step']}"]
        plan["steps"] = steps


def finish(model: Any, task: Task, slot: str, out: Path, state: Mapping[str, Any], device: str) -> dict[str, Any]:
    """Export the model, measure the files, write the card and remove the checkpoint; returns the card."""
    recipe = task.recipe
    (out / "card.json").unlink(missing_ok=True)  # its sums are those of the files that are replaced now
    task.export(model.cpu().eval(), out)
    figures = measure(out, recipe, smoke=state["plan"]["smoke"])
    (out / "training.jsonl").write_text("".join(json.dumps(line) + "\n" for line in state["log"]), encoding="utf-8")
    card = cards.write_card(out, slot, recipe, state, figures, device)
    (out / CHECKPOINT).unlink()
    return card


def measure(out: Path, recipe: Mapping[str, Any], smoke: bool = False) -> list[dict[str, Any]]:
    """Figures of the files in `out`, as the slot's module takes them."""
    module, data = importlib.import_module(f"models.{recipe['module']}"), recipe["data"]
    count = (recipe["smoke"] if smoke else data)["evaluation_images"]
    return getattr(module, "Task", module).evaluate(out, recipe, count, data["evaluation_seed"])


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when done, 143 when a signal stopped it and `--resume` will go on."""
    from utils import config

    parser = argparse.ArgumentParser(description="Train the miniatures in models/ on ReefWorld.")
    parser.add_argument("slot", nargs="?", help="slot of recipes.toml, made anew; without it all missing ones")
    parser.add_argument("--out", type=Path, help="folder of the model (default models/<slot>)")
    parser.add_argument("--minutes", type=float, help="time to train; a timed trial turns it into steps")
    parser.add_argument("--steps", type=int, help="number of steps, instead of a time")
    parser.add_argument("--images", type=int, help="training images, instead of the recipe's number")
    parser.add_argument("--start", type=Path, help="folder of a finished miniature whose weights are taken over")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint if there is one")
    parser.add_argument("--smoke", action="store_true", help="a handful of steps, into the artifacts folder")
    parser.add_argument("--evaluate", action="store_true", help="only measure the slot again and renew its card")
    parser.add_argument("--table", action="store_true", help="only write the table in models/README.md")
    options = parser.parse_args(arguments)
    cfg = config.load()
    if options.evaluate:
        if options.slot is None:
            parser.error("--evaluate needs a slot")
        out, recipe = options.out or cfg.models_dir / options.slot, recipe_of(options.slot)
        cards.renew_card(out, recipe, measure(out, recipe))
    if options.table or options.evaluate:
        cards.update_table(cfg.models_dir)
        return 0
    for slot in [options.slot] if options.slot else [name for name in recipes() if name != "vocabulary"]:
        folder = cfg.artifacts_dir / "smoke" if options.smoke else cfg.models_dir
        out = options.out or folder / slot
        finished = (out / "card.json").exists() and not (out / CHECKPOINT).exists()
        if finished and not options.slot:
            continue
        with until_signal() as stop:
            card = train(
                slot, out, cfg.artifacts_dir / "training", stop, minutes=options.minutes, steps=options.steps,
                images=options.images, start=options.start, resume=options.resume or not options.slot,
                smoke=options.smoke,
            )  # fmt: skip
        if card is None:
            print(f"{slot}: stopped; the same command with --resume goes on", file=sys.stderr)
            return 143
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
