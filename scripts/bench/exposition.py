"""What a scrape costs: the live state beside ``prometheus_client.generate_latest``.

Each size runs in a process of its own, so that peak memory is honest:
``python -m bench.exposition {live|client} SERIES`` prints one JSON object.
"""

import gc
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from helpers.fleet import SAMPLES_PER_REPORT, TABLE, now_ms, values_of

from bench.common import Figure, at_least, at_most, fact

_ROUNDS = 7


def _cpu(work: Callable[[], object], times: int) -> float:
    spent = []
    for _ in range(times):
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)
    return statistics.median(spent)


def _values(rng: random.Random) -> list[float]:
    return [round(rng.random() * 10 ** rng.randint(0, 12), 6) for _ in range(SAMPLES_PER_REPORT)]


def _every_other(new: list[float], old: list[float]) -> list[float]:
    return [a if place % 2 else b for place, (a, b) in enumerate(zip(new, old, strict=True))]


def _series() -> list[tuple[str, int, list[tuple[str, tuple[tuple[str, str], ...]]]]]:
    return [
        (check, len(series), [(s.name, tuple((p.name, p.value) for p in s.labels)) for s in series])
        for check, _, series in TABLE
    ]


class _NoInventory:
    def expected_hosts(self) -> list[Any]:
        return []


class _Page:
    """A live state that shows a whole fleet."""

    def __init__(self, series_count: int) -> None:
        from tramgac_collector.live.state import (  # noqa: PLC0415 - keep it out of the peer
            LiveState,
        )
        from tramgac_collector.model import Owner  # noqa: PLC0415

        self.live = LiveState(_NoInventory())
        self.rng = random.Random(5)  # noqa: S311 - made-up values
        self._shape, self._now = _series(), now_ms()
        self.owners = [
            Owner(str(number), f"bv-{number // 3:04d}", "main", f"his{number % 3}")
            for number in range(series_count // SAMPLES_PER_REPORT)
        ]
        self._layouts = [
            [self.live.layout(owner, series) for _, _, series in self._shape]
            for owner in self.owners
        ]
        for number in range(len(self.owners)):
            self.report(number, _values(self.rng))
        self.live.render()
        self.some = range(min(300, len(self.owners)))

    def report(self, number: int, values: list[float]) -> None:
        """One agent's report, newer than the one before."""
        self._now += 1
        place = 0
        for (check, size, _), layout in zip(self._shape, self._layouts[number], strict=True):
            chunk = values[place : place + size]
            expires = self._now + 10**9
            self.live.apply(self.owners[number], check, layout, chunk, self._now, expires)
            place += size

    def refresh(self, values: Callable[[int, int], list[float]]) -> float:
        """CPU seconds of one report with ``values(agent, round)``."""
        rounds = iter([[values(n, turn) for n in self.some] for turn in range(_ROUNDS)])

        def one_round() -> None:
            for number, fresh in enumerate(next(rounds)):
                self.report(number, fresh)

        return _cpu(one_round, _ROUNDS) / len(self.some)

    def random(self, *_: int) -> list[float]:
        """Six decimals and any size: the most expensive to write."""
        return _values(self.rng)


def _live(series_count: int) -> dict[str, float]:
    page = _Page(series_count)
    live, owners = page.live, page.owners
    gc.freeze()
    # Fresh values every time: the live state rightly spends nothing on unchanged ones.
    applied = page.refresh(page.random)
    usual = page.refresh(values_of)
    half = page.refresh(lambda n, turn: _every_other(values_of(n, turn), values_of(n, _ROUNDS - 1)))
    sample = [_values(page.rng) for _ in page.some]
    warm = _cpu(live.render, 7)
    packed = _cpu(live.render_gzip, 7)
    for number, values in enumerate(sample[: max(1, len(owners) // 100)]):
        page.report(number, values)
    after_change = _cpu(live.render, 1)
    for number in range(len(owners)):
        page.report(number, sample[(number + 1) % len(sample)])
    after_all = _cpu(live.render, 1)
    return {
        "render": warm, "gzip": packed, "apply": applied, "usual": usual, "half": half,
        "after_change": after_change, "after_all": after_all,
        "bytes": len(live.render()), "peak_mib": _peak_mib(),
    }  # fmt: skip


def _client(series_count: int) -> dict[str, float]:
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415
    from prometheus_client.registry import Collector  # noqa: PLC0415

    rng = random.Random(5)  # noqa: S311
    rows: dict[tuple[str, tuple[str, ...]], list[tuple[list[str], float]]] = {}
    for number in range(series_count // SAMPLES_PER_REPORT):
        values = iter(_values(rng))
        for _, _, series in _series():
            for name, labels in series:
                key = (name, tuple(label for label, _ in labels))
                place = [f"bv-{number // 3:04d}", "main", f"his{number % 3}"]
                rows.setdefault(key, []).append((place + [v for _, v in labels], next(values)))

    class Rows(Collector):
        def collect(self) -> Iterable[GaugeMetricFamily]:
            for (name, labels), lines in rows.items():
                owner = ("facility", "site", "host")
                family = GaugeMetricFamily(name, name, labels=(*owner, *labels))
                for place, value in lines:
                    family.add_metric(place, value)
                yield family

    registry = CollectorRegistry()
    registry.register(Rows())
    spent = _cpu(lambda: generate_latest(registry), 3)
    return {"render": spent, "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _child(kind: str, size: int) -> dict[str, float]:
    argv = [sys.executable, "-m", "bench.exposition", kind, str(size)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, env=dict(os.environ))
    result: dict[str, float] = json.loads(done.stdout)
    return result


_LARGEST = 1_000_000
_BUDGET_MS = {100_000: (10.0, 15.0), _LARGEST: (150.0, 0.0)}


def measure(*, full: bool) -> list[Figure]:
    """Figures for 10 k and 100 k series, and 1 M when ``full``."""
    figures: list[Figure] = []
    for size in (10_000, 100_000, *((_LARGEST,) if full else ())):
        live, client = _child("live", size), _child("client", size)
        area = f"metrics {size // 1000}k"
        plain, packed = _BUDGET_MS.get(size, (0.0, 0.0))
        ms = live["render"] * 1000
        figures.append(
            at_most(area, "scrape", ms, "ms CPU", plain) if plain
            else fact(area, "scrape", ms, "ms CPU")
        )  # fmt: skip
        gz = live["gzip"] * 1000
        figures.append(
            at_most(area, "scrape, gzip", gz, "ms CPU", packed) if packed
            else fact(area, "scrape, gzip", gz, "ms CPU")
        )  # fmt: skip
        peer = client["render"] * 1000
        figures += [
            fact(area, "prometheus_client", peer, "ms CPU", note="peer"),
            at_least(area, "peer / scrape", client["render"] / live["render"], "x", 50),
            at_most(
                area,
                "refresh per report, worst",
                live["apply"] * 1e6,
                "us CPU",
                70,
                note="100 new values of 6 random decimals",
            ),
            fact(area, "the same, fleet's values", live["usual"] * 1e6, "us CPU"),
            fact(area, "the same, half unchanged", live["half"] * 1e6, "us CPU"),
            fact(area, "first scrape, 1 % changed", live["after_change"] * 1000, "ms CPU"),
            fact(area, "first scrape, all changed", live["after_all"] * 1000, "ms CPU"),
        ]
        if size == _LARGEST:
            figures.append(at_most(area, "peak memory", live["peak_mib"], "MiB", 800))
    return figures


if __name__ == "__main__":
    kind, size = sys.argv[1], int(sys.argv[2])
    sys.stdout.write(json.dumps((_live if kind == "live" else _client)(size)))
