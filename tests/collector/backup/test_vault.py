"""The encrypted file: whole, or said to be damaged; never half-read."""

import io
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_collector.backup import vault
from tramgac_collector.backup.vault import CHUNK, VaultError, VaultReader, VaultWriter

PASSPHRASE = b"correct horse battery"


def sealed(data: bytes) -> bytes:
    target = io.BytesIO()
    writer = VaultWriter(target, PASSPHRASE)
    writer.write(data)
    writer.close()
    return target.getvalue()


def opened(data: bytes, passphrase: bytes = PASSPHRASE) -> bytes:
    return VaultReader(io.BytesIO(data), passphrase).read()


@pytest.fixture(autouse=True, scope="module")
def cheap_passphrases() -> Iterator[None]:
    """The cost of guessing is not under test, so it is not paid a hundred times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vault, "_LOG_N", vault._MIN_LOG_N)
        yield


@cache
def sample() -> bytes:
    return sealed(b"z" * (CHUNK + 5))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_goes_in_comes_out(size: int) -> None:
    """Any length survives, at the edges of chunks too."""
    data = bytes(range(256)) * (size // 256 + 1)
    assert opened(sealed(data[:size])) == data[:size]


def test_two_backups_of_the_same_bytes_share_nothing() -> None:
    """Salt and nonces are new each time."""
    assert sealed(b"x" * 100)[40:] != sealed(b"x" * 100)[40:]


def test_a_wrong_passphrase_is_said_at_once() -> None:
    """The person hears about the passphrase, not about damage."""
    with pytest.raises(VaultError, match="wrong passphrase"):
        VaultReader(io.BytesIO(sealed(b"data")), b"incorrect horse")


@pytest.mark.parametrize("lost", [1, 16, 17, CHUNK, CHUNK + 16, CHUNK + 17, 2 * (CHUNK + 16)])
def test_a_truncated_file_is_noticed(lost: int) -> None:
    """Cut anywhere, at the edge of a chunk above all, the file does not pass for whole."""
    data = sealed(b"y" * (3 * CHUNK))
    with pytest.raises(VaultError, match="truncated"):
        opened(data[:-lost])


@settings(max_examples=30, deadline=None)
@given(where=st.integers(min_value=0, max_value=2 * CHUNK), bit=st.integers(0, 7))
def test_every_flipped_bit_is_noticed(where: int, bit: int) -> None:
    """Header, check value and chunks are all authenticated."""
    data = bytearray(sample())
    data[where % len(data)] ^= 1 << bit
    with pytest.raises(VaultError):
        opened(bytes(data))


def test_a_header_cannot_ask_for_all_memory() -> None:
    """Costs and sizes beyond the bounds are refused before a byte is derived."""
    for at, value in ((8, 40), (9, 200), (10, 200), (11, 255)):
        data = bytearray(sample())
        data[at] = value
        with pytest.raises(VaultError, match="header"):
            opened(bytes(data))


def test_another_file_is_not_taken_for_a_backup() -> None:
    """A stranger's file is named as such."""
    for data in (b"", b"PK\x03\x04 not ours" * 10):
        with pytest.raises(VaultError, match="not a backup"):
            opened(data)
