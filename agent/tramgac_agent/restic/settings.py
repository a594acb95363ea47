"""The probe's configuration: one small TOML file for one repository."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from tramgac_agent.drill.settings import DrillSettings
from tramgac_agent.restic.repository import Rule
from tramgac_agent.restic.verify_settings import VerifySettings
from tramgac_agent.restic.wrapper import BINARY_VARIABLE
from tramgac_agent.sources.base import SeriesSettings, SourceSettings
from tramgac_agent.sources.medium import folder_of
from tramgac_agent.sources.vanished import DEFAULT_KEEP_DAYS

_SECRETS = ("RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND")


class SeriesRule(SeriesSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[series]]``: a declared series and which snapshots belong to it.

    Attributes:
        keep_days: No snapshot younger than this may ever disappear.
        drill: Restore drills; None: by hand only.
    """

    host: str = ""
    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    keep_days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = DEFAULT_KEEP_DAYS
    drill: DrillSettings | None = None


class ProbeSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file.

    Attributes:
        repository: As restic takes it. Where the address holds a password, use
            ``repository_file``.
        password_file: Read by restic itself; or ``password_command``.
        cache_dir: Empty: ``$CACHE_DIRECTORY``, else restic's own place.
        verify: Integrity checks; off without the table.
    """

    repository: str = ""
    repository_file: str = ""
    password_file: str = ""
    password_command: str = ""
    restic: str = "restic"
    cache_dir: str = ""
    verify: VerifySettings | None = None
    series: Annotated[tuple[SeriesRule, ...], msgspec.Meta(min_length=1, max_length=100)]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The match rules."""
        return tuple(
            Rule(one.id, one.host, one.paths, one.tags, one.keep_days) for one in self.series
        )

    @property
    def address(self) -> str:
        """The repository's address, which may hold a password; empty when it cannot be read."""
        if not self.repository_file:
            return self.repository
        try:
            return Path(self.repository_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    @property
    def locks_folder(self) -> Path | None:
        """Where a repository on this machine keeps its locks; None for any other."""
        folder = folder_of(self.address)
        return folder / "locks" if folder else None

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Environment for restic: everything it needs, nothing of it in argv."""
        result = {
            key: value
            for key, value in environ.items()
            if key not in {"RESTIC_REPOSITORY", "RESTIC_REPOSITORY_FILE"}
        }
        if self.password_file or self.password_command:
            for name in _SECRETS:
                result.pop(name, None)
        cache = self.cache_dir or environ.get("CACHE_DIRECTORY", "")
        named = {
            "RESTIC_REPOSITORY": self.repository,
            "RESTIC_REPOSITORY_FILE": self.repository_file,
            "RESTIC_PASSWORD_FILE": self.password_file,
            "RESTIC_PASSWORD_COMMAND": self.password_command,
            "RESTIC_CACHE_DIR": cache,
            "RESTIC_PROGRESS_FPS": "0.016",
            BINARY_VARIABLE: self.restic,
        }
        return result | {key: value for key, value in named.items() if value}

    def problem(self) -> str:
        """What is wrong with the file as a whole, with the key; empty when nothing is."""
        if bool(self.repository) == bool(self.repository_file):
            return "set one of `repository` and `repository_file`"
        if self.password_file and self.password_command:
            return "set `password_file` or `password_command`, not both"
        if os.sep in self.restic and not Path(self.restic).is_file():
            return f"restic: no such file: {self.restic}"
        return ""
