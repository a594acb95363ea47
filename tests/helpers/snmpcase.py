"""Walks as text, as ``snmpbulkwalk -On`` prints them, and what a family makes of them."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tramgac_agent.checks.base import Sample
from tramgac_agent.snmp.families import load
from tramgac_agent.snmp.families.base import Poll
from tramgac_agent.snmp.settings import Device
from tramgac_agent.snmp.values import Oid, Value, Walk, oid
from tramgac_proto.catalogue import CATALOGUE

_LINE = re.compile(r"^\.?([0-9.]+) = ([A-Za-z0-9-]+): ?(.*)$")
_TICKS = oid("1.3.6.1.2.1.1.3.0")
CASES = Path(__file__).parents[1] / "agent" / "snmp" / "cases"


def device(kind: str, **settings: Any) -> Device:
    """A device as the agent is told of it."""
    told = {"name": "thing", "address": "127.0.0.1", "community_file": "/nowhere", **settings}
    return Device(kind=kind, **told)


def parse(text: str) -> dict[Oid, Value]:
    """Every line that has a value; comments begin with ``#``."""
    found: dict[Oid, Value] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            match = _LINE.match(line)
            assert match, line
            found[oid(match[1])] = _value(match[2], match[3])
    return found


def _value(kind: str, text: str) -> Value:
    if kind == "STRING":
        return text.strip('"').encode()
    if kind == "Hex-STRING":
        return bytes.fromhex(text)
    if kind == "OID":
        return oid(text)
    number = re.search(r"-?\d+", text)
    assert number, text
    return int(number[0])


def walk(answers: dict[Oid, Value], poll: Poll, family: Any, unix_ms: int = 0) -> Walk:
    """What the poller would hand over, had the device given these answers."""
    wanted = family.wanted(poll)
    scalars = {one: answers[one] for one in wanted.scalars if one in answers}
    columns = {
        column: {
            key[len(column) :]: value
            for key, value in answers.items()
            if key[: len(column)] == column and len(key) > len(column)
        }
        for column in wanted.columns
    }
    ticks = answers.get(_TICKS)
    return Walk(scalars, columns, ticks if isinstance(ticks, int) else None, unix_ms)


def named(samples: Iterable[Sample]) -> dict[str, float]:
    """Values by short name with labels, as on a page of metrics: ``port_up{port="1"}``."""
    found: dict[str, float] = {}
    for one in samples:
        assert set(one.labels) == set(CATALOGUE[one.name].labels), one
        labels = ",".join(f'{key}="{value}"' for key, value in sorted(one.labels.items()))
        name = one.name.removeprefix("tramgac_") + (f"{{{labels}}}" if labels else "")
        assert name not in found, name
        found[name] = one.value
    return found


def seen(kind: str, case: str, **settings: Any) -> tuple[dict[str, float], dict[str, float]]:
    """Samples of a recorded case, and those its ``expected.json`` names."""
    family_type = load(kind)
    family = family_type(device(kind, **settings), family_type.memory_type())
    folder = CASES / kind / case
    answers = parse((folder / "walk.txt").read_text())
    samples = [
        sample
        for poll in family.polls
        for sample in family.read(poll, walk(answers, poll, family)).samples
    ]
    return named(samples), json.loads((folder / "expected.json").read_text())
