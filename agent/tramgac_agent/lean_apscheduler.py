"""``import apscheduler`` without what only its other schedulers and executors need.

The core of APScheduler imports asyncio, multiprocessing, the metadata of packages and the
system's time zones. The agent runs one background scheduler in one fixed zone, in threads:
5 MiB of resident memory for nothing (``docs/decisions/0002-lean-grpc-import.md``). What is given
here is what APScheduler takes from those modules while it is imported; whatever else anybody asks
of them loads them as ever. Nothing happens for modules that are imported already.
"""

import inspect
from datetime import tzinfo
from importlib import import_module
from typing import Any

from tramgac_agent.late import late


class _BrokenPoolError(RuntimeError):
    """Named in an ``except``; there are no process pools here."""


class _ZoneInfo(tzinfo):
    """Named in an ``isinstance``; the agent's zone is a fixed offset."""

    def __new__(cls, key: str) -> Any:  # noqa: ANN401 - the real class
        return import_module("zoneinfo").ZoneInfo(key)


def _local_zone() -> tzinfo:
    zone: tzinfo = import_module("tzlocal").get_localzone()
    return zone


def _no_entry_points(**_: str) -> tuple[()]:
    """Plugins by name; the agent hands over objects."""
    return ()


def _version(_: str) -> str:
    return "3.11"


_GIVEN: dict[str, dict[str, object]] = {
    "asyncio": {"iscoroutinefunction": inspect.iscoroutinefunction},
    "concurrent.futures.process": {"BrokenProcessPool": _BrokenPoolError},
    "importlib.metadata": {
        "PackageNotFoundError": ModuleNotFoundError,
        "entry_points": _no_entry_points,
        "version": _version,
    },
    "multiprocessing": {},
    "tzlocal": {"get_localzone": _local_zone},
    "zoneinfo": {"ZoneInfo": _ZoneInfo},
}

with late(_GIVEN):
    from apscheduler import events
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.interval import IntervalTrigger

__all__ = ["BackgroundScheduler", "IntervalTrigger", "ThreadPoolExecutor", "events"]
