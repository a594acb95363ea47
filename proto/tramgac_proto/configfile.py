"""Strict TOML configuration: an unknown key is an error that names file and path."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tramgac_proto.compat import tomllib

T = TypeVar("T")

# What msgspec says, for people who write TOML.
_PLAIN_WORDS = (
    ("Object contains unknown field", "unknown key"),
    ("Object missing required field", "missing key"),
    ("Expected `object`", "Expected a section"),
)

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78


class ConfigError(Exception):
    """The configuration cannot be used; the text names file, key and fix (exit code 78)."""


def _merge(base: dict[str, Any], extra: Mapping[str, Any], source: Path) -> None:
    for key, value in extra.items():
        old = base.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping):
            _merge(old, value, source)
        elif key in base:
            msg = f"{source}: `{key}` is already set elsewhere; keep it in one file"
            raise ConfigError(msg)
        else:
            base[key] = value


def _parse(path: Path) -> dict[str, Any]:
    try:
        tree: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; create it or pass --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    return tree


def _environment(prefix: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """``TRAMGAC_AGENT_SECTION__KEY=value`` overrides ``[section] key``."""
    tree: dict[str, Any] = {}
    for name, value in environ.items():
        if not name.startswith(prefix):
            continue
        *parents, leaf = name.removeprefix(prefix).lower().split("__")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise ConfigError(f"${name}: its section is set to a text by another variable")
        if isinstance(node.get(leaf), dict):
            raise ConfigError(f"${name}: this is a section; set its keys, as in ${name}__KEY")
        node[leaf] = value
    return tree


def _override(base: dict[str, Any], extra: Mapping[str, Any]) -> None:
    for key, value in extra.items():
        if isinstance(value, Mapping):
            node = base.setdefault(key, {})
            if isinstance(node, dict):
                _override(node, value)
        else:
            base[key] = value


def _drop_ins(path: Path) -> list[Path]:
    """Files beside ``path``: of its own folder (``agent.d``), or of ``conf.d`` where it has none.

    Two programs on one machine share the folder of their files, but not each other's keys.
    """
    own = path.with_suffix(".d")
    return sorted((own if own.is_dir() else path.parent / "conf.d").glob("*.toml"))


def read_tree(path: Path, prefix: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read ``path``, then its drop-in files beside it, then the environment.

    Raises:
        ConfigError: A file is missing, unreadable, not TOML, or sets a key twice.
    """
    tree = _parse(path)
    for extra in _drop_ins(path):
        _merge(tree, _parse(extra), extra)
    _override(tree, _environment(prefix, os.environ if environ is None else environ))
    return tree


def origin(path: Path, prefix: str, environ: Mapping[str, str] | None = None) -> str:
    """Everything that ``read_tree`` reads, for messages: a wrong key may stand in any of it."""
    extra = [f"{one.parent.name}/{one.name}" for one in _drop_ins(path)]
    names = os.environ if environ is None else environ
    extra += [f"${name}" for name in sorted(names) if name.startswith(prefix)]
    return f"{path} (with {', '.join(extra)})" if extra else str(path)


def convert(tree: object, into: type[T], where: str) -> T:
    """Convert a parsed tree into a struct, text from the environment included.

    Args:
        tree: What ``read_tree`` gave, or a part of it.
        into: A ``msgspec.Struct`` with ``forbid_unknown_fields``.
        where: File (and section) for the message.

    Raises:
        ConfigError: Unknown key, wrong type or value out of bounds.
    """
    try:
        return msgspec.convert(tree, into, strict=False)
    except msgspec.ValidationError as error:
        text = str(error)
        for theirs, ours in _PLAIN_WORDS:
            text = text.replace(theirs, ours)
        raise ConfigError(f"{where}: {text}") from error
