"""The probe file: which source, and its settings."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tramgac_agent.sources import SOURCES, Source, load
from tramgac_agent.sources.base import SourceSettings
from tramgac_proto.compat import tomllib
from tramgac_proto.configfile import ConfigError, convert


def read_source(path: Path) -> Source[Any]:
    """Read and check a probe file.

    Raises:
        ConfigError: Names file, key and fix.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    name = tree.get("source", "restic")
    if name not in SOURCES:
        raise ConfigError(f"{path}: source: no `{name}`; one of {', '.join(sorted(SOURCES))}")
    source = load(name)
    settings = convert(tree, source.settings_type, str(path))
    problem = settings.problem()
    if problem:
        raise ConfigError(f"{path}: {problem}")
    return source(settings)


def state_folder(settings: SourceSettings, environ: Mapping[str, str]) -> Path:
    """Where the source remembers things, made if need be.

    Raises:
        ConfigError: Nowhere was named.
        OSError: It cannot be made.
    """
    name = settings.state_dir or environ.get("STATE_DIRECTORY", "").partition(os.pathsep)[0]
    if not name:
        raise ConfigError("`state_dir` is not set and there is no $STATE_DIRECTORY")
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
