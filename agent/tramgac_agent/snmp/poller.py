"""``python -m tramgac_agent.snmp.poller``: asks every device, for as long as it is listened to.

One engine, one loop, at most fifty devices at once, never two requests to one device. What it is
to do comes on standard input, what it found goes to standard output, a line each.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from tramgac_agent.snmp.asking import Turns
from tramgac_agent.snmp.errors import SnmpFailed
from tramgac_agent.snmp.session import Engines
from tramgac_agent.snmp.settings import Device
from tramgac_agent.snmp.wire import MAX_LINE_BYTES, Order, Told
from tramgac_proto.configfile import EXIT_CONFIG, EXIT_OK

# A thousand questions at once lose datagrams; the answers then wait for the retry timer.
_AT_ONCE = 50
_LONGEST_WAIT = 3600.0

log = logging.getLogger("tramgac_agent.snmp")


class Poller:
    """All devices.

    Args:
        order: Whom to ask.
    """

    def __init__(self, order: Order) -> None:
        self._engines = engines = Engines()
        folder = Path(order.state_dir)
        self._all = [
            Turns(_knowing(device, order.known_macs), engines, folder) for device in order.devices
        ]
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until told to stop."""
        tasks = [asyncio.create_task(self._keep_asking(one)) for one in self._all]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in self._all:
            one.close()
        self._engines.close()

    async def _keep_asking(self, turns: Turns) -> None:
        while True:
            await asyncio.sleep(min(_LONGEST_WAIT, max(0.0, turns.due - time.monotonic())))
            async with self._room:
                say(await self._turn(turns))

    @staticmethod
    async def _turn(turns: Turns) -> Sequence[Told]:
        try:
            return await asyncio.wait_for(turns.turn(), turns.longest())
        except asyncio.TimeoutError:  # before Python 3.11 another one than TimeoutError
            return turns.failed(SnmpFailed("too_slow"))
        except Exception:  # one device's nonsense must not stop the others
            log.exception("%s: internal error", turns.device.name)
            return turns.failed(SnmpFailed("internal_error"))


def _knowing(device: Device, macs: tuple[str, ...]) -> Device:
    """With the addresses that are known to all; one tuple where a device names none itself."""
    known = (*device.known_macs, *macs) if device.known_macs else macs
    return msgspec.structs.replace(device, known_macs=known)


def say(told: Sequence[Told]) -> None:
    """Write lines; where the reader is gone, its end of our input tells us so too."""
    encoder = msgspec.json.Encoder()
    for one in told:
        line = encoder.encode(one)
        if len(line) > MAX_LINE_BYTES:
            log.error("%s: %s: too much to tell", one.device, one.stream)
            continue
        with suppress(BrokenPipeError):
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()


async def _main(order: Order) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch() -> None:
        # Whoever started us is gone when this ends, however it went.
        while sys.stdin.buffer.read(4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="stdin", daemon=True).start()
    await Poller(order).run(stop)


def main() -> int:
    """Read the order, then work until the input ends."""
    logging.basicConfig(level="INFO", format="%(levelname)s %(name)s %(message)s")
    try:
        order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    except msgspec.MsgspecError as error:
        log.error("unusable order: %s", error)  # noqa: TRY400 - the text says it all
        return EXIT_CONFIG
    asyncio.run(_main(order))
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
