"""Answers latency probes of named peers with the times they came and went.

The port is open to the LAN, so: only peers on the list, only packets with the site's key where
there is one, each packet once, as many bytes back as came, and no more than a few a second. What
is refused gets no answer at all.
"""

import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from tramgac_agent.door import Door
from tramgac_agent.probes.base import CannotProbe
from tramgac_agent.probes.reflection import Packet, Stamped, pack, read_key, unpack
from tramgac_proto.throughput.session import split_address

# A run of the largest size at once, and then as many as two runs of the usual size need.
BURST = 120
PER_SECOND = 20.0
MAX_SESSIONS = 4
# So many strangers' packets a second cost no more than they should.
_MOST_REFUSED = 500
_REST_SECONDS = 0.05
_STRAINED_SECONDS = 10.0
_LOOK_SECONDS = 0.5
_REOPEN_SECONDS = 30.0

log = logging.getLogger(__name__)


class _Peer:
    """What is remembered of one peer."""

    def __init__(self, now: float) -> None:
        self._left = float(BURST)
        self._filled = now
        self.strained_until = 0.0
        # Sequence numbers seen, as bits, by session.
        self._sessions: OrderedDict[int, int] = OrderedDict()

    def may_ask(self, now: float) -> bool:
        """Whether it keeps to its pace."""
        self._left = min(BURST, self._left + (now - self._filled) * PER_SECOND)
        self._filled = now
        if self._left < 1:
            self.strained_until = now + _STRAINED_SECONDS
            return False
        self._left -= 1
        return True

    def take(self, packet: Packet) -> int:
        """How many of the session have come; 0: this one has been here before."""
        seen, bit = self._sessions.get(packet.session, 0), 1 << packet.sequence
        if seen & bit:
            return 0
        self._sessions[packet.session] = seen | bit
        self._sessions.move_to_end(packet.session)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return (seen | bit).bit_count()


class Reflector(Door):
    """Listens in a thread of its own.

    Args:
        listen: ``host:port``, UDP.
        peers: IP addresses that get an answer.
        key_file: Key that the site's agents share; empty: the list of peers alone decides.
    """

    def __init__(self, listen: str, peers: Iterable[str], key_file: str = "") -> None:
        super().__init__("reflector")
        self._listen = listen
        self._peers: dict[str, _Peer | None] = dict.fromkeys(peers)
        self._key_file = key_file
        self._refused = 0
        self._counted_from = 0.0
        self._strained_until = 0.0

    def _run(self) -> None:
        while not self._halt.is_set():
            try:
                key = read_key(self._key_file)
                host, port = split_address(self._listen)
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                with socket.socket(family, socket.SOCK_DGRAM) as sock:
                    sock.bind((host, port))
                    self._serve(sock, key)
            except (OSError, ValueError, CannotProbe) as error:
                log.error("reflector: cannot listen on %s: %s", self._listen, error)  # noqa: TRY400 - the text says it all
                self._halt.wait(_REOPEN_SECONDS)

    def _serve(self, sock: socket.socket, key: bytes) -> None:
        stamped = Stamped(sock)
        sock.settimeout(_LOOK_SECONDS)
        self.address = sock.getsockname()[:2]
        self._opened.set()
        while not self._halt.is_set():
            try:
                data, peer, arrived_ns = stamped.receive()
            except (TimeoutError, ConnectionError):
                continue  # Windows tells here that an earlier answer found nobody
            code = self._answer(sock, (data, peer, arrived_ns), key)
            self.counts[code] += 1
            if code != "answered":
                self._refuse()

    def _answer(self, sock: socket.socket, arrived: tuple[bytes, Any, int], key: bytes) -> str:
        """Answer one packet, or not; returns the code that is counted."""
        data, address, arrived_ns = arrived
        # Listening on both families, an IPv4 address comes in the dress of the other.
        name, now = address[0].removeprefix("::ffff:"), time.monotonic()
        if name not in self._peers:
            return "stranger"
        packet = unpack(data, key)
        if packet is None or packet.answer:
            return "not_ours"
        peer = self._peers[name] = self._peers[name] or _Peer(now)
        if not peer.may_ask(now):
            return "too_many"
        count = peer.take(packet)
        if not count:
            return "replayed"
        strained = now < max(self._strained_until, peer.strained_until)
        answer = packet._replace(
            answer=True, strained=strained, arrived=count, received_ns=arrived_ns,
            transmitted_ns=max(arrived_ns, time.monotonic_ns()),
        )  # fmt: skip
        try:
            sock.sendto(pack(answer, key), address)
        except OSError as error:
            log.debug("reflector: cannot answer %s: %s", name, error)
            return "unsent"
        return "answered"

    def _refuse(self) -> None:
        """Count what was refused; a flood of it must not cost this host a processor."""
        now = time.monotonic()
        if now - self._counted_from > 1:
            self._counted_from, self._refused = now, 0
        self._refused += 1
        if self._refused > _MOST_REFUSED:
            self._refused = 0
            self._strained_until = now + _STRAINED_SECONDS
            self._halt.wait(_REST_SECONDS)
