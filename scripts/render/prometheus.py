"""Asks a Prometheus over its HTTP API."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from render.choices import Window

_SECONDS = 30
_LARGEST_BYTES = 64 * 2**20

Series = list[dict[str, Any]]


class PrometheusError(RuntimeError):
    """It refused a question, or is not there."""


class Prometheus:
    """One server.

    Args:
        url: Its base, such as ``http://127.0.0.1:9090``.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"not an HTTP address: {url}")
        self._url = url.rstrip("/")

    def address(self, path: str, fields: Mapping[str, str]) -> str:
        """Where to ask; fields that are empty are left out."""
        query = urllib.parse.urlencode({name: value for name, value in fields.items() if value})
        return f"{self._url}/api/v1/{path}?{query}"

    def _get(self, path: str, fields: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
        try:
            with urllib.request.urlopen(  # noqa: S310 - http only, see above
                self.address(path, fields), timeout=_SECONDS
            ) as answer:
                data = answer.read(_LARGEST_BYTES + 1)
        except urllib.error.HTTPError as error:
            reason = error.read(2000).decode(errors="replace")
            raise PrometheusError(f"{fields.get('query', path)}: {reason}") from error
        except OSError as error:
            raise PrometheusError(f"{self._url}: {error}") from error
        if len(data) > _LARGEST_BYTES:
            raise PrometheusError(f"{fields.get('query', path)}: the answer is too long")
        return json.loads(data)["data"]

    def label_values(self, selector: str, label: str, window: Window) -> Sequence[str]:
        """Values of ``label`` among the series of ``selector`` in the window."""
        fields = {
            "match[]": selector,
            "start": f"{window.start:.3f}",
            "end": f"{window.end:.3f}",
        }
        found: list[str] = self._get(f"label/{label}/values", fields)
        return found

    def instant(self, expression: str, window: Window) -> Series:
        """The vector at the end of the window."""
        data = self._get("query", {"query": expression, "time": f"{window.end:.3f}"})
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        found: Series = data["result"]
        return found

    def ranged(self, expression: str, window: Window, step: float) -> Series:
        """The series over the window, a point each ``step`` seconds, on whole steps."""
        fields = {
            "query": expression,
            "start": f"{window.start // step * step:.3f}",
            "end": f"{window.end // step * step:.3f}",
            "step": f"{step:g}",
        }
        found: Series = self._get("query_range", fields)["result"]
        return found
