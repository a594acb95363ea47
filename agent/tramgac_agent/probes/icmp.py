"""ICMP echo through icmplib, with whatever right this process has."""

import socket
import time
from typing import TYPE_CHECKING

from tramgac_agent.late import late
from tramgac_agent.probes.base import CannotProbe
from tramgac_agent.probes.resolve import Address

with late({"asyncio": {}}):  # only for the calls this agent does not make
    from icmplib import (
        ICMPError,
        ICMPLibError,
        ICMPRequest,
        ICMPSocketError,
        ICMPv4Socket,
        ICMPv6Socket,
        SocketBroadcastError,
        SocketPermissionError,
        TimeoutExceeded,
    )
    from icmplib.sockets import ICMPSocket
    from icmplib.utils import unique_identifier

if TYPE_CHECKING:  # Python 3.10 has no such name
    from typing_extensions import Self


class Pinger:
    """Sends echo requests to one address, one at a time.

    The unprivileged datagram socket is tried first (``net.ipv4.ping_group_range``), then
    the raw one (CAP_NET_RAW).

    Raises:
        CannotProbe: ``not_permitted`` by either right, or ``icmp_unavailable``.
    """

    def __init__(self, address: Address) -> None:
        family, sockaddr = address
        self._kind = ICMPv6Socket if family == socket.AF_INET6 else ICMPv4Socket
        # As bytes: for text getaddrinfo loads its IDNA tables, half a MiB, for each address.
        self._destination = sockaddr[0].encode("ascii")
        self._id = unique_identifier()
        self._sequence = 0
        self._socket = self._open()

    def _open(self) -> ICMPSocket:
        try:
            return self._kind(privileged=False)
        except SocketPermissionError:
            pass  # the group range does not include us
        except ICMPSocketError as error:
            raise CannotProbe("icmp_unavailable", str(error)) from error
        try:
            return self._kind(privileged=True)
        except SocketPermissionError as error:
            raise CannotProbe("not_permitted", str(error)) from error
        except ICMPSocketError as error:
            raise CannotProbe("icmp_unavailable", str(error)) from error

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def round_trip(self, timeout: float) -> float | None:
        """Time one echo, in seconds; None when no answer came or a router said no way.

        Timed here: icmplib's own stamps are wall-clock, which may step.

        Raises:
            CannotProbe: ``not_permitted``: a local firewall refuses to send.
        """
        self._sequence += 1
        request = ICMPRequest(self._destination, id=self._id, sequence=self._sequence)
        began = time.perf_counter()
        try:
            self._socket.send(request)
            reply = self._socket.receive(request, timeout)
            elapsed = time.perf_counter() - began
            reply.raise_for_status()
        except (TimeoutExceeded, ICMPError):
            return None
        except SocketBroadcastError as error:
            # Any EPERM arrives under this name.
            raise CannotProbe("not_permitted", str(error)) from error
        except ICMPLibError:
            return None  # no route from here: the probe got nowhere
        return elapsed
