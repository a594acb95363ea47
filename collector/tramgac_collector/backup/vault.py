"""A stream encrypted with a passphrase: scrypt, then AES-256-GCM in chunks.

Layout (`docs/formats/backup.md`), integers big-endian::

    header   8 magic, u8 log2(n), u8 r, u8 p, u32 chunk size, 16 salt, 7 nonce prefix
    check    16   GCM tag over nothing: tells a wrong passphrase from a damaged file
    chunk*   chunk size + 16 each; the last one may be shorter
    nonce    prefix + u32 counter + u8 kind (0 middle, 1 last, 2 check)

The header is authenticated with every chunk. The kind in the nonce is the STREAM
construction of Hoang, Reyhanitabar, Rogaway and Vizar (2015): a file cut at a chunk's edge
lacks its last chunk and is found out.
"""

import secrets
import struct
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAGIC = b"TRAMGAC1"
CHUNK = 256 * 1024
_HEADER = struct.Struct(">8sBBBI16s7s")
_TAG = 16
_MIDDLE, _LAST, _CHECK = 0, 1, 2
# 32 MiB and about 0.1 s; a file may ask for 256 MiB, but not for all of the memory.
_LOG_N, _R, _P = 15, 8, 1
_MIN_LOG_N, _MAX_LOG_N, _MAX_P = 10, 18, 4
_MAX_CHUNK = 16 * 1024 * 1024


class VaultError(Exception):
    """The file cannot be opened; the text says why."""


def _key(passphrase: bytes, salt: bytes, cost: tuple[int, int, int]) -> AESGCM:
    log_n, r, p = cost
    kdf = Scrypt(salt=salt, length=32, n=1 << log_n, r=r, p=p)
    return AESGCM(kdf.derive(passphrase))


class _Chunks:
    """Nonces in order, with the header bound to each."""

    def __init__(self, key: AESGCM, header: bytes, prefix: bytes) -> None:
        self._key = key
        self._header = header
        self._prefix = prefix
        self._count = 0

    def _nonce(self, kind: int) -> bytes:
        nonce = self._prefix + struct.pack(">IB", self._count, kind)
        self._count += 1
        return nonce

    def seal(self, data: bytes, kind: int) -> bytes:
        return self._key.encrypt(self._nonce(kind), data, self._header)

    def unseal(self, data: bytes, kind: int) -> bytes:
        return self._key.decrypt(self._nonce(kind), data, self._header)


class VaultWriter:
    """A file object that encrypts; nothing is readable before ``close``."""

    def __init__(self, target: BinaryIO, passphrase: bytes) -> None:
        salt, prefix = secrets.token_bytes(16), secrets.token_bytes(7)
        header = _HEADER.pack(MAGIC, _LOG_N, _R, _P, CHUNK, salt, prefix)
        self._target = target
        self._chunks = _Chunks(_key(passphrase, salt, (_LOG_N, _R, _P)), header, prefix)
        self._buffer = bytearray()
        target.write(header + self._chunks.seal(b"", _CHECK))

    def write(self, data: bytes) -> int:
        """Add bytes."""
        self._buffer += data
        # Strictly more than a chunk is kept back, because the last one is sealed otherwise.
        while len(self._buffer) > CHUNK:
            self._target.write(self._chunks.seal(bytes(self._buffer[:CHUNK]), _MIDDLE))
            del self._buffer[:CHUNK]
        return len(data)

    def close(self) -> None:
        """Write the last chunk; the target stays open."""
        self._target.write(self._chunks.seal(bytes(self._buffer), _LAST))


def _read_header(source: BinaryIO) -> tuple[bytes, tuple[int, int, int], int, bytes, bytes]:
    header = source.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(MAGIC):
        raise VaultError("not a backup of this program")
    _, log_n, r, p, chunk, salt, prefix = _HEADER.unpack(header)
    bounded = _MIN_LOG_N <= log_n <= _MAX_LOG_N and r == _R and 1 <= p <= _MAX_P
    if not bounded or not 1 <= chunk <= _MAX_CHUNK:
        raise VaultError("the header is damaged")
    return header, (log_n, r, p), chunk, salt, prefix


class VaultReader:
    """A file object that decrypts what ``VaultWriter`` wrote.

    Raises:
        VaultError: Not a vault, wrong passphrase; while reading: damaged or truncated.
    """

    def __init__(self, source: BinaryIO, passphrase: bytes) -> None:
        header, cost, self._size, salt, prefix = _read_header(source)
        self._source = source
        self._chunks = _Chunks(_key(passphrase, salt, cost), header, prefix)
        try:
            self._chunks.unseal(source.read(_TAG), _CHECK)
        except InvalidTag as error:
            raise VaultError("wrong passphrase (or a damaged header)") from error
        self._ahead = source.read(self._size + _TAG)
        self._plain = b""
        self.finished = False

    def _next(self) -> None:
        now, self._ahead = self._ahead, self._source.read(self._size + _TAG)
        last = not self._ahead
        try:
            self._plain += self._chunks.unseal(now, _LAST if last else _MIDDLE)
        except InvalidTag as error:
            why = "truncated or damaged" if last else "damaged"
            raise VaultError(f"the file is {why}; nothing was restored") from error
        self.finished = last

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` authenticated bytes; empty at the end."""
        while not self.finished and (size < 0 or len(self._plain) < size):
            self._next()
        cut = len(self._plain) if size < 0 else size
        data, self._plain = self._plain[:cut], self._plain[cut:]
        return data
