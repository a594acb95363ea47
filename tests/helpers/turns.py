"""Turns of one device's polls, one after another, and what they said."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from tramgac_agent.snmp.asking import Turns
from tramgac_agent.snmp.errors import SnmpFailed
from tramgac_agent.snmp.session import Engines
from tramgac_agent.snmp.settings import Device
from tramgac_agent.snmp.wire import Told


def turns_of(device: dict[str, Any], folder: Path) -> Turns:
    """A device as the poller has it."""
    return Turns(msgspec.convert(device, Device), Engines(), folder)


async def turn(turns: Turns, polls: Collection[str] = (), seconds: float = 9.0) -> list[Told]:
    """One turn as the poller makes it, now, of these polls or all."""
    turns._due = {poll: 0.0 if not polls or poll in polls else 1e12 for poll in turns._due}
    try:
        return await asyncio.wait_for(turns.turn(), seconds)
    except asyncio.TimeoutError:
        return turns.failed(SnmpFailed("too_slow"))


def take(turns: Turns, times: int = 1, seconds: float = 9.0) -> list[Told]:
    """Whole turns in a loop of their own; what the last said."""

    async def work() -> list[Told]:
        told: list[Told] = []
        for _ in range(times):
            told = await turn(turns, seconds=seconds)
        turns._session._engines.close()
        return told

    return asyncio.run(work())


def samples(told: list[Told]) -> dict[str, float]:
    """Values by name and labels, of all streams: ``port_up{a0}``."""
    found = {}
    for one in told:
        for name, value, labels in one.samples:
            shown = ",".join(value for _, value in sorted(labels.items()))
            found[name.removeprefix("tramgac_") + (f"{{{shown}}}" if shown else "")] = value
    return found


def failures(told: list[Told]) -> dict[str, str]:
    """Codes by stream."""
    return {one.stream: one.failure for one in told if one.failure}
