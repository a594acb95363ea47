"""What borg 1.x prints, with its clock set to UTC: archives, one archive, and why not."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated

import msgspec

from tramgac_agent.drop import State
from tramgac_agent.drop.records import Count, Identifier
from tramgac_agent.sources.base import SourceFailed
from tramgac_proto.compat import iso_time

# borg wants to write: its index is older than its data, or broken.
_REPAIRS = ("replay_segments", "open_index", "prepare_txn", "write_index", "commit_nonce")

# Message ids of borg's own log (borg: docs/internals/frontends.rst, "Message IDs").
_MESSAGES: dict[str, State] = {
    "PassphraseWrong": "blind_auth",
    "PasscommandFailure": "blind_auth",
    "NoPassphraseFailure": "blind_auth",
    "PasswordRetriesExceeded": "blind_auth",
    "KeyfileNotFoundError": "blind_auth",
    "KeyfileInvalidError": "blind_auth",
    "KeyfileMismatchError": "blind_auth",
    "RepoKeyNotFoundError": "blind_auth",
    "PathNotAllowed": "blind_auth",
    "Cache.EncryptionMethodMismatch": "blind_auth",
    "Repository.DoesNotExist": "missing",
    "Repository.ParentPathDoesNotExist": "missing",
    "Repository.InvalidRepository": "missing",
    "ConnectionClosed": "blind_unreachable",
    "ConnectionClosedWithHint": "blind_unreachable",
}
_DAMAGE = frozenset({"Repository.CheckNeeded", "IntegrityError", "Repository.ObjectNotFound"})
# ssh refuses before borg says anything; then borg only sees a closed connection.
_REFUSALS = ("permission denied", "host key verification failed", "permissionerror")


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive as ``borg list`` shows it; ``host`` is empty unless asked for."""

    id: str
    name: str
    start_ms: int
    host: str


@dataclass(frozen=True, slots=True)
class Listing:
    """All archives, and the id of the repository."""

    repository_id: str
    archives: tuple[Archive, ...]


class _Archive(msgspec.Struct, frozen=True):
    name: str
    id: Identifier
    start: str
    hostname: str = ""


class _Repository(msgspec.Struct, frozen=True):
    id: Identifier


class _List(msgspec.Struct, frozen=True):
    archives: tuple[_Archive, ...]
    repository: _Repository


class _Stats(msgspec.Struct, frozen=True):
    nfiles: Count
    original_size: Count


class _Detail(msgspec.Struct, frozen=True):
    id: Identifier
    end: str
    stats: _Stats


class _Info(msgspec.Struct, frozen=True):
    archives: Annotated[tuple[_Detail, ...], msgspec.Meta(min_length=1)]


def parse(text: str) -> Listing:
    """Read what ``borg list --json`` printed with its clock set to UTC.

    Raises:
        SourceFailed: ``blind_tool``: that is not such a list.
    """
    try:
        found = msgspec.json.decode(text, type=_List)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise SourceFailed("blind_tool", "borg list: unusable output") from error
    archives = (
        Archive(one.id, one.name, _unix_ms(one.start), one.hostname)
        for one in found.archives
        if not _is_checkpoint(one.name)
    )
    return Listing(found.repository.id, tuple(archives))


def parse_info(text: str) -> tuple[int, int, int]:
    """Files, bytes and end (Unix ms) of the one archive ``borg info --json`` told of.

    Raises:
        SourceFailed: ``blind_tool``: that is no such answer.
    """
    try:
        found = msgspec.json.decode(text, type=_Info).archives[0]
    except (msgspec.DecodeError, UnicodeError) as error:
        raise SourceFailed("blind_tool", "borg info: unusable output") from error
    return found.stats.nfiles, found.stats.original_size, _unix_ms(found.end)


def _unix_ms(text: str) -> int:
    try:
        moment = iso_time(text)
    except ValueError as error:
        raise SourceFailed("blind_tool", "borg: a time that is none") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return max(1, int((moment - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds() * 1000))


def _is_checkpoint(name: str) -> bool:
    """Whether this is the part of an unfinished archive; borg lists them only when asked."""
    return ".checkpoint" in name


class BorgRefused(SourceFailed):
    """borg gave no answer.

    Attributes:
        damaged: borg itself says that the repository is.
        repairs: It wanted to write first, which it may not.
    """

    def __init__(self, state: State, *, damaged: bool = False, repairs: bool = False) -> None:
        word = "borg wants to repair first" if repairs else "borg refuses"
        super().__init__(state, "borg finds damage" if damaged else word)
        self.damaged = damaged
        self.repairs = repairs


def refusal_of(errors: str) -> BorgRefused:
    """What the log of a failed borg means; anything unknown is ``blind_tool``."""
    ids = [_message_id(line) for line in errors.splitlines()]
    if _DAMAGE.intersection(ids):
        return BorgRefused("blind_tool", damaged=True)
    if any(word in errors for word in _REPAIRS):
        return BorgRefused("blind_tool", repairs=True)
    if any(word in errors.lower() for word in _REFUSALS):
        return BorgRefused("blind_auth")
    known = (_MESSAGES[one] for one in reversed(ids) if one in _MESSAGES)
    return BorgRefused(next(known, "blind_tool"))


def _message_id(line: str) -> str:
    """Id of one line of ``borg --log-json``; empty when it has none."""
    with suppress(ValueError, RecursionError):
        message = json.loads(line)
        if isinstance(message, dict):
            return str(message.get("msgid", ""))
    return ""
