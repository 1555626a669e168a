"""Make the miniatures: `python models/train.py [slot] [--minutes M] [--resume]`, or `make models`.

What a slot is made of stands in recipes.toml, what it learns in the module named there (see `models.task`). The
number of steps is fixed before the first one (from a timed trial when a time is given), checkpoints are written whole
or not at all, and a resumed training ends at the same weights as an uninterrupted one.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from models import cards  # noqa: E402
from models.fitting import CHECKPOINT, fit, load_checkpoint, trial, until_signal  # noqa: E402
from models.task import Task, recipes  # noqa: E402


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
    plan["steps"] = max(1, int(60 * minutes / pace)) if steps is None else steps
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

    Raises:
        ValueError: a number that is not above 0; names the option.
    """

    minutes: float | None = None
    steps: int | None = None
    images: int | None = None
    start: Path | None = None
    resume: bool = False
    smoke: bool = False

    def __post_init__(self):
        for name in ("minutes", "steps", "images"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"--{name} {value}: give a number above 0, or leave it out")


def train(
    slot: str, out: Path, data: Path, stop: Callable[[int], bool] = lambda step: False, **order: Any
) -> dict[str, Any] | None:
    """Train a slot into `out`, from the training scenes below `data` (made there if missing).

    Resumed with other `steps`, the rest of the cosine is fitted to them, and the card says so. SIGTERM and Ctrl-C
    count as `stop` while steps are made; at any other time they end the program as usual.

    Args:
        slot: a table of recipes.toml.
        out: folder of the miniature.
        data: where training scenes are kept.
        stop: asked before every step.
        order: fields of `Order`.

    Returns:
        The card of the finished miniature, None if it was stopped before.

    Raises:
        ValueError: for an unknown slot, an order that means nothing to the slot or contradicts the training that it
            resumes, a damaged checkpoint or damaged scenes.
        FileExistsError: if `out` holds an unfinished training and `resume` is not set.
        FileNotFoundError: if there is no finished miniature to `start` from.
        FloatingPointError: if loss or gradient is not finite; the last good checkpoint stays.
    """
    recipe, wanted = recipe_of(slot), Order(**order)
    module = importlib.import_module(f"models.{recipe['module']}")
    if hasattr(module, "Task"):
        return _train_in_steps(module, slot, recipe, out, data, stop, wanted)
    return _train_at_once(module, slot, recipe, out, stop, wanted)


def _train_at_once(
    module: Any, slot: str, recipe: Mapping[str, Any], out: Path, stop: Callable[[int], bool], order: Order
) -> dict[str, Any] | None:
    """For what trains in a loop of its own, in minutes and without checkpoints."""
    if extra := [f"--{name}" for name in ("minutes", "steps", "images", "start", "resume") if getattr(order, name)]:
        raise ValueError(f"{slot} takes no {', '.join(extra)}: it reads the examples of its recipe once")
    plan, begun = {"slot": slot} | module.make_plan(recipe, order.smoke), time.monotonic()
    with until_signal(stop) as stop:
        pipeline = module.fit(recipe, plan, stop)
    if pipeline is None:
        return None
    state = {"seconds": plan.pop("seconds", time.monotonic() - begun), "plan": plan}
    (out / "card.json").unlink(missing_ok=True)  # its sums are those of the files that are replaced now
    module.export(pipeline, out, recipe)
    return cards.write_card(out, slot, recipe, state, measure(out, recipe, order.smoke), "cpu")


def _train_in_steps(
    module: Any, slot: str, recipe: Mapping[str, Any], out: Path, data: Path, stop: Callable[[int], bool], order: Order
) -> dict[str, Any] | None:
    import torch

    state = load_checkpoint(out)
    if state and not order.resume:
        raise FileExistsError(f"{out / CHECKPOINT} is an unfinished training (step {state['step']}): "
                              "continue it with --resume, or delete it to start again")  # fmt: skip
    before = cards.lineage(order.start) if order.start else []
    if state:
        _agree(state["plan"], slot, order, before, out)
        _replan(state, order.steps)
        count, before = state["plan"]["images"], state["plan"].get("start", [])
    else:
        usual = recipe["smoke" if order.smoke else "data"]["images"]
        count = usual if order.images is None else order.images
    folder = module.Task.gather(recipe, data, count)
    task = module.Task(recipe, folder, seed=len(before))  # so that what goes on from a miniature sees other batches
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = task.build().to(device)
    if not state:
        state = {"plan": make_plan(slot, recipe, task.size, count, order.smoke) | {"start": before}}
        _begin(state["plan"], model, task, order)
    out.mkdir(parents=True, exist_ok=True)
    with until_signal(stop) as stop:
        state = fit(model, task, state, out, stop)
    return None if state["step"] < state["plan"]["steps"] else finish(model, task, slot, out, state, device)


def _agree(plan: Mapping[str, Any], slot: str, order: Order, before: list[dict], out: Path) -> None:
    """Refuse an order that contradicts the plan of the training it resumes; what it leaves open is the plan's."""
    wanted = {"slot": slot, "minutes": order.minutes, "images": order.images}
    wanted |= {"smoke": order.smoke or None, "start": before or None}
    for name, value in wanted.items():
        if value is not None and value != plan.get(name):
            raise ValueError(
                f"{out / CHECKPOINT} was begun with {name} {plan.get(name) or 'not set'}, not {value}: "
                "resume it as it was begun, or delete it to start again"
            )


def _begin(plan: dict[str, Any], model: Any, task: Task, order: Order) -> None:
    """Take over the weights of `start`, and fix steps and precision."""
    if order.start:
        task.begin(model, order.start)
    if order.minutes is not None:
        plan["minutes"] = order.minutes
    if plan["smoke"]:
        plan["steps"] = task.recipe["smoke"]["steps"] if order.steps is None else order.steps
    else:
        settle(plan, model, task, plan.get("minutes", task.recipe["budget"]["minutes"]), order.steps)


def _replan(state: Mapping[str, Any], steps: int | None) -> None:
    plan = state["plan"]
    if steps is not None and steps < state["step"]:
        raise ValueError(f"--steps {steps}: {state['step']} are made already, give that many or more")
    if steps is not None and steps != plan["steps"]:
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


def renew_pages(models_dir: Path) -> None:
    """Bring the words of all cards below `models_dir`, their pages and the table to those of today."""
    for path in sorted(models_dir.glob("*/card.json")):
        cards.renew_card(path.parent, recipe_of(path.parent.name))
    cards.update_table(models_dir)


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when done, 143 when a signal stopped it."""
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
    parser.add_argument("--table", action="store_true", help="only renew the words of all cards, and the table")
    options = parser.parse_args(arguments)
    single = ("out", "minutes", "steps", "images", "start", "evaluate")
    if alone := [f"--{name}" for name in single if not options.slot and getattr(options, name) not in (None, False)]:
        parser.error(f"{', '.join(alone)}: only with a slot")
    cfg = config.load()
    if options.evaluate:
        out, recipe = options.out or cfg.models_dir / options.slot, recipe_of(options.slot)
        cards.read_card(out)  # before the minutes that the figures take
        cards.renew_card(out, recipe, measure(out, recipe))
        cards.update_table(cfg.models_dir)
        return 0
    if options.table:
        renew_pages(cfg.models_dir)
        return 0
    for slot in [options.slot] if options.slot else [name for name in recipes() if name != "vocabulary"]:
        folder = cfg.artifacts_dir / "smoke" if options.smoke else cfg.models_dir
        out = options.out or folder / slot
        finished = (out / "card.json").exists() and not (out / CHECKPOINT).exists()
        if finished and not options.slot:
            continue
        order = {name: getattr(options, name) for name in ("minutes", "steps", "images", "start", "smoke")}
        resume = options.resume if options.slot else (out / CHECKPOINT).exists()
        if train(slot, out, cfg.artifacts_dir / "training", resume=resume, **order) is None:
            kept = (out / CHECKPOINT).exists()
            then = "the same command with --resume goes on" if kept else "the same command starts again"
            print(f"{slot}: stopped; {then}", file=sys.stderr)
            return 143
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
