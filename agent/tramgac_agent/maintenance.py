"""Work planned on this host: what the agent has taken over, for the commands to read."""

import logging
from pathlib import Path

import msgspec

from tramgac_agent.drop import Maintenance, planned
from tramgac_proto.privatefile import write_private

FILE_NAME = "maintenance.json"
# A day after its end a plan is of no use to anybody here; the centre keeps it.
_KEPT_MS = 86_400_000
_MOST = 100
_MOST_BYTES = 256 * 1024

log = logging.getLogger(__name__)

_DECODER = msgspec.json.Decoder(list[Maintenance])


def taken(folder: Path) -> list[Maintenance]:
    """What the agent has taken over, oldest first; nothing where that cannot be told.

    Raises:
        PermissionError: Only the agent's own user and root may look.
    """
    try:
        with (folder / FILE_NAME).open("rb") as file:
            return _DECODER.decode(file.read(_MOST_BYTES))
    except FileNotFoundError:
        return []
    except msgspec.DecodeError as error:
        log.warning("%s cannot be read: %s", folder / FILE_NAME, error)
        return []


def remember(folder: Path, plan: Maintenance, now_ms: int) -> None:
    """Note a plan or its end; a full disk costs the note, never the report."""
    try:
        kept = [one for one in taken(folder) if one.until_unix_ms > now_ms - _KEPT_MS]
        data = msgspec.json.encode(merged([*kept, plan])[-_MOST:])
        write_private(folder / FILE_NAME, data, 0o640)
    except OSError as error:
        log.warning("planned work cannot be noted: %s", error)


def known(state_dir: Path, drop: Path, now_ms: int) -> list[Maintenance]:
    """Every plan this host knows of, taken over or not, oldest first.

    Raises:
        OSError: One of the folders cannot be read.
    """
    return merged([*taken(state_dir), *planned(drop, now_ms)])


def merged(plans: list[Maintenance]) -> list[Maintenance]:
    """One entry a plan; an end outlasts its plan, in whatever order they come."""
    found: dict[str, Maintenance] = {}
    for one in plans:
        before = found.get(one.plan_id)
        if before is None or before.ended_unix_ms is None:
            found[one.plan_id] = one
    return list(found.values())


def is_open(plan: Maintenance, now_ms: int) -> bool:
    """Whether it is on or to come."""
    return plan.ended_unix_ms is None and plan.until_unix_ms > now_ms
