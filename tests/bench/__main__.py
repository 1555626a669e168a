"""Runs the comparisons, prints the ratios and writes reports/results/bench.json."""

import argparse

import torch

from tests.bench import classical, embedding, finetuning, grounding, topk
from utils import report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small sizes, nothing written: does it run?",
    )
    parser.add_argument("--only", choices=list(COMPARISONS), help="one of them, nothing written")
    asked = parser.parse_args()
    results = report.Results("bench", dataset="generated")
    for name, (compare, small) in COMPARISONS.items():
        if asked.only in (None, name):
            compare(results, **(small if asked.quick else {}))
    if not (asked.quick or asked.only):
        print(f"written to {results.write()}")


def embed_speed(results: report.Results, **sizes: int) -> None:
    found = embedding.run(**sizes)
    rates = dict(found["rates"])
    ours, best = rates.pop("embed.images"), max(rates, key=rates.get)
    ratio = ours / rates[best]
    params = {
        "precision": found["precision"],
        "batch": embedding.BATCH,
        "threads": torch.get_num_threads(),
    }
    common = {
        "task": "embedding speed",
        "n": found["n"],
        "model": "ViT-B/32, random weights",
        "params": params,
    }
    for name, rate in found["rates"].items():
        print(f"{name:22} {rate:7.1f} images/s   {rate / rates[best]:5.2f} x the best plain loop")
        results.add("throughput", rate, unit="images/s", method=name, **common)
    results.add(
        "ratio to the best plain loop",
        ours / rates[best],
        unit="ratio",
        method="embed.images",
        **common,
    )
    results.add(
        "least cosine to clip",
        found["cosine"],
        unit="cosine",
        method="embed.images",
        **common,
    )
    print(f"embed.images: {ratio:.2f} x {best} ({found['precision']}, cosine {found['cosine']:.5f})\n")


def search_speed(results: report.Results, **sizes: int) -> None:
    found = topk.run(**sizes)
    others = {name: time for name, time in found["seconds"].items() if name != "search.top_k"}
    best = min(others, key=others.get)
    common = {"task": "search speed", "n": found["n"], "gallery_n": found["gallery_n"]}
    for name, time in found["seconds"].items():
        print(f"{name:22} {time:7.3f} s          {others[best] / time:5.2f} x the fastest other way")
        results.add("time", time, unit="s", method=name, **common)
    ratio = others[best] / found["seconds"]["search.top_k"]
    results.add(
        "ratio to the fastest other way",
        ratio,
        unit="ratio",
        method="search.top_k",
        **common,
    )
    print(f"search.top_k is {ratio:.2f} x {best}\n")


def step_speed(results: report.Results, gpu_batch: int = 256, **sizes: int) -> None:
    found = finetuning.run(**sizes)
    params = {
        "batch": sizes.get("batch", finetuning.BATCH),
        "tokens": finetuning.TOKENS,
        "threads": torch.get_num_threads(),
        "rank": finetuning.RANK,
    }
    common = {
        "task": "fine-tuning speed",
        "n": found[finetuning.LORA]["n"],
        "model": "ViT-B/32, random weights",
        "params": params,
    }
    for arm, row in found.items():
        memory = "".join(f"   {row[name]:7,.0f} MB {name}" for name in ("peak", "added") if name in row)
        print(f"{arm:22} {row['seconds']:7.2f} s a step{memory}")
        results.add("time of a step", row["seconds"], unit="s", method=arm, **common)
        for name, metric in MEMORY.items():
            if name in row:
                results.add(metric, row[name], unit="MB", method=arm, **common)
    for metric, ratio in step_ratios(found).items():
        print(f"{metric:52} {ratio:5.2f}")
        results.add(metric, ratio, unit="ratio", method=finetuning.LORA, **common)
    if "peak" not in found[finetuning.LORA]:
        print("memory is left out: it is read from /proc, which is not here")
    gpu_speed(results, common, gpu_batch)


def step_ratios(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Of LoRA here to the other arms; below 1 it is the faster or smaller one."""
    own, full = found[finetuning.LORA], found[finetuning.FULL]
    ratios = {
        "time, ratio to full fine-tuning": own["seconds"] / full["seconds"],
        "time, ratio to plain peft": own["seconds"] / found[finetuning.PEFT]["seconds"],
    }
    return ratios | {
        f"{MEMORY[name]}, ratio to full fine-tuning": own[name] / full[name] for name in MEMORY if name in own
    }


def gpu_speed(results: report.Results, common: dict, batch: int) -> None:
    if not torch.cuda.is_available():
        print("a step in bf16 on a GPU is left out: there is no GPU")
        return
    gpu = torch.cuda.get_device_name()
    found, peak = finetuning.on_gpu(batch=batch), finetuning.PEAK_FLOPS.get(gpu)
    for arm, row in found.items():
        params = {"batch": batch, "tokens": finetuning.TOKENS, "rank": finetuning.RANK, "precision": "bf16", "gpu": gpu}
        fields = common | {"n": row["n"], "params": params, "method": arm}
        results.add("time of a step", row["seconds"], unit="s", **fields)
        rate = row["flops"] / row["seconds"]
        print(f"{arm:22} {1e3 * row['seconds']:7.1f} ms a step   {rate / 1e12:5.0f} TFLOP/s in bf16 on {gpu}")
        if peak:
            results.add("model FLOPs utilisation", rate / peak, **fields)
            print(f"{'':22} {rate / peak:7.3f} of its peak")
    if not peak:
        print(f"utilisation is left out: the peak of {gpu} is not known here")


def classical_speed(results: report.Results, **sizes: int) -> None:
    found = classical.run(**sizes)
    seconds, inertia = found["seconds"], found["inertia"]
    params = {"words": found["words"], "descriptor": classical.KIND, "threads": torch.get_num_threads()}
    common = {"task": "vocabulary", "dataset": "coco", "n": found["n"], "params": params}
    for way in (classical.OURS, classical.LLOYD):
        print(f"{way:22} {seconds[way]:7.2f} s          inertia {inertia[way]:,.0f}")
        results.add("time", seconds[way], unit="s", method=way, **common)
    ratios = {
        "time, ratio to k-means run to its end": seconds[classical.OURS] / seconds[classical.LLOYD],
        "inertia, ratio to k-means run to its end": inertia[classical.OURS] / inertia[classical.LLOYD],
    }
    for metric, ratio in ratios.items():
        print(f"{metric:52} {ratio:6.3f}")
        results.add(metric, ratio, unit="ratio", method=classical.OURS, **common)
    fields = common | {"task": "retrieval by a label", "n": 1, "gallery_n": found["gallery_n"]}
    results.add("time", seconds[classical.TWO_STAGES], unit="s", method=classical.TWO_STAGES, **fields)
    print(f"{classical.TWO_STAGES:22} {seconds[classical.TWO_STAGES]:7.3f} s of {found['gallery_n']} candidates\n")


def grounding_speed(results: report.Results, **sizes: int) -> None:
    found = grounding.run(**sizes)
    seconds = found["seconds"]
    params = {"detector": grounding.DETECTOR, "images": found["images"], "threads": torch.get_num_threads()}
    common = {
        "task": "grounding speed",
        "dataset": "refcocog",
        "n": found["n"],
        "model": grounding.SLOT,
        "params": params,
    }
    for way, time in seconds.items():
        print(f"{way:28} {time:7.2f} s          {found['n'] / time:6.1f} sentences/s")
        results.add("time", time, unit="s", method=way, **common)
    ratio = seconds[grounding.LOOP] / seconds[grounding.OURS]
    results.add("ratio to one sentence after the other", ratio, unit="ratio", method=grounding.OURS, **common)
    results.add("share of equal answers", found["same"], method=grounding.OURS, **common)
    print(f"ground.answers is {ratio:.1f} x the loop; {found['same']:.1%} of the answers are the same\n")


MEMORY = {"peak": "peak memory", "added": "memory added by training"}
COMPARISONS = {  # and what `--quick` makes small
    "embedding": (embed_speed, {"images": 64, "repeats": 3}),
    "topk": (search_speed, {"items": 100_000}),
    "classical": (classical_speed, {"rows": 5_000, "words": 32, "candidates": 60, "repeats": 1}),
    "grounding": (grounding_speed, {"sentences": 8}),
    "finetuning": (step_speed, {"batch": 2, "layers": 2, "rounds": 1, "steps": 1, "gpu_batch": 8}),
}

if __name__ == "__main__":
    main()
