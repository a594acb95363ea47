"""A recovery key for a drill to try: the copy in the safe, not the password of every night."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tramgac_agent.restic.settings import ProbeSettings
from tramgac_proto.configfile import ConfigError


def with_key(probe: ProbeSettings, key: Path, environ: Mapping[str, str]) -> ProbeSettings:
    """The same repository, opened with the password in ``key`` and no other.

    restic reads the file itself, more than once. Only its kind, size and place are looked at
    here, never its content.

    Raises:
        ConfigError: It is no readable file with something in it, or the very one in use.
    """
    path = key.absolute()
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError(f"{key}: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{key}: must be a file, since restic reads it more than once")
    if not found.st_size:
        raise ConfigError(f"{key}: is empty")
    if not os.access(path, os.R_OK):
        raise ConfigError(f"{key}: may not be read")
    used = probe.environment(environ).get("RESTIC_PASSWORD_FILE", "")
    if used and _is_same(Path(used), found):
        raise ConfigError(
            f"{key}: is the file that every backup uses; to try it again proves nothing."
            " Name the copy that would be left after this host is lost"
        )
    return msgspec.structs.replace(probe, password_file=str(path), password_command="")


def _is_same(used: Path, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(used.stat(), found)
    except OSError:  # the configured one is gone: all the more is to be learned from the other
        return False
