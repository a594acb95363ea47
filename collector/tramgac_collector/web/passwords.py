"""Passwords: argon2id, at most two at work at once, so that a flood of logins stays small.

46 MiB and two passes: the strongest of OWASP's memory sizes with one pass more, 90 ms of one
core of the machine it was measured on (docs/web.md).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 200
AT_ONCE = 2
_HASHER = PasswordHasher(time_cost=2, memory_cost=47_104, parallelism=1)
_WAIT_SECONDS = 2.0
_slots = threading.BoundedSemaphore(AT_ONCE)


class BusyError(Exception):
    """Too many logins at once; nobody was let in or counted."""


@contextmanager
def slot() -> Iterator[None]:
    """Room for one password at work.

    Raises:
        BusyError: There was none for two seconds.
    """
    if not _slots.acquire(timeout=_WAIT_SECONDS):
        raise BusyError
    try:
        yield
    finally:
        _slots.release()


def fault_of(password: str, name: str) -> str:
    """Why a password cannot be taken; empty when it can."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"a password has {SHORTEST} to {LONGEST} characters"
    if name.casefold() in password.casefold() or len(set(password)) < SHORTEST // 2:
        return "a password does not hold the account's name, and more than a few characters differ"
    return ""


def hashed(password: str) -> str:
    """What is stored."""
    return _HASHER.hash(password)


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _HASHER.hash("of nobody at all")


def warm() -> None:
    """Prepare the first answer, so that it takes no longer than the next."""
    _nobodys()


def matches(stored: str | None, password: str) -> bool:
    """Whether it is the password; of a name that nobody has (None) as much work, and no.

    Call inside ``slot``.
    """
    try:
        right: bool = _HASHER.verify(stored or _nobodys(), password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None and right and len(password) <= LONGEST
