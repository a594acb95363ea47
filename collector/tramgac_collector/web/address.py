"""Where the page may be shown."""

import ipaddress

from tramgac_collector.wsgi import split_address
from tramgac_proto.configfile import ConfigError


def check_loopback(listen: str) -> None:
    """Refuse to show the page to a network while it has no accounts.

    Raises:
        ConfigError: ``[listen] web`` is not a loopback address.
    """
    try:
        host, _ = split_address(listen)
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise ConfigError(f"[listen] web: {error}") from None
    if not loopback:
        raise ConfigError(
            f"[listen] web: `{listen}` is open to the network, and the page has no accounts;"
            " use 127.0.0.1:8480 and reach it through ssh -L"
        )
