"""Where the pages may be shown, and how."""

import ipaddress
import ssl

from tramgac_collector.config import Config
from tramgac_collector.web.settings import WebSection
from tramgac_collector.wsgi import split_address, tls_context
from tramgac_proto.configfile import ConfigError

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def check_door(config: Config) -> None:
    """Refuse what would show the pages to strangers, or send passwords in the clear.

    Raises:
        ConfigError: With the key and the fix.
    """
    web, listen = config.web, config.listen.web
    _check_tls(web)
    _check_proxy(web)
    if _is_loopback(listen):
        return
    if not web.accounts:
        raise ConfigError(
            f"[listen] web: `{listen}` is open to the network, and the pages have no accounts;"
            " set [web] accounts = true, or use 127.0.0.1:8480 and reach it through ssh -L"
        )
    if not web.secure:
        raise ConfigError(
            f"[listen] web: `{listen}` is open to the network, and passwords would cross it in the"
            " clear; give [web] tls_certificate and tls_key, or proxy and public_url"
        )
    if not web.public_url:
        raise ConfigError("[web] public_url: write how people reach the pages, https://NAME")


def _is_loopback(listen: str) -> bool:
    try:
        host, _ = split_address(listen)
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise ConfigError(f"[listen] web: {error}") from None


def _check_tls(web: WebSection) -> None:
    if not (web.tls_certificate or web.tls_key):
        return
    if not (web.tls_certificate and web.tls_key):
        raise ConfigError("[web] tls_certificate and tls_key: give both or neither")
    if web.proxy:
        raise ConfigError("[web] proxy and tls_certificate: give one of them, not both")
    try:
        tls_context(web.tls_certificate, web.tls_key)
    except (OSError, ssl.SSLError) as error:
        text = error.strerror or str(error)
        files = f"{web.tls_certificate}, {web.tls_key}"
        raise ConfigError(f"[web] tls_certificate, tls_key: {files}: {text}") from None


def _check_proxy(web: WebSection) -> None:
    if not web.proxy:
        return
    try:
        ipaddress.ip_address(web.proxy)
    except ValueError:
        raise ConfigError(f"[web] proxy: `{web.proxy}` is no address, e.g. 127.0.0.1") from None
    if not web.accounts:
        raise ConfigError(
            "[web] proxy: whoever reaches it would see every page; set [web] accounts = true"
        )
    if not web.public_url:
        raise ConfigError("[web] public_url: write how people reach the proxy, https://NAME")


def loopback_names() -> list[str]:
    """Names by which the machine itself is asked; a page elsewhere may bind none of them."""
    return list(_LOOPBACK)
