"""A process that appends until it is killed, and says what it was promised.

Run as ``python -m helpers.appender FOLDER``: one line on standard output for every append
that returned, so that a test can kill it anywhere and know what must be on the disk.
"""

import sys
from pathlib import Path

from helpers.outboxes import point

from tramgac_agent.checks.base import Observation
from tramgac_agent.clock import SYSTEM_CLOCK
from tramgac_agent.outbox import Outbox, OutboxLimits


def main(folder: Path) -> None:
    """Append with a token and without, settle now and then, thin all the time."""
    limits = OutboxLimits(3650, 200_000, 1.0, 0)
    box = Outbox.open(folder / "outbox.db", limits=limits, clock=SYSTEM_CLOCK)
    number = box.stats().last_seq
    while True:
        number += 1
        token = f"t{number}"
        box.append("drop", [Observation(event=True, token=token), point(width=20)], valid_seconds=1)
        sys.stdout.write(f"{token}\n")
        sys.stdout.flush()
        if number % 7 == 0:
            last = box.stats().last_seq
            box.mark_sent(last)
            box.settle(last - 30, epoch=box.epoch)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
