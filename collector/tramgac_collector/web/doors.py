"""Through which door a request came: by which name, from whom, through the proxy or not."""

import ipaddress
from urllib.parse import urlsplit

from flask import abort, request

from tramgac_collector.config import Config
from tramgac_collector.web.address import loopback_names

HEALTHY = "healthy"
# What the link of a message needs.
LINKS = frozenset({"acknowledge", "static"})
_PROBES = frozenset({HEALTHY, "ready"})


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


class Doors:
    """Which names and peers are answered.

    Without accounts and with links that people open from elsewhere, something stands in front
    of the pages and may ask for them by any name, even by that of loopback: then links are all
    there is.
    """

    def __init__(self, config: Config) -> None:
        web = config.web
        self._proxy = ipaddress.ip_address(web.proxy) if web.proxy else None
        self._public = _host(web.public_url)
        outside = _host(config.notify.page_url)
        self._loopback = {name.strip("[]") for name in loopback_names()}
        self._links = "" if outside in self._loopback else outside
        self.only_links = bool(self._links) and not web.accounts

    @property
    def names(self) -> list[str]:
        """Every name a request may ask for; any other may have been bound to this machine."""
        more = (name for name in (self._public, self._links) if name)
        return [*loopback_names(), *more]

    def check(self) -> None:
        """Refuse what comes through the wrong door: HTTP 400, 403 or 404."""
        endpoint, asked = request.endpoint, _host(f"//{request.host}")
        if self._proxy is not None:
            if endpoint == HEALTHY:
                return
            self._check_proxied(asked)
        elif endpoint != HEALTHY and asked in self._loopback and not _is_here(request.remote_addr):
            # The name of this machine, asked for from another: no browser of people does that.
            abort(400)
        if endpoint in LINKS:
            return
        if self._links == asked != self._public:
            abort(404)
        if self.only_links and endpoint not in _PROBES:
            abort(404)

    def _check_proxied(self, asked: str) -> None:
        """Only the proxy, and only what it says people asked it for by HTTPS and by its name."""
        if _address(request.remote_addr) != self._proxy:
            abort(403)
        if asked not in {self._public, self._links}:
            abort(400)
        if request.headers.get("X-Forwarded-Proto") != "https":
            abort(403)

    def client(self) -> str:
        """Address of the person's machine; behind the proxy as the proxy says it."""
        peer = _address(request.remote_addr)
        if self._proxy is not None and peer == self._proxy:
            # Whatever stands before the last was written by somebody else.
            said = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
            return str(_address(said) or peer)
        return str(peer or "unknown")


def _is_here(text: str | None) -> bool:
    found = _address(text)
    return found is not None and found.is_loopback


def _address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
