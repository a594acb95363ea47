"""A made-up day of one agent: its real checks run once, then repeated with values that move."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import here_setup as here
from helpers.simulated import place_of

from bench.agent import as_in_production
from bench.common import free_port, listens, process, wait_until
from bench.perrun import runs
from tramgac_agent.checks.base import Observation, Sample
from tramgac_agent.clock import Clock
from tramgac_agent.config import load_config
from tramgac_agent.outbox import Outbox
from tramgac_agent.runner import MIN_VALID_SECONDS, report_of
from tramgac_proto.catalogue import CATALOGUE

DAY_SECONDS = 86_400
# Beside what `make run` declares: a server with more to look after.
_MORE = """
[[checks.latency.targets]]
name = "gateway"
address = "127.0.0.2"
[[checks.latency.targets]]
name = "insurance"
address = "127.0.0.3"
[[checks.latency.targets]]
name = "branch"
address = "127.0.0.4"
"""
_SYSTEM = """
[[checks.service.systems]]
system = "{name}"
kind = "tcp"
address = "127.0.0.1:{port}"
"""


class DayClock(Clock):
    """Moved by hand through ``days`` that are over now."""

    def __init__(self, days: int) -> None:
        self.passed_ms = 0
        self.end_ms = days * DAY_SECONDS * 1000
        self._begin = time.time_ns() // 1_000_000 - self.end_ms

    def wall_ms(self) -> int:
        """Time of the day that is being lived."""
        return self._begin + self.passed_ms

    def boottime_ms(self) -> int:
        """Up for a day when it begins."""
        return DAY_SECONDS * 1000 + self.passed_ms

    def boot_id(self) -> bytes:
        """One boot for all of it."""
        return bytes(range(16))


@dataclass(frozen=True, slots=True)
class Template:
    """What one check reports every ``interval`` seconds."""

    check: str
    interval: int
    observations: Sequence[Observation]


def _config(folder: Path) -> tuple[here.Place, Path]:
    place = here.Place(folder)
    place.ports.update({door: free_port() for door in place.ports})
    here.write_files(place)
    here.make_repository(place)
    config = place.root / f"{here.HOST}.toml"
    more = "".join(
        _SYSTEM.format(name=name, port=place.ports["service"]) for name in ("lis", "pacs", "emr")
    )
    # Arrays of tables go where the first of their kind stands.
    text = as_in_production(config.read_text())
    text = text.replace("[[checks.service.systems]]", more + "[[checks.service.systems]]", 1)
    text = text.replace("[[checks.latency.targets]]", _MORE + "[[checks.latency.targets]]", 1)
    config.write_text(text)
    return place, config


def templates_of(folder: Path) -> list[Template]:
    """Run every check of a server with four systems and four paths, and keep what it reports."""
    place, config = _config(folder)
    page = ["--bind", "127.0.0.1", "--directory", str(place.root / "page")]
    port = place.ports["service"]
    with process(here.python("http.server", str(port), *page), folder / "service.log"):
        wait_until(lambda: listens(port), 30, "service")
        found = []
        for check, outcomes in runs(load_config(config), times=2):
            interval = check.settings.interval_seconds or check.interval_seconds
            # The second run: the first one reports what is new to it, once.
            found.append(
                Template(check.name, int(interval), [_ours(o) for o in report_of(outcomes[-1])])
            )
    return found


def _ours(one: Observation) -> Observation:
    """Speak of the simulated agent's series instead of this machine's."""
    facility, _, host = place_of(0)
    series = f"{facility}/{host}/docs@local"
    samples = tuple(
        replace(s, labels={**s.labels, "series": series}) if "series" in s.labels else s
        for s in one.samples
    )
    detail = _renamed(one.detail, series) if getattr(one.detail, "series", "") else one.detail
    return replace(one, samples=samples, detail=detail, token="", age_seconds=0.0)


def _renamed(detail: Any, series: str) -> Any:  # noqa: ANN401 - any message with a series
    made = type(detail)()
    made.CopyFrom(detail)
    made.series = series
    return made


class Wanderer:
    """Gives series the values of a quiet server: times scatter, sizes drift, counters grow."""

    def __init__(self) -> None:
        self._rng = random.Random(7)  # noqa: S311 - made-up values
        self._now: dict[tuple[str, ...], float] = {}

    def move(self, sample: Sample) -> Sample:
        """The sample as it is one run later."""
        kind = CATALOGUE[sample.name]
        if sample.value in {0.0, 1.0} or kind.unit == "timestamp_seconds":
            return sample
        key = (sample.name, *sample.labels.values())
        value = self._now.get(key, sample.value)
        if kind.type == "counter":
            self._now[key] = value = value + self._rng.randrange(1000)
        elif kind.unit == "seconds":
            value = round(sample.value * self._rng.uniform(0.7, 1.5), 6)
        else:
            # A random walk of 0.02 % a step: some 0.3 % after a day of steps of five minutes.
            self._now[key] = value = value * self._rng.uniform(0.9998, 1.0002)
            value = float(round(value)) if sample.value.is_integer() else round(value, 6)
        return replace(sample, value=value)


def live_a_day(box: Outbox, clock: DayClock, templates: Sequence[Template], first: int) -> int:
    """Fill the outbox with one day from second ``first`` on; returns the number of samples."""
    samples, wanderer = 0, Wanderer()
    for second in range(first, first + DAY_SECONDS, 60):
        clock.passed_ms = second * 1000
        for template in templates:
            if second % template.interval:
                continue
            moved = [
                replace(one, samples=tuple(map(wanderer.move, one.samples)))
                for one in template.observations
            ]
            valid = max(MIN_VALID_SECONDS, int(2.5 * template.interval))
            box.append(template.check, moved, valid_seconds=valid)
            samples += sum(len(one.samples) for one in moved)
    return samples
