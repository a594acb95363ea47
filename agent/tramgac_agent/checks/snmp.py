"""Devices on the LAN that run no agent, asked by SNMP in a process of its own."""

import logging
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, ClassVar

import msgspec

from tramgac_agent.checks.base import (
    Check,
    CheckFailed,
    CheckSettings,
    Context,
    NotApplicable,
    Observation,
    Sample,
)
from tramgac_agent.host.newest import Heard, Newest, poll_ended
from tramgac_agent.snmp.families import FAMILIES
from tramgac_agent.snmp.settings import Device, KnownMacs
from tramgac_agent.snmp.wire import MAX_DEVICES, MAX_LINE_BYTES, Order, Told

_POLLER = (sys.executable, "-I", "-m", "tramgac_agent.snmp.poller")
# More than all devices tell between two looks; the oldest go first.
_MOST_WAITING = 8 * MAX_DEVICES
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
_STEADY_SECONDS = 600.0
_FIRST_ANSWERS_SECONDS = 40.0
_POLL_SECONDS = 0.2
_END_SECONDS = 5.0


class SnmpSettings(CheckSettings, frozen=True, kw_only=True):
    """``[checks.snmp]``.

    Attributes:
        devices: Each one assigned to this host in the inventory.
        known_macs: As a device's own, for each of them.
    """

    devices: Annotated[tuple[Device, ...], msgspec.Meta(max_length=MAX_DEVICES)] = ()
    known_macs: KnownMacs = ()

    def __post_init__(self) -> None:
        """Refuse double names and families nobody knows."""
        names = [device.name for device in self.devices]
        if len(set(names)) < len(names):
            raise ValueError("two devices have the same name")
        for device in self.devices:
            if device.kind not in FAMILIES:
                known = ", ".join(sorted(FAMILIES))
                raise ValueError(f"device `{device.name}`: unknown kind; known: {known}")


class SnmpCheck(Check[SnmpSettings]):
    """Hands over what the poller found since the last look; starts it again when it died."""

    name: ClassVar[str] = "snmp"
    interval_seconds: ClassVar[float] = 15.0
    deadline_seconds: ClassVar[float] = 60.0
    settings_type: ClassVar[type[CheckSettings]] = SnmpSettings

    def __init__(self, settings: SnmpSettings) -> None:
        super().__init__(settings)
        self._poller = _Child()
        self._newest = Newest()

    def run(self, context: Context) -> Iterator[Observation]:
        """Everything that was found since the last run.

        Raises:
            CheckFailed: ``poller_died``: it is started again after a while.
            NotApplicable: No device is configured.
        """
        if not self.settings.devices:
            raise NotApplicable("no devices in [checks.snmp]")
        order = Order(
            devices=self.settings.devices,
            state_dir=str(context.state_dir),
            known_macs=self.settings.known_macs,
        )
        new = self._poller.keep(order, context)
        if new:
            self._poller.wait_for(len(self.settings.devices), context)
        known = {device.name for device in self.settings.devices}
        found = [_observation(one) for one in self._poller.take() if one.device in known]
        self._newest.note(map(_heard, found), context.state_dir, int(time.time()))
        yield from found
        if not self._poller.alive:
            raise CheckFailed("poller_died")


def _observation(told: Told) -> Observation:
    samples = tuple(Sample(*one) for one in told.samples)
    return Observation(
        samples,
        subject=told.device,
        stream=told.stream,
        failure=told.failure,
        event=told.event,
        valid_seconds=told.valid_seconds,
    )


def _heard(one: Observation) -> Heard:
    """What ``doctor lan`` may want to know; also that nothing was learnt."""
    return one.subject, (*one.samples, poll_ended(one.stream, one.failure))


class _Child:
    """The poller's process, and what it has said that nobody took yet."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._said: deque[Told] = deque(maxlen=_MOST_WAITING)
        self._heard: set[str] = set()
        self._pause = 0.0
        self._began = 0.0
        self._again = 0.0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def keep(self, order: Order, context: Context) -> bool:
        """Start it unless it runs, or died a moment ago; True when it was started now."""
        if self.alive or context.stop.is_set():
            return False
        now = time.monotonic()
        if self._process is not None and self._again <= self._began:
            steady = now - self._began > _STEADY_SECONDS
            self._pause = _FIRST_PAUSE if steady else min(_LONGEST_PAUSE, 2 * self._pause or 1.0)
            self._again = now + self._pause
            context.log.error("the poller ended (%s)", self._process.returncode)
        if now < self._again:
            return False
        self._start(order, context)
        return True

    def _start(self, order: Order, context: Context) -> None:
        self._began = time.monotonic()
        self._heard.clear()
        try:
            process = subprocess.Popen(
                _POLLER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError as error:
            raise CheckFailed("cannot_start", str(error)) from error
        self._process = process
        threading.Thread(target=self._read, args=(process,), name="snmp-out", daemon=True).start()
        words = (process, context.log)
        threading.Thread(target=_relay, args=words, name="snmp-log", daemon=True).start()
        threading.Thread(
            target=_end_with, args=(process, context.stop), name="snmp-stop", daemon=True
        ).start()
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.write(msgspec.json.encode(order) + b"\n")
                process.stdin.flush()

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        if process.stdout is None:
            return
        decode = msgspec.json.Decoder(Told).decode
        with process.stdout as said:
            while line := said.readline(MAX_LINE_BYTES + 1):
                with suppress(msgspec.MsgspecError):  # the end of a line that was too long
                    told = decode(line)
                    self._said.append(told)
                    self._heard.add(told.device)

    def wait_for(self, count: int, context: Context) -> None:
        """Give every device the time for its first answer, so that one look shows something."""
        until = time.monotonic() + min(_FIRST_ANSWERS_SECONDS, 0.7 * context.deadline_seconds)
        while self.alive and len(self._heard) < count and time.monotonic() < until:
            if context.stop.wait(_POLL_SECONDS):
                return

    def take(self) -> Iterator[Told]:
        """What was said since; of each stream the newest, and every event."""
        said = [self._said.popleft() for _ in range(len(self._said))]
        newest = {(one.device, one.stream): number for number, one in enumerate(said)}
        for number, one in enumerate(said):
            if one.event or newest[one.device, one.stream] == number:
                yield one


def _relay(process: "subprocess.Popen[bytes]", log: logging.Logger) -> None:
    if process.stderr is None:
        return
    with process.stderr as said:
        while line := said.readline(4096):
            log.info("%s", line.decode("utf-8", "replace").rstrip())


def _end_with(process: "subprocess.Popen[bytes]", stop: threading.Event) -> None:
    """End it when the agent stops; should the agent be killed, the end of its input does."""
    while process.poll() is None and not stop.wait(1.0):
        pass
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
