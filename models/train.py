"""Make the miniatures: `python models/train.py [slot] [--minutes M] [--resume]`, or `make models`.

What a slot is made of stands in recipes.toml. The number of steps is fixed before the first one (from a timed
trial when a time is given), checkpoints are written whole or not at all, and a resumed training ends at the
same weights as an uninterrupted one.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import math
import os
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from utils import losses  # noqa: E402

CHECKPOINT = "checkpoint.pt"
LOG_LINES = 150
Batch = Callable[[int], Any]
Loss = Callable[[Any, Any], Any]


def recipes() -> dict[str, Any]:
    """All tables of recipes.toml; `vocabulary` beside one table a slot."""
    return tomllib.loads((HERE / "recipes.toml").read_text(encoding="utf-8"))


def learning_rate(step: int, plan: Mapping[str, Any]) -> float:
    """Linear warm-up over `warmup` of the steps, then a cosine to zero at the last step."""
    warm = max(1, round(plan["warmup"] * plan["steps"]))
    if step < warm:
        return plan["rate"] * (step + 1) / warm
    return plan["rate"] * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, plan["steps"] - warm)))


def make_optimizer(model: Any, plan: Mapping[str, Any]) -> Any:
    """AdamW with CLIP's betas; matrices decay, biases, norms and the logit scale do not."""
    import torch

    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    others = [weight for weight in model.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": plan["decay"]}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan["rate"], betas=(0.9, 0.98), eps=1e-6, fused=True)


def update(model: Any, optimizer: Any, batch: Any, loss: Loss, plan: Mapping[str, Any], step: int) -> float:
    """One step of training; returns the loss before it.

    Raises:
        FloatingPointError: if the loss or its gradient is not finite; the weights are then untouched.
    """
    import torch

    device = next(model.parameters()).device.type
    with torch.autocast(device, torch.bfloat16, enabled=plan["precision"] == "bf16"):
        value = loss(model, batch)
    optimizer.zero_grad()
    value.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), plan["clip_norm"])
    if not (torch.isfinite(value) and torch.isfinite(norm)):
        raise FloatingPointError(f"loss {float(value.detach())}, gradient norm {float(norm)} at step {step}")
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(step, plan)
    optimizer.step()
    with torch.no_grad():
        model.logit_scale.clamp_(0.0, losses.LOG_MAX_SCALE)
    return float(value.detach())


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
    batch: Batch,
    loss: Loss,
    state: dict[str, Any],
    folder: Path,
    stop: Callable[[int], bool] = lambda step: False,
    every: float = 180.0,
) -> dict[str, Any]:
    """Train until the planned number of steps or until `stop(step)`, and leave a checkpoint in `folder`.

    Args:
        model: module with a `logit_scale`; trained in place.
        batch: batch by step number, so that it needs no memory of earlier steps.
        loss: model and batch to a scalar.
        state: `plan` and whatever else the checkpoint shall keep; from a checkpoint also `step`, `model`,
            `optimizer`, `log` and `seconds`.
        folder: where the checkpoint lies.
        stop: asked before every step.
        every: seconds between checkpoints.

    Returns:
        The state after the last step.

    Raises:
        FloatingPointError: loss or gradient not finite; the message names the last good checkpoint.
    """
    from tqdm import tqdm

    plan = state["plan"]
    optimizer = make_optimizer(model, plan)
    if "model" in state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    step, log, spent = state.get("step", 0), list(state.get("log", [])), state.get("seconds", 0.0)
    begun = saved = time.monotonic()

    def snapshot() -> dict[str, Any]:
        new = state | {"step": step, "log": log, "seconds": spent + time.monotonic() - begun}
        new |= {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        save_checkpoint(folder, new)
        return new

    snapshot()
    model.train()
    interval = math.ceil(plan["steps"] / LOG_LINES)
    with tqdm(total=plan["steps"], initial=step, mininterval=20, maxinterval=20, unit="step", desc=plan["slot"]) as bar:
        while step < plan["steps"] and not stop(step):
            try:
                value = update(model, optimizer, batch(step), loss, plan, step)
            except FloatingPointError as error:
                raise FloatingPointError(
                    f"{error}; the last good checkpoint stays in {folder / CHECKPOINT}. "
                    "Lower `rate` in recipes.toml and start again, or look at that batch"
                ) from error
            if step % interval == 0 or step + 1 == plan["steps"]:
                scale = math.exp(float(model.logit_scale.detach()))
                log.append({"step": step, "loss": round(value, 4), "scale": round(scale, 2)})
            step += 1
            bar.set_postfix(loss=f"{value:.3f}", refresh=False)
            bar.update()
            if time.monotonic() - saved > every:
                snapshot()
                saved = time.monotonic()
    return snapshot()


def trial(model: Any, batch: Batch, loss: Loss, plan: Mapping[str, Any], steps: int = 6) -> dict[str, float]:
    """Seconds a step in each precision: mean of the faster half of `steps` after a warm-up, on a copy."""
    seconds = {}
    for precision in ("fp32", "bf16"):
        twin = copy.deepcopy(model).train()
        optimizer = make_optimizer(twin, plan)
        times = []
        for step in range(steps + 1):
            begun = time.perf_counter()
            update(twin, optimizer, batch(step), loss, {**plan, "steps": 100, "precision": precision}, step)
            times.append(time.perf_counter() - begun)
        best = sorted(times[1:])[: max(1, steps // 2)]
        seconds[precision] = sum(best) / len(best)
    return seconds


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


def make_plan(slot: str, recipe: Mapping[str, Any], images: int, smoke: bool) -> dict[str, Any]:
    """What is fixed for a training; `steps` and `precision` follow from `settle`."""
    budget = {key: value for key, value in recipe["budget"].items() if key != "minutes"}
    size = min(recipe["smoke"]["batch"] if smoke else budget["batch"], images)
    return {"slot": slot, **budget, "batch": size, "images": images, "precision": "fp32", "smoke": smoke}


def settle(plan: dict[str, Any], model: Any, batch: Batch, loss: Loss, minutes: float, steps: int | None) -> None:
    """Choose the faster precision and turn the minutes into a number of steps, unless `steps` is given."""
    seconds = trial(model, batch, loss, plan)
    plan["precision"] = min(seconds, key=seconds.get)
    pace = seconds[plan["precision"]]
    plan["steps"] = steps or max(1, int(60 * minutes / pace))
    summary = f"{plan['steps']} steps of {plan['batch']} pairs in {plan['precision']}, {pace:.2f} s each"
    print(f"{plan['slot']}: {summary}", file=sys.stderr)


def train(
    slot: str,
    out: Path,
    data: Path,
    minutes: float | None = None,
    steps: int | None = None,
    images: int | None = None,
    resume: bool = False,
    smoke: bool = False,
    stop: Callable[[int], bool] = lambda step: False,
) -> dict[str, Any] | None:
    """Train a slot into `out`, from the training pairs below `data` (made there if missing).

    Resumed with other `steps`, the rest of the cosine is fitted to them, and the card says so.

    Returns:
        The card of the finished miniature, None if it was stopped before.

    Raises:
        ValueError: for an unknown slot.
        FileExistsError: if `out` holds an unfinished training and `resume` is not set.
    """
    import torch

    from models import clip_vit, evaluate
    from utils import reef

    known = {name: table for name, table in recipes().items() if name != "vocabulary"}
    if slot not in known:
        raise ValueError(f"no recipe for {slot!r}; recipes.toml has {', '.join(sorted(known))}")
    recipe = known[slot]
    out.mkdir(parents=True, exist_ok=True)
    state = load_checkpoint(out)
    if state and not resume:
        raise FileExistsError(f"{out / CHECKPOINT} is an unfinished training (step {state['step']}): "
                              "continue it with --resume, or delete it to start again")  # fmt: skip
    if state:
        images, smoke = state["plan"]["images"], state["plan"]["smoke"]
    count = images or (recipe["smoke"] if smoke else recipe["data"])["images"]
    pairs_folder = data / f"pairs-{recipe['data']['seed']}-{count}"
    reef.training_set(pairs_folder, count, recipe["data"]["seed"], workers=os.cpu_count() or 1)
    pairs = clip_vit.Pairs(pairs_folder, recipe)
    captions = (caption for captions in pairs.captions for caption in captions)
    tokenizer = clip_vit.make_tokenizer(captions, recipes()["vocabulary"]["words"], recipe["architecture"]["text"])
    pairs.tokenize(tokenizer)

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = clip_vit.build(recipe["architecture"], tokenizer).to(device)
    plan = state["plan"] if state else make_plan(slot, recipe, len(pairs.images), smoke)

    def batch(step: int) -> Any:
        return pairs.batch(step, plan["batch"], device)

    if not state:
        if smoke:
            plan["steps"] = steps or recipe["smoke"]["steps"]
        else:
            settle(plan, model, batch, clip_vit.loss, minutes or recipe["budget"]["minutes"], steps)
        state = {"plan": plan}
    elif steps and steps != plan["steps"]:
        plan["replanned"] = [*plan.get("replanned", []), f"{plan['steps']} to {steps} steps at step {state['step']}"]
        plan["steps"] = steps
    state = fit(model, batch, clip_vit.loss, state, out, stop)
    if state["step"] < plan["steps"]:
        return None
    clip_vit.export(model, tokenizer, out)
    size = recipe["smoke" if smoke else "data"]["evaluation_images"]
    figures = evaluate.evaluate(out, size, recipe["data"]["evaluation_seed"])
    (out / "training.jsonl").write_text("".join(json.dumps(line) + "\n" for line in state["log"]), encoding="utf-8")
    card = evaluate.write_card(out, slot, recipe, state, figures, device)
    (out / CHECKPOINT).unlink()
    return card


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when done, 143 when a signal stopped it and `--resume` will go on."""
    from utils import config

    parser = argparse.ArgumentParser(description="Train the miniatures in models/ on ReefWorld.")
    parser.add_argument("slot", nargs="?", help="slot of recipes.toml, made anew; without it all missing ones")
    parser.add_argument("--out", type=Path, help="folder of the model (default models/<slot>)")
    parser.add_argument("--minutes", type=float, help="time to train; a timed trial turns it into steps")
    parser.add_argument("--steps", type=int, help="number of steps, instead of a time")
    parser.add_argument("--images", type=int, help="training images, instead of the recipe's number")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint if there is one")
    parser.add_argument("--smoke", action="store_true", help="a handful of steps, into the artifacts folder")
    parser.add_argument("--evaluate", action="store_true", help="only measure the slot again and renew its card")
    parser.add_argument("--table", action="store_true", help="only write the table in models/README.md")
    options = parser.parse_args(arguments)
    cfg = config.load()
    if options.table or options.evaluate:
        from models import evaluate

        if options.evaluate:
            slot = (
                options.slot if options.slot in recipes() else parser.error("--evaluate needs a slot of recipes.toml")
            )
            evaluate.renew_card(options.out or cfg.models_dir / slot, recipes()[slot])
        evaluate.update_table(cfg.models_dir)
        return 0
    for slot in [options.slot] if options.slot else [name for name in recipes() if name != "vocabulary"]:
        folder = cfg.artifacts_dir / "smoke" if options.smoke else cfg.models_dir
        out = options.out or folder / slot
        finished = (out / "card.json").exists() and not (out / CHECKPOINT).exists()
        if finished and not options.slot:
            continue
        with until_signal() as stop:
            card = train(
                slot, out, cfg.artifacts_dir / "training", options.minutes, options.steps, options.images,
                options.resume or not options.slot, options.smoke, stop,
            )  # fmt: skip
        if card is None:
            print(f"{slot}: stopped; the same command with --resume goes on", file=sys.stderr)
            return 143
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
