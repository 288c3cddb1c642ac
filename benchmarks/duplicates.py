"""Looking for duplicates among 100,000 records, and for those of a file of 100 new ones.

Run with ``python -m benchmarks.duplicates``. Names are made of generic words and of made-up ones
whose frequencies fall as those of words do (Zipf); every fiftieth record is written twice, once
with a letter left out of a long word: nine of ten must be found. Times and memory are printed.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from hotspots.registry.deduplication.candidates import likely_pairs

RECORDS, NEW = 100_000, 100
VOCABULARY = 60_000
GENERIC = ["Institute", "National", "Research", "Agricultural", "Ministry", "Soil", "Project"]
LETTERS = np.array(list("aaeeiioubcdfglmnprst"))


def main() -> None:
    """Find, check and print."""
    records = list(_records(np.random.default_rng(7)))
    planted = {record["id"] for record in records if record["id"].endswith("-twin")}
    start = time.perf_counter()
    pairs = likely_pairs(records)
    print(f"all pairs of {RECORDS:,}: {time.perf_counter() - start:.1f} s, {len(pairs):,} likely")
    found = {pair.b for pair in pairs if pair.b == f"{pair.a}-twin"}
    print(f"planted {len(planted):,}, found {len(found) / len(planted):.1%}")
    assert len(found) > 0.9 * len(planted)
    start = time.perf_counter()
    new = {record["id"] for record in records[-NEW:]}
    some = likely_pairs(records, among=new)
    print(f"{NEW} among {RECORDS:,}: {time.perf_counter() - start:.1f} s, {len(some)} likely")
    assert some == [pair for pair in pairs if new & {pair.a, pair.b}]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GiB")


def _records(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    words = ["".join(rng.choice(LETTERS, n)).capitalize() for n in rng.integers(4, 11, VOCABULARY)]
    often = 1 / np.arange(1, VOCABULARY + 1) ** 0.9
    often /= often.sum()
    kinds, countries = ("organisation", "project"), ("KEN", "FRA", "BRA", "IND", "")
    n = 0
    while n < RECORDS:
        own = [words[k] for k in rng.choice(VOCABULARY, rng.integers(2, 5), p=often)]
        listed = [*own, *rng.choice(GENERIC, rng.integers(0, 3))]
        record: dict[str, Any] = {
            "id": f"r{n}",
            "type": kinds[rng.integers(2)],
            "name": " ".join(listed),
            "web": f"https://site{rng.integers(30 * RECORDS)}.example.org/",
            "latitude": float(rng.uniform(-60, 70)),
            "longitude": float(rng.uniform(-180, 180)),
            "place_precision": "locality" if rng.integers(5) else "exact",
        }
        if country := countries[rng.integers(len(countries))]:
            record["country"] = country
        yield record
        n += 1
        long = [word for word in own if len(word) >= 8]
        if n % 50 == 0 and n < RECORDS and long:
            cut = int(rng.integers(1, 8))
            name = record["name"].replace(long[0], long[0][:cut] + long[0][cut + 1 :])
            web = record["web"].replace("https://site", "https://own")
            yield {**record, "id": f"{record['id']}-twin", "name": name, "web": web}
            n += 1


if __name__ == "__main__":
    main()
