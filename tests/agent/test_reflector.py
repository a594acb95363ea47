"""The reflector: real datagrams over loopback, from peers that mean well and others."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest
from helpers.backup import until
from helpers.onecheck import observe, values

from tramgac_agent.checks.latency import LatencyCheck, LatencySettings
from tramgac_agent.probes.reflection import SIZE, Mirror, Packet, pack, unpack
from tramgac_agent.reflector import BURST, Reflector
from tramgac_proto.configfile import convert

KEY = b"a key of the site only"
HERE = "127.0.0.1"


@contextmanager
def reflector(*peers: str, key_file: str = "") -> Iterator[Reflector]:
    made = Reflector(f"{HERE}:0", peers or (HERE,), key_file)
    made.start()
    try:
        assert made.wait_open(5)
        yield made
    finally:
        made.stop()


@contextmanager
def stranger(to: Reflector, source: str = HERE) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.connect(to.address)
        sock.settimeout(0.1)
        yield sock


def mirror(to: Reflector, key: bytes = b"") -> Mirror:
    return Mirror((socket.AF_INET, (HERE, 0)), to.address[1], key)


def question(session: int = 1, sequence: int = 0) -> bytes:
    return pack(Packet(session, sequence, time.monotonic_ns()), b"")


def refused(sock: socket.socket, data: bytes) -> bool:
    sock.send(data)
    try:
        sock.recv(4096)
    except TimeoutError:
        return True
    return False


def counted(one: Reflector, code: str) -> None:
    until(lambda: one.counts[code] > 0)


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "reflect.key"
    path.write_bytes(KEY + b"\n")
    return str(path)


def test_an_answer_carries_its_times_and_is_no_longer_than_the_question() -> None:
    """Round trips come without the reflector's part; the answer has the question's size."""
    with reflector() as one:
        with mirror(one) as asking:
            trips = [asking.round_trip(1) for _ in range(10)]
        assert all(trip is not None and 0 <= trip < 0.5 for trip in trips)
        assert [leg.arrived for leg in asking.legs] == list(range(1, 11))
        assert all(leg.dwell_ns >= 0 for leg in asking.legs)
        with stranger(one) as sock:
            sock.send(question())
            assert len(sock.recv(4096)) == SIZE


def test_who_is_not_on_the_list_gets_no_answer() -> None:
    """A peer the inventory does not name hears nothing, whatever it sends."""
    with reflector() as one, stranger(one, "127.0.0.2") as sock:
        assert refused(sock, question())
        counted(one, "stranger")


def test_a_forged_packet_gets_no_answer(key_file: str) -> None:
    """With a key, the right address is not enough; with the key, it is."""
    with reflector(key_file=key_file) as one:
        with stranger(one) as sock:
            assert refused(sock, question())
            counted(one, "not_ours")
        with mirror(one, KEY) as asking:
            assert asking.round_trip(1) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        question()[:-1],
        question() + b"x",
        question() + bytes(1400),
        b"TGR2" + question()[4:],
        pack(Packet(1, 5000, 0), b""),
        pack(Packet(1, 0, 0, answer=True), b""),
        bytes(SIZE),
    ],
    ids=["empty", "short", "cut", "longer", "huge", "other", "far", "answer", "zeros"],
)
def test_what_is_no_question_gets_no_answer(data: bytes) -> None:
    """Oversized, cut short, of another kind, or an answer itself: never answered, so no loop."""
    with reflector() as one, stranger(one) as sock:
        assert refused(sock, data)
        counted(one, "not_ours")
        assert not refused(sock, question())


def test_a_packet_is_answered_once() -> None:
    """A recorded question sent again is refused and not counted as one that came."""
    with reflector() as one, stranger(one) as sock:
        again = question(7, 3)
        assert not refused(sock, again)
        assert refused(sock, again)
        counted(one, "replayed")
        sock.send(question(7, 4))
        answer = unpack(sock.recv(4096), b"")
        assert answer is not None
        assert answer.arrived == 2


def test_a_flood_is_cut_short_and_says_so() -> None:
    """Beyond its pace a peer gets nothing; answers afterwards say that losses prove nothing."""
    with reflector() as one, stranger(one) as sock:
        for number in range(400):
            sock.send(question(number // 200, number % 200))
        answers = 0
        try:
            while sock.recv(4096):
                answers += 1
        except TimeoutError:
            pass
        assert BURST <= answers <= BURST + 60
        assert one.counts["too_many"] > 0

        def strained() -> bool:
            with mirror(one) as asking:
                asking.round_trip(0.2)
                return asking.strained

        until(strained)


def test_a_flood_of_strangers_costs_little_and_an_honest_peer_is_told() -> None:
    """While strangers flood, the reflector rests, and says to its peers that it does."""
    with reflector() as one, stranger(one, "127.0.0.2") as sock:
        for _ in range(3000):
            sock.send(question())

        def told() -> bool:
            with mirror(one) as asking:
                asking.round_trip(0.2)
                return asking.strained

        until(told)


def test_an_answer_that_was_not_asked_for_changes_nothing() -> None:
    """Answers of another run, or to a question never sent, are not taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind((HERE, 0))
        far.settimeout(2)
        with Mirror((socket.AF_INET, (HERE, 0)), far.getsockname()[1], b"") as asking:
            assert asking.round_trip(0.05) is None
            data, peer = far.recvfrom(4096)
            real = unpack(data, b"")
            assert real is not None
            for false in (
                real._replace(answer=True, session=real.session ^ 1),
                real._replace(answer=True, sequence=9),
                real._replace(answer=True, received_ns=10, transmitted_ns=5),
                real,
            ):
                far.sendto(pack(false, b""), peer)
            assert asking.round_trip(0.2) is None
        assert asking.legs == []


def test_an_unusable_key_opens_no_door(tmp_path: Path) -> None:
    """A key file that is missing or too short does not fall back to no key."""
    short = tmp_path / "short.key"
    short.write_text("short")
    for path in (short, tmp_path / "none.key"):
        one = Reflector(f"{HERE}:0", (HERE,), str(path))
        one.start()
        assert not one.wait_open(0.3)
        one.stop()


def test_an_ipv4_peer_is_known_on_a_socket_of_both_families() -> None:
    """`listen = "[::]:8445"` answers the IPv4 addresses of the list, where there is IPv6."""
    one, sock = Reflector("[::]:0", (HERE,)), Mock(spec=socket.socket)
    codes = [
        one._answer(sock, (question(), (f"::ffff:{peer}", 9, 0, 0), 1), b"")
        for peer in (HERE, "127.0.0.2")
    ]
    assert codes == ["answered", "stranger"]
    assert sock.sendto.call_count == 1


def test_losses_of_a_strained_reflector_are_no_losses_of_the_path(tmp_path: Path) -> None:
    """What it refused is not told as loss; another method, where one is allowed, decides."""
    with reflector() as one, stranger(one) as sock:
        for number in range(400):
            sock.send(question(number // 200, number % 200))
        counted(one, "too_many")
        until(lambda: _asks(one))
        target = {"name": "hub", "address": HERE, "reflector_port": one.address[1]}
        tree = {"probes": 20, "spacing_seconds": 0.06, "timeout_seconds": 0.1}
        only = {**tree, "targets": [{**target, "method": "udp"}]}
        (seen,) = observe(LatencyCheck(convert(only, LatencySettings, "test")), tmp_path)
        assert seen.failure == "reflector_strained"
        both = LatencyCheck(convert({**tree, "targets": [target]}, LatencySettings, "test"))
        assert values(observe(both, tmp_path), method="icmp")["path_loss_ratio"] == 0


def _asks(one: Reflector) -> bool:
    with mirror(one) as asking:
        return asking.round_trip(0.2) is not None
