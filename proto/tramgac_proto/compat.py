"""What newer Pythons have and CPython 3.10 lacks, each under the one name the code uses."""

import re
import sys
from datetime import datetime

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["iso_time", "tomllib"]

_FRACTION = re.compile(r"(?<=:\d\d)\.(\d+)")


def iso_time(text: str) -> datetime:
    """Read a time of RFC 3339, with `Z` and any number of decimals, as Python 3.11 would.

    Written out for every Python, so that no two of them differ. Digits beyond the sixth are cut.

    Raises:
        ValueError: It is none.
    """
    plain = _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", text, count=1)
    return datetime.fromisoformat(f"{plain[:-1]}+00:00" if plain[-1:] in {"Z", "z"} else plain)
