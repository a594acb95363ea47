"""What a product of another vendor says of itself: a file it leaves, or the output of a command."""

import os
import stat
from typing import Annotated

import msgspec

from tramgac_agent.drop import FUTURE_TOLERANCE_MS
from tramgac_agent.sources.base import SourceFailed, SourceSettings, Visit
from tramgac_agent.sources.command import MAX_OUTPUT_BYTES, run
from tramgac_agent.sources.folders import state_of, within

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class ExportSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to read; one of ``file`` and ``command``.

    Attributes:
        file: Written again and again by a task of the product's machine.
        command: Run by the probe; says the same.
        environment: Names of the probe's variables the command may see, such as a password's.
        max_age_minutes: An older file tells nothing; 0: as long as a state is good for.
    """

    file: str = ""
    command: tuple[str, ...] = ()
    environment: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ()
    max_age_minutes: Annotated[int, msgspec.Meta(ge=0, le=14 * 1440)] = 0

    @property
    def max_age_ms(self) -> int:
        """How old the file may be."""
        return 60_000 * self.max_age_minutes or 1000 * self.valid_seconds

    def problem(self) -> str:
        """One of the two places."""
        if bool(self.file) == bool(self.command):
            return "set one of `file` and `command`"
        return ""


def read(settings: ExportSettings, visit: Visit) -> str:
    """The whole text, at most 8 MiB.

    Raises:
        SourceFailed: ``blind_unreachable``: the file is not there or old; ``blind_auth``: it
            may not be read; ``blind_timeout``; ``blind_tool``: anything else.
    """
    if settings.file:
        return text_of(within(visit.budget.left, lambda: _content(settings, visit.now_ms)))
    given = {
        name: visit.environment[name] for name in settings.environment if name in visit.environment
    }
    answer = run(settings.command, visit, given)
    if answer.exit_code:
        raise SourceFailed("blind_tool", f"exit code {answer.exit_code}: {answer.errors[-500:]}")
    return answer.text.removeprefix("\ufeff")


def _content(settings: ExportSettings, now_ms: int) -> bytes:
    try:
        file = os.open(settings.file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        state = state_of(error)
        # That the report is not there says nothing of the backups.
        raise SourceFailed(
            "blind_unreachable" if state == "missing" else state, str(error)
        ) from error
    with os.fdopen(file, "rb") as source:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_OUTPUT_BYTES:
            raise SourceFailed("blind_tool", f"{settings.file}: no plain file of bounded size")
        age_ms = now_ms - found.st_mtime_ns // 1_000_000
        if not -FUTURE_TOLERANCE_MS <= age_ms <= settings.max_age_ms:
            raise SourceFailed("blind_unreachable", f"{settings.file}: not written lately")
        return source.read(MAX_OUTPUT_BYTES)


def text_of(data: bytes) -> str:
    """Text in UTF-8, or in what its byte order mark says; PowerShell 5 writes UTF-16."""
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    return data.decode(encoding, "replace")
