"""The thresholds of ``thresholds.toml``, by section and name."""

import tomllib
from collections.abc import Mapping
from typing import Final

from tramgac_dashboards.places import ROOT

Value = str | int | float

THRESHOLDS: Final[Mapping[str, Mapping[str, Value]]] = tomllib.loads(
    (ROOT / "thresholds.toml").read_text(encoding="utf-8")
)
COLLECTOR: Final = THRESHOLDS["collector"]
CENTRE: Final = THRESHOLDS["centre"]

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds(duration: Value) -> int:
    """A Prometheus duration of one unit, such as ``150s`` or ``3d``, in seconds.

    Raises:
        ValueError: It is none.
    """
    text = str(duration)
    if text[-1:] not in _UNITS:
        raise ValueError(f"no duration: {text!r}")
    return int(text[:-1]) * _UNITS[text[-1]]
