"""What a dump file is by its content, and whether it is whole. No clock of its own, no paths.

PostgreSQL's and MySQL's closing comments are written last, so a dump that broke off lacks them;
gzip (RFC 1952) and zip (APPNOTE 4.3.16) end with a checksum and a directory.
"""

import os
import zlib
from collections.abc import Callable
from typing import BinaryIO, Literal

Kind = Literal["pg_custom", "pg_plain", "mysql", "gzip", "sqlite", "zip", "any"]

EDGE_BYTES = 4096
_CHUNK_BYTES = 1024 * 1024
_GZIP_WINDOW = 31  # zlib: the largest window, with gzip's header and checksum
_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"PGDMP", "pg_custom"),
    (b"\x1f\x8b", "gzip"),
    (b"SQLite format 3\0", "sqlite"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22
_ZIP_COMMENT_BYTES = 65535
# The header comment and the closing one. A cluster's dump holds whole dumps of its databases,
# each with a closing comment of its own: first match wins.
_TEXTS: tuple[tuple[bytes, bytes, Kind], ...] = (
    (
        b"-- PostgreSQL database cluster dump",
        b"-- PostgreSQL database cluster dump complete",
        "pg_plain",
    ),
    (b"-- PostgreSQL database dump", b"-- PostgreSQL database dump complete", "pg_plain"),
    (b"-- MySQL dump ", b"-- Dump completed", "mysql"),
    (b"-- MariaDB dump ", b"-- Dump completed", "mysql"),
)


class NotInTime(Exception):  # noqa: N818 - an outcome, not a defect
    """The file could not be read to its end in the time there was."""


def kind_of(head: bytes) -> Kind:
    """The kind by the first 4 KiB; ``any`` for one that is not known here."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    for opening, _, kind in _TEXTS:
        if opening in head:
            return kind
    return "any"


def is_blank(head: bytes) -> bool:
    """Nothing but zeros: room that was reserved, or a hole left by a crash."""
    return bool(head) and not head.strip(b"\0")


def text_problem(head: bytes, tail: bytes) -> str:
    """``truncated`` for an SQL dump whose last 4 KiB lack the closing comment of its first."""
    if kind_of(head) not in {kind for _, _, kind in _TEXTS}:
        return ""
    closing = next(closing for opening, closing, _ in _TEXTS if opening in head)
    return "" if closing in tail else "truncated"


def edges(file: BinaryIO) -> tuple[bytes, bytes]:
    """First and last 4 KiB.

    Raises:
        OSError: It cannot be read.
    """
    head = file.read(EDGE_BYTES)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - EDGE_BYTES))
    tail = file.read(EDGE_BYTES)
    file.seek(0)
    return head, tail


def gzip_problem(file: BinaryIO, seconds_left: Callable[[], float]) -> str:
    """Unpack to the end, checksums compared, nothing kept but the edges of what comes out.

    A dump piped into gzip that broke off leaves a good gzip file with half a dump in it: where
    the content is an SQL dump, its closing comment has to be there as well.

    Returns:
        ``truncated``, ``corrupt``, or empty when it is whole.

    Raises:
        NotInTime: ``seconds_left()`` came to nothing.
        OSError: It cannot be read.
    """
    unpacked = _Edges()
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        while chunk := file.read(_CHUNK_BYTES):
            while chunk:
                if seconds_left() <= 0:
                    raise NotInTime
                if unpacker.eof:  # one more file may follow, or zeros to fill a block
                    chunk = chunk.lstrip(b"\0")
                    unpacker = zlib.decompressobj(_GZIP_WINDOW) if chunk else unpacker
                    continue
                unpacked.take(unpacker.decompress(chunk, _CHUNK_BYTES))
                chunk = unpacker.unconsumed_tail or unpacker.unused_data
        unpacked.take(unpacker.flush())
    except zlib.error:
        return "corrupt"
    if not unpacker.eof:
        return "truncated"
    return text_problem(unpacked.head, unpacked.tail)


class _Edges:
    """Keeps the first and last 4 KiB of a stream."""

    def __init__(self) -> None:
        self.head = b""
        self.tail = b""

    def take(self, data: bytes) -> None:
        """Look at the next piece."""
        self.head += data[: EDGE_BYTES - len(self.head)]
        self.tail = (self.tail + data[-EDGE_BYTES:])[-EDGE_BYTES:]


def zip_problem(file: BinaryIO) -> str:
    """``truncated`` when the directory at the end of a zip file is not there.

    Raises:
        OSError: It cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _ZIP_END_BYTES - _ZIP_COMMENT_BYTES))
    tail = file.read(_ZIP_END_BYTES + _ZIP_COMMENT_BYTES)
    at = tail.rfind(_ZIP_END)
    return "truncated" if at < 0 or len(tail) - at < _ZIP_END_BYTES else ""


def sqlite_problem(head: bytes, size: int) -> str:
    """``truncated`` when an SQLite file is shorter than its header says.

    Page size at 16 and page count at 28, big-endian; the count is good where the change
    counter at 24 equals the one at 92 (sqlite.org/fileformat2.html, 1.3).
    """
    if len(head) < 100:  # noqa: PLR2004 - the header's length
        return "truncated"
    page = int.from_bytes(head[16:18], "big")
    page = 65536 if page == 1 else page
    pages = int.from_bytes(head[28:32], "big")
    return "truncated" if head[24:28] == head[92:96] and size < page * pages else ""
