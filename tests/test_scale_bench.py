"""The bench of indexes: each kind is measured against the exact answer, and a later run keeps what it does not measure."""

import pytest

from tests.bench import scaling
from utils import report
from utils.scale import index


@pytest.fixture
def results():
    return report.Results("scale", dataset="generated")


@pytest.mark.slow
def test_each_kind_has_recall_latency_and_bytes_and_flat_is_exact(results, monkeypatch, capsys):
    monkeypatch.setattr(index, "EXACT", 0)
    scaling.searching(results, 2000, ["flat", "hnsw", "ivfpq"])
    found = {(row["method"], row["group"], row["metric"]): row["value"] for row in results.records}
    assert found["flat", "as chosen", "recall@10"] == 1.0
    assert found["hnsw", "as chosen", "recall@10"] >= 0.95 and found["ivfpq", "as chosen", "recall@10"] >= 0.95
    assert found["ivfpq", "effort 0.25", "recall@10"] <= found["ivfpq", "effort 8", "recall@10"]
    assert found["flat", None, "bytes a photo"] == 0 < found["ivfpq", None, "bytes a photo"]
    assert found["flat", None, "bytes a photo"] < found["shards", None, "bytes a photo"]
    assert all(value > 0 for (_, _, metric), value in found.items() if "time" in metric)


def test_a_run_keeps_the_records_of_other_sizes(results):
    for n in (10, 20):
        results.add("recall@10", 0.5, task="search by size", gallery_n=n, n=1)
    results.add("throughput", 9.0, task=scaling.ENCODING, n=1)
    results.write()
    later = report.Results("scale", dataset="generated")
    scaling.keep(later, [20], photos=False)
    assert [(row["gallery_n"], row["task"]) for row in later.records] == [
        (10, "search by size"),
        (None, scaling.ENCODING),
    ]


def test_records_are_written_from_the_smallest_archive_up(results):
    for n in (20, None, 10):
        results.add("recall@10", 0.5, task=f"at {n}", gallery_n=n, n=1)
    scaling._save(results, dry=False)
    assert [row["gallery_n"] for row in report.read("scale")] == [10, 20, None]
