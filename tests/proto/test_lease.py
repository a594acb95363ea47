"""Leases: who is let in, and above all who is not."""

import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from helpers.leases import KEY, NAME, PUBLIC, claims, token
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_proto.throughput import lease
from tramgac_proto.throughput.lease import LeaseError, ReplayMemory, verify
from tramgac_proto.v1 import fleet_pb2

HOUR_MS = 3_600_000


def now() -> int:
    return time.time_ns() // 1_000_000


def refusal(permit: bytes, at_ms: int | None = None, offset_ms: int = 0) -> str:
    with pytest.raises(LeaseError) as caught:
        verify(permit, PUBLIC, at_ms or now(), NAME, clock_offset_ms=offset_ms)
    return caught.value.code


def test_a_genuine_lease_is_honoured() -> None:
    """What the collector signed comes out as it went in."""
    wanted = claims()

    assert verify(lease.sign(wanted, KEY), PUBLIC, now(), NAME) == wanted


def test_another_signer_is_refused() -> None:
    """A lease signed by any other key is forged."""
    assert refusal(lease.sign(claims(), Ed25519PrivateKey.generate())) == "forged"


def test_a_changed_claim_is_refused() -> None:
    """Not a bit of the claims may differ from what was signed."""
    envelope = fleet_pb2.LeaseToken.FromString(token())
    changed = fleet_pb2.LeaseClaims.FromString(envelope.claims)
    changed.max_bytes *= 10
    envelope.claims = changed.SerializeToString()

    assert refusal(envelope.SerializeToString()) == "forged"


def test_a_signature_of_something_else_is_refused() -> None:
    """The context string keeps signatures of other messages from passing as leases."""
    body = claims().SerializeToString()
    bare = fleet_pb2.LeaseToken(claims=body, signature=KEY.sign(body))

    assert refusal(bare.SerializeToString()) == "forged"


def test_a_lease_for_another_responder_is_refused() -> None:
    """A lease for one host is worth nothing at another."""
    assert refusal(token(responder="benh-vien-b/main/his")) == "other_responder"


def test_an_oversized_token_is_refused_unread() -> None:
    """Nobody makes us parse more than 4 KiB."""
    assert refusal(token(target="x" * 5000)) == "oversize"


@pytest.mark.parametrize(
    "change",
    [
        {"id": b"short"},
        {"direction": "both"},
        {"proves": "everything"},
        {"pace_bytes_per_second": float("nan")},
        {"pace_bytes_per_second": float("inf")},
        {"pace_bytes_per_second": 0.0},
        {"max_bytes": 0},
        {"max_bytes": lease.MAX_BYTES + 1},
        {"max_seconds": 3600.0},
        {"expires_unix_ms": now() + HOUR_MS},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_lease_without_measure_is_refused(change: dict[str, object]) -> None:
    """Even the collector cannot ask for a test without end."""
    assert refusal(token(**change)) == "out_of_bounds"


def test_time_bounds_hold_with_tolerance() -> None:
    """Outside its time a lease is refused; 5 s of clock error are forgiven."""
    start = now()
    permit = token(not_before_unix_ms=start, expires_unix_ms=start + 20_000)

    assert refusal(permit, start - 5_001) == "not_yet_valid"
    for inside in (start - 5_000, start + 24_999):
        verify(permit, PUBLIC, inside, NAME)
    assert refusal(permit, start + 25_000) == "expired"


def test_a_clock_that_is_hours_wrong_is_corrected_by_its_known_offset() -> None:
    """The offset learned from the collector makes a wrong clock usable, and only that."""
    permit, slow = token(), now() - 3 * HOUR_MS

    assert refusal(permit, slow) == "not_yet_valid"
    verify(permit, PUBLIC, slow, NAME, clock_offset_ms=3 * HOUR_MS)


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_garbage_is_refused(garbage: bytes) -> None:
    """Any bytes at all end in a refusal, never in another error."""
    assert refusal(garbage) in {"malformed", "forged", "out_of_bounds"}


def test_a_lease_is_good_for_one_test(tmp_path: Path) -> None:
    """The second use is refused, also by a process that was started in between."""
    used, first = tmp_path / "used", claims()
    ReplayMemory(used).spend(first, now())

    with pytest.raises(LeaseError, match="replayed"):
        ReplayMemory(used).spend(first, now())
    ReplayMemory(used).spend(claims(), now())


def test_a_clock_set_back_revives_no_lease(tmp_path: Path) -> None:
    """A lease forgotten after its expiry stays refused when the clock returns into its time."""
    memory, old = ReplayMemory(tmp_path / "used"), claims()
    memory.spend(old, now())
    later = claims(expires_unix_ms=now() + HOUR_MS)
    memory.spend(later, now() + HOUR_MS - 10_000)

    with pytest.raises(LeaseError, match="expired"):
        memory.spend(old, now())


def test_a_damaged_memory_refuses_what_it_may_have_seen(tmp_path: Path) -> None:
    """With the file torn, leases of the moment are refused and later ones are honoured."""
    used = tmp_path / "used"
    used.write_text('{"floor": 0, "used": {"00')

    with pytest.raises(LeaseError, match="expired"):
        ReplayMemory(used).spend(claims(), now())
    later = now() + 2 * lease.MAX_LIFETIME_MS
    ReplayMemory(used).spend(claims(expires_unix_ms=later + 20_000), later)


def test_a_use_that_cannot_be_written_down_does_not_happen(tmp_path: Path) -> None:
    """Without a disk to remember on, no test is run."""
    with pytest.raises(LeaseError, match="unrecorded"):
        ReplayMemory(tmp_path / "missing" / "used").spend(claims(), now())


def test_the_memory_forgets_what_has_expired(tmp_path: Path) -> None:
    """The file does not grow for ever."""
    used, start = tmp_path / "used", now()
    memory = ReplayMemory(used)
    for number in range(50):
        at = start + number * 60_000
        memory.spend(claims(expires_unix_ms=at + 20_000), at)

    assert used.stat().st_size < 400
