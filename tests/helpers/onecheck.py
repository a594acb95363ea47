"""Runs one check the way the runner does, without the runner."""

import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tramgac_agent.checks.base import AgentView, Check, Context, LeaseDesk, Observation, Sample
from tramgac_proto.catalogue import CATALOGUE


def context(folder: Path) -> Context:
    """A context whose state lies in ``folder``."""
    view = AgentView(state_dir=folder, host="test-1", leases=LeaseDesk())
    return Context(logging.getLogger("test"), folder, threading.Event(), 10.0, view)


def observe(check: Check[Any], folder: Path, *, stored: bool = True) -> list[Observation]:
    """One run; ``stored`` False is an agent that dies before the outbox has it."""
    observations = list(check.run(context(folder)))
    for sample in samples(observations):
        assert set(sample.labels) == set(CATALOGUE[sample.name].labels), sample
    if stored:
        check.stored(observations)
    return observations


def samples(observations: Iterable[Observation]) -> list[Sample]:
    """Every sample of every observation."""
    return [sample for one in observations for sample in one.samples]


def values(observations: Iterable[Observation], **labels: str) -> dict[str, float]:
    """Values by short name, of the samples that carry ``labels``."""
    return {
        sample.name.removeprefix("tramgac_"): sample.value
        for sample in samples(observations)
        if labels.items() <= sample.labels.items()
    }
