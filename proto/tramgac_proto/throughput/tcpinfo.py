"""What the kernel tells of a TCP connection (``struct tcp_info``, include/uapi/linux/tcp.h)."""

import socket
import struct
from dataclasses import dataclass

_BYTES = 192  # up to tcpi_rwnd_limited, Linux 4.10


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """The part of it that a test needs.

    Attributes:
        rtt: Smoothed, seconds.
        min_rtt: Seconds.
        retransmits: Segments sent twice since the connection began.
        delivery_rate: Newest estimate of what arrives, bytes per second.
        busy: Seconds in which there was something to send.
        shut: Seconds of these in which the receiver's window was closed.
    """

    rtt: float
    min_rtt: float
    retransmits: int
    delivery_rate: float
    busy: float
    shut: float


def tcp_info(sock: socket.socket) -> TcpInfo | None:
    """The state of a connection; None where the system does not tell."""
    option = getattr(socket, "TCP_INFO", None)
    if option is None:
        return None
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, option, _BYTES)
        rtt, retransmits, min_rtt = (
            struct.unpack_from("=I", raw, offset)[0] for offset in (68, 100, 148)
        )
        delivery_rate, busy, shut = struct.unpack_from("=QQQ", raw, 160)
    except (OSError, struct.error):
        return None
    return TcpInfo(
        rtt / 1e6, min_rtt / 1e6, retransmits, float(delivery_rate), busy / 1e6, shut / 1e6
    )
