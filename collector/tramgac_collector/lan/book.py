"""The conductor's ledger, written through the one writer of the store."""

import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from tramgac_collector import metrics
from tramgac_collector.lan.ledger import (
    Ending,
    Grant,
    Refusal,
    insert_grant,
    write_ending,
    write_refusal,
)
from tramgac_collector.lan.segments import site_key
from tramgac_collector.model import Owner
from tramgac_collector.store.writer import StoreUnavailable
from tramgac_proto.throughput.lease import DIRECTIONS, PROVES
from tramgac_proto.v1 import fleet_pb2

# Refusals alike are written down together, so that asking costs the store little.
TOGETHER_MS = 300_000
_MOST_WAITING = 10_000
# Reasons that may come with a target that is not declared: free text of the agent.
_UNDECLARED = frozenset(
    {"unknown_target", "unknown_initiator", "unknown_direction", "unknown_proof", "bad_pace"}
)

log = logging.getLogger(__name__)


class LedgerBook:
    """Writes down what the conductor did.

    Args:
        execute: ``Writer.execute``.
    """

    def __init__(self, execute: Callable[[Callable[[Connection], None]], object]) -> None:
        self._execute = execute
        # When a line was last written, and how many are not written yet.
        self._waiting: dict[tuple[str, str, str, str, str], tuple[int, int]] = {}

    def granted(self, grant: Grant) -> None:
        """A lease was given; it is signed already, so the store being away stops nothing."""
        self._write(partial(insert_grant, grant=grant), f"lease {grant.id}")

    def ended(self, ending: Ending) -> None:
        """A test ended."""
        self._write(partial(write_ending, ending=ending), f"end of lease {ending.id}")

    def refused(self, owner: Owner, refusal: fleet_pb2.LeaseRefusal, now_ms: int) -> None:
        """A request was refused: written at once, then every five minutes."""
        code = refusal.code
        known = code not in _UNDECLARED
        key = (
            owner.agent_id,
            refusal.target if known else "",
            refusal.direction if refusal.direction in DIRECTIONS else "",
            refusal.proves if refusal.proves in PROVES else "",
            code,
        )
        written_ms, count = self._waiting.get(key, (0, 0))
        if written_ms <= now_ms < written_ms + TOGETHER_MS:
            self._waiting[key] = (written_ms, count + 1)
            return
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.clear()
        self._waiting[key] = (now_ms, 0)
        row = Refusal(*key, site_key(owner.facility, owner.site), now_ms, count + 1)
        self._write(partial(write_refusal, refusal=row), f"refusal of {owner.agent_id}")

    def count(self, code: str) -> None:
        """Count a decision in the collector's own metrics."""
        metrics.LEASES.labels(code).inc()

    def _write(self, job: Callable[[Connection], None], what: str) -> None:
        try:
            self._execute(job)
        except StoreUnavailable:
            # After a restart budgets and turns miss it; the lease itself expires.
            log.warning("%s not written down", what)
