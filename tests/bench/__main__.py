"""Runs both comparisons, prints the ratios and writes reports/results/bench.json."""

import argparse

import torch

from tests.bench import embedding, topk
from utils import report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small sizes, nothing written: does it run?",
    )
    parser.add_argument("--only", choices=["embedding", "topk"], help="one of the two, nothing written")
    asked = parser.parse_args()
    results = report.Results("bench", dataset="generated")
    if asked.only != "topk":
        embed_speed(results, **({"images": 64, "repeats": 3} if asked.quick else {}))
    if asked.only != "embedding":
        search_speed(results, **({"items": 100_000} if asked.quick else {}))
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
    print(f"search.top_k is {ratio:.2f} x {best}")


if __name__ == "__main__":
    main()
