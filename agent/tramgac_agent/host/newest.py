"""What was found last on the LAN that matters to people, kept beside the outbox for ``doctor lan``.

The outbox forgets what the centre has taken; somebody at the site still wants to know.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from tramgac_agent.checks.base import Sample
from tramgac_agent.host import statefile

# No device can have this name: it lies among the devices' own files.
FILE = "_newest.json"
_PREFIX = "tramgac_"
# Of each poll its last end: the code of its failure, or none with the value 0.
POLL = "poll_failed"
_KEPT = frozenset(
    {
        POLL,
        *("device_up", "port_finding", "printer_error", "printer_asleep"),
        *("path_reachable", "path_throughput_held"),
        *("ups_on_battery", "ups_battery_low", "ups_battery_replace", "ups_self_test_passed"),
    }
)
_MOST_WHO = 512
_MOST_OF_ONE = 300
_FORGOTTEN_SECONDS = 7 * 86_400
_SAVE_SECONDS = 300

log = logging.getLogger(__name__)


class Word(msgspec.Struct, array_like=True):
    """One value: since when it is so, and when it was last confirmed, unix seconds."""

    value: float
    since: int
    at: int


Heard = tuple[str, Iterable[Sample]]
"""Samples of one device, or of the way to one target."""


class _File(msgspec.Struct):
    devices: dict[str, dict[str, Word]] = {}


class Said(NamedTuple):
    """What one device said last.

    Attributes:
        name: Metric, without the prefix all have.
        label: Value of the label that names a kind of trouble.
        part: Port or poll it is about; empty where it is the device.
    """

    device: str
    name: str
    label: str
    part: str
    word: Word


def poll_ended(poll: str, failure: str) -> Sample:
    """For ``Newest.note``, which no agent sends anywhere: how a poll ended.

    Args:
        poll: Its name.
        failure: Code; empty: it was answered.
    """
    return Sample(POLL, float(bool(failure)), {"code": failure, "poll": poll})


class Newest:
    """Newest values by device; changes are saved at once, confirmations now and then."""

    def __init__(self) -> None:
        self._known: _File | None = None
        self._saved = 0

    def note(self, told: Iterable[Heard], folder: Path, now: int) -> None:
        """Take over what was told now; trouble with the disk is logged, never raised.

        Args:
            told: By the check.
            folder: State of the check.
            now: Unix seconds.
        """
        if self._known is None:
            self._known = statefile.load(folder / FILE, _File, log) or _File()
        changed = False
        for one in told:
            changed |= _note(self._known, one, now)
        if not changed and 0 <= now - self._saved < _SAVE_SECONDS:
            return
        self._saved = now
        _forget(self._known, now)
        try:
            statefile.save(folder / FILE, self._known)
        except OSError as error:
            log.warning("newest values not kept: %s", error)


def _note(known: _File, heard: Heard, now: int) -> bool:
    device, samples = heard
    if device not in known.devices and len(known.devices) >= _MOST_WHO:
        return False
    words = known.devices.setdefault(device, {})
    changed = False
    for one in samples:
        name = one.name.removeprefix(_PREFIX)
        key = "|".join((name, *(text for _, text in sorted(one.labels.items()))))
        if name == POLL:
            changed |= _forget_end(words, key)
        elif name not in _KEPT or (key not in words and len(words) >= _MOST_OF_ONE):
            continue
        word = words.get(key)
        if word is None or word.value != one.value:
            words[key], changed = Word(one.value, now, now), True
        else:
            word.at = now
    return changed


def _forget_end(words: dict[str, Word], key: str) -> bool:
    """A poll ended otherwise before; True if there was such a word."""
    poll = key.rpartition("|")[2]
    old = [one for one in words if one != key and one.startswith(f"{POLL}|")]
    old = [one for one in old if one.rpartition("|")[2] == poll]
    for one in old:
        del words[one]
    return bool(old)


def _forget(known: _File, now: int) -> None:
    for device, words in list(known.devices.items()):
        for key, word in list(words.items()):
            if now - word.at > _FORGOTTEN_SECONDS:
                del words[key]
        if not words:
            del known.devices[device]


def read(folder: Path) -> Iterator[Said]:
    """What was kept, beside a running agent; nothing where there is no file or it is damaged."""
    known = statefile.load(folder / FILE, _File, log) or _File()
    for device, words in sorted(known.devices.items()):
        for key, word in sorted(words.items()):
            # Labels stand in the order of their names: the finding before the port.
            name, label, part = (*key.split("|", 2), "", "")[:3]
            yield Said(device, name, label, part, word)
