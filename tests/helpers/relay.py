"""A long or lossy line between the two ends of a cable: a relay of packets in user space."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from helpers.netns import Cable

NEAR_RELAYED = "10.213.8.1"
FAR_RELAYED = "10.213.8.2"

# Ends when its standard input does. Loss is drawn from a fixed seed, so every run loses alike.
_RELAY = """
import collections, ctypes, fcntl, os, random, select, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def tunnel(space):
    with open(f"/run/netns/{space}") as file:
        if libc.setns(file.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"relay", 0x1001))
    return tun
near, far = tunnel(sys.argv[1]), tunnel(sys.argv[2])
delay, loss = float(sys.argv[3]), float(sys.argv[4])
dice, waiting = random.Random(5), collections.deque()
print("ready", flush=True)
while True:
    left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
    ready = select.select([near, far, sys.stdin], [], [], left)[0]
    if sys.stdin in ready:
        break
    now = time.monotonic()
    for source in ready:
        for _ in range(64):
            try:
                packet = os.read(source, 2048)
            except OSError:
                break
            if len(packet) < 500 or dice.random() >= loss:
                waiting.append((now + delay, near if source == far else far, packet))
    while waiting and waiting[0][0] <= now:
        _, target, packet = waiting.popleft()
        try:
            os.write(target, packet)
        except OSError:
            pass
"""


def _ip(space: str, *words: str) -> None:
    subprocess.run(["ip", "-n", space, *words], check=True, capture_output=True, timeout=10)


@contextmanager
def relay(joined: Cable, round_trip_seconds: float, loss: float = 0.0) -> Iterator[str]:
    """Lay the line; yields the far end's address on it.

    Args:
        joined: Whose two namespaces it joins.
        round_trip_seconds: Half of it each way.
        loss: Share of the full packets that vanish. Small ones pass: acknowledgements and
            pings, so that what is lost is the data alone.
    """
    words = [sys.executable, "-c", _RELAY, joined.near, joined.far]
    words += [str(round_trip_seconds / 2), str(loss)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for space, address in ((joined.near, NEAR_RELAYED), (joined.far, FAR_RELAYED)):
            _ip(space, "addr", "add", f"{address}/30", "dev", "relay")
            _ip(space, "link", "set", "relay", "up")
        yield FAR_RELAYED
    finally:
        process.communicate(timeout=10)
