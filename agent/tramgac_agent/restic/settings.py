"""The probe's configuration: one small TOML file for one repository."""

import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from tramgac_agent.drop import SeriesId
from tramgac_agent.restic.repository import Rule
from tramgac_agent.restic.wrapper import BINARY_VARIABLE
from tramgac_proto.configfile import ConfigError, convert

_INTERVALS_VALID = 2.5
_SECRETS = ("RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND")


class SeriesRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[series]]``: a declared series and which snapshots belong to it."""

    id: SeriesId
    host: str = ""
    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class ProbeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file.

    Attributes:
        repository: As restic takes it. Where the address holds a password, use
            ``repository_file``.
        password_file: Read by restic itself; or ``password_command``.
        interval_seconds: Time between runs; a state is good for two and a half of them.
        deadline_seconds: For all calls of one run together.
        state_dir: Empty: ``$STATE_DIRECTORY``, which systemd sets.
        cache_dir: Empty: ``$CACHE_DIRECTORY``, else restic's own place.
    """

    repository: str = ""
    repository_file: str = ""
    password_file: str = ""
    password_command: str = ""
    restic: str = "restic"
    interval_seconds: Annotated[float, msgspec.Meta(ge=60, le=14 * 86400)] = 3600.0
    deadline_seconds: Annotated[float, msgspec.Meta(gt=0, le=6 * 3600)] = 120.0
    state_dir: str = ""
    cache_dir: str = ""
    series: Annotated[tuple[SeriesRule, ...], msgspec.Meta(min_length=1, max_length=100)]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The match rules."""
        return tuple(Rule(one.id, one.host, one.paths, one.tags) for one in self.series)

    @property
    def valid_seconds(self) -> int:
        """How long a state says something."""
        return math.ceil(_INTERVALS_VALID * self.interval_seconds)

    @property
    def locks_folder(self) -> Path | None:
        """Where a repository on this machine keeps its locks; None for any other."""
        path = Path(self.repository.removeprefix("local:"))
        return path / "locks" if path.is_absolute() else None

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

    def state_folder(self, environ: Mapping[str, str]) -> Path:
        """Where the probe remembers things.

        Raises:
            ConfigError: Nowhere was named.
        """
        name = self.state_dir or environ.get("STATE_DIRECTORY", "").partition(":")[0]
        if not name:
            raise ConfigError("`state_dir` is not set and there is no $STATE_DIRECTORY")
        return Path(name)


def load_settings(path: Path) -> ProbeSettings:
    """Read and check the file.

    Raises:
        ConfigError: Names file, key and fix.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    settings = convert(tree, ProbeSettings, str(path))
    if bool(settings.repository) == bool(settings.repository_file):
        raise ConfigError(f"{path}: set one of `repository` and `repository_file`")
    if settings.password_file and settings.password_command:
        raise ConfigError(f"{path}: set `password_file` or `password_command`, not both")
    if os.sep in settings.restic and not Path(settings.restic).is_file():
        raise ConfigError(f"{path}: restic: no such file: {settings.restic}")
    return settings
