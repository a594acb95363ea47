"""What check and poller say to each other: one JSON object a line."""

from typing import Annotated

import msgspec

from tramgac_agent.snmp.settings import Device, KnownMacs

MAX_LINE_BYTES = 1024 * 1024
MAX_DEVICES = 512


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the poller is told, once, on its standard input; the end of it ends the poller.

    Attributes:
        devices: Whom to ask.
        state_dir: Where it keeps what it must know after a restart.
        known_macs: Beside those that each device names.
    """

    devices: Annotated[tuple[Device, ...], msgspec.Meta(max_length=MAX_DEVICES)]
    state_dir: str
    known_macs: KnownMacs = ()


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one poll of one device came to.

    Attributes:
        stream: Of the observation: the poll's name, or ``up``.
        samples: Name, value and labels.
        failure: Code; then there are no samples.
        valid_seconds: How long they say something.
    """

    device: str
    stream: str
    samples: tuple[tuple[str, float, dict[str, str]], ...] = ()
    failure: str = ""
    event: bool = False
    valid_seconds: int = 0
