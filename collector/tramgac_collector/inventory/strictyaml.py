"""YAML without its traps: no aliases, no repeated keys, no surprising types.

Only ``true``, ``false``, ``null`` and plain numbers are anything but text, so that
``no``, ``on``, ``12:30`` and an insurance code ``01234`` stay what was written.
"""

import re
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 4 * 1024 * 1024
# Deeper than any inventory, shallower than the parser's own stack.
MAX_DEPTH = 30

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class StrictYamlError(Exception):
    """The text is not acceptable YAML; the message says where and why."""


class _Loader(_Base):  # type: ignore[misc]
    """SafeLoader that refuses what silently changes meaning."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own shape

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002
        """Build a node once; PyYAML comes here again only for an alias."""
        if node in self.constructed_objects or node in self.recursive_objects:
            raise _refusal(node, "anchors and aliases are not allowed; write it out")
        return super().construct_object(node, deep=deep)


def read_text(path: Path) -> str:
    """Text of a file of bounded size.

    Raises:
        OSError: It cannot be read.
        StrictYamlError: It is too large or not UTF-8.
    """
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise StrictYamlError(f"larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictYamlError(f"not UTF-8 at byte {error.start}") from None


def _refusal(node: yaml.Node, text: str) -> StrictYamlError:
    mark = node.start_mark
    return StrictYamlError(f"line {mark.line + 1}, column {mark.column + 1}: {text}")


def _build_map(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:  # noqa: ANN401
    mapping: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refusal(key, "a key must be a word")
        if key.value in mapping:
            raise _refusal(key, f"`{key.value}` stands here twice; keep one")
        mapping[key.value] = loader.construct_object(value, deep=True)
    return mapping


def _build_list(loader: Any, node: yaml.SequenceNode) -> list[Any]:  # noqa: ANN401
    return [loader.construct_object(child, deep=True) for child in node.value]


def _refuse_tag(_loader: Any, node: yaml.Node) -> None:  # noqa: ANN401
    raise _refusal(node, f"`{node.tag}` is not allowed")


_Loader.yaml_constructors = {
    "tag:yaml.org,2002:null": yaml.SafeLoader.construct_yaml_null,
    "tag:yaml.org,2002:bool": yaml.SafeLoader.construct_yaml_bool,
    "tag:yaml.org,2002:int": lambda loader, node: int(loader.construct_scalar(node)),
    "tag:yaml.org,2002:float": lambda loader, node: float(loader.construct_scalar(node)),
    "tag:yaml.org,2002:str": yaml.SafeLoader.construct_yaml_str,
    "tag:yaml.org,2002:seq": _build_list,
    "tag:yaml.org,2002:map": _build_map,
    None: _refuse_tag,
}
for _tag, _pattern, _first in (
    ("null", r"^(~|null|)$", ["~", "n", ""]),
    ("bool", r"^(true|false)$", ["t", "f"]),
    ("int", r"^-?(0|[1-9][0-9]{0,17})$", list("-0123456789")),
    ("float", r"^-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}$", list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise StrictYamlError(f"nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def parse(text: str) -> object:
    """Parse one document.

    Raises:
        StrictYamlError: Names line, column and fix.
    """
    if len(text.encode()) > MAX_BYTES:
        raise StrictYamlError(f"larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        _check_depth(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader, stricter still
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise StrictYamlError(f"{where}not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise StrictYamlError(f"not valid YAML: {error}") from error
