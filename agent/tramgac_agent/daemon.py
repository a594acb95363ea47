"""The resident agent: puts outbox, uplink, checks and responder together and takes them apart."""

import logging
import os
import signal
import socket
import threading
from types import FrameType

from tramgac_agent.checks import load
from tramgac_agent.checks.base import AgentView, LeaseDesk
from tramgac_agent.clock import SYSTEM_CLOCK
from tramgac_agent.config import Config
from tramgac_agent.host.heartbeat import mark_clean_stop
from tramgac_agent.identity.files import IdentityFiles
from tramgac_agent.outbox import Outbox, OutboxLimits
from tramgac_agent.reflector import Reflector
from tramgac_agent.responder import ResponderDoor
from tramgac_agent.runner import Runner
from tramgac_agent.schedule import Schedule
from tramgac_agent.uplink import Uplink

_MIB = 1024 * 1024
_STOP_SECONDS = 5.0
_LOOK_SECONDS = 2.0

log = logging.getLogger(__name__)


def notify_systemd(state: str) -> None:
    """Tell systemd our state (sd_notify protocol); nothing happens without systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notice:
            notice.connect("\0" + address[1:] if address.startswith("@") else address)
            notice.sendall(state.encode())
    except OSError as error:
        # Measuring goes on; systemd draws its own conclusions from silence.
        log.warning("systemd cannot be told %s: %s", state, error)


def _open_outbox(config: Config) -> Outbox:
    section = config.outbox
    limits = OutboxLimits(
        max_age_days=section.max_age_days,
        max_bytes=int(section.max_mebibytes * _MIB),
        max_free_share=section.max_free_share,
        ballast_bytes=int(section.ballast_mebibytes * _MIB),
    )
    return Outbox.open(config.state_dir / "outbox.db", limits=limits, clock=SYSTEM_CLOCK)


class Daemon:
    """One running agent.

    Args:
        config: The configuration in force.
    """

    def __init__(self, config: Config) -> None:
        config.state_dir.mkdir(parents=True, exist_ok=True)
        self._config = config
        self._halt = threading.Event()
        self._outbox = _open_outbox(config)
        files = IdentityFiles(config.state_dir)
        identity = files.load()
        desk = LeaseDesk()
        host = identity.host if identity else ""
        self._uplink = Uplink(self._outbox, files, config, desk, SYSTEM_CLOCK)
        self._runner = Runner(
            [load(name)(settings) for name, settings in config.checks.items()],
            self._outbox,
            AgentView(config.state_dir, host, desk),
            self._uplink.wake,
        )
        self._schedule = Schedule(self._runner, SYSTEM_CLOCK)
        self._door = (
            ResponderDoor(config.responder.listen, files, lambda: self._uplink.status.offset_ms)
            if config.responder.enabled
            else None
        )
        section = config.responder
        self._reflector = (
            Reflector(section.listen, section.reflect_to, section.reflect_key_file)
            if section.enabled and section.reflect_to
            else None
        )

    def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        self._uplink.start()
        if self._door:
            self._door.start()
        if self._reflector:
            self._reflector.start()
        self._schedule.start()
        notify_systemd("READY=1")
        log.info("running %d checks", len(self._config.checks))
        self._wait()
        self._close()

    def _wait(self) -> None:
        beat = float(os.environ.get("WATCHDOG_USEC", "0")) / 2_000_000 or _LOOK_SECONDS
        # Not for ever: a signal that came just before the wait, or that another thread took,
        # does not wake this thread, which alone runs Python's handlers.
        while not self._halt.wait(min(beat, _LOOK_SECONDS)):
            notify_systemd("WATCHDOG=1")

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._halt.set()

    def _close(self) -> None:
        notify_systemd("STOPPING=1")
        self._schedule.stop()
        if self._door:
            self._door.stop()
        if self._reflector:
            self._reflector.stop()
        self._uplink.stop(_STOP_SECONDS)
        self._mark_stop()
        self._outbox.close()
        log.info("stopped")

    def _mark_stop(self) -> None:
        """Leave word for the uptime check of the next start, if there is such a check."""
        if "uptime" not in self._config.checks:
            return
        try:
            mark_clean_stop(self._config.state_dir / "checks" / "uptime")
        except OSError as error:
            log.warning("this stop will count as unclean: %s", error)
