"""Who signed a pack is known, or the pack is refused with what to do."""

from pathlib import Path

import pytest

from tramgac_collector.rules.pack import PackError
from tramgac_collector.rules.signing import (
    make_key,
    read_keys,
    read_signing_key,
    sign,
    signature_file,
    signer_of,
)

DATA = b"pack: {}\n"


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A pack, signed by key.pem."""
    make_key(tmp_path / "key.pem")
    pack = tmp_path / "a.yml"
    pack.write_bytes(DATA)
    signature_file(pack).write_bytes(sign(DATA, read_signing_key(tmp_path / "key.pem")))
    return pack


def test_a_signature_names_its_key_and_nothing_else_passes(signed: Path) -> None:
    """Another byte, another key, no key, rubbish or nothing beside the pack is refused."""
    keys = read_keys([str(signed.with_name("key.pem.pub"))])
    other = read_keys([str(make_key(signed.with_name("other.pem")))])

    assert signer_of(signed, DATA, keys) in keys
    for data, trusted in ((DATA + b" ", keys), (DATA, other), (DATA, {})):
        with pytest.raises(PackError, match="changed after it was signed, or signed by a key"):
            signer_of(signed, data, trusted)
    signature_file(signed).write_bytes(b"no signature!")
    with pytest.raises(PackError, match="sign the pack again"):
        signer_of(signed, DATA, keys)
    signature_file(signed).unlink()
    with pytest.raises(PackError, match="not signed; `rules sign"):
        signer_of(signed, DATA, keys)


def test_a_private_key_is_for_its_owner_only(tmp_path: Path) -> None:
    """Made 0600, never made over another, and refused once others can read it."""
    key = tmp_path / "key.pem"
    make_key(key)

    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(PackError, match="is there already"):
        make_key(key)
    key.chmod(0o640)
    with pytest.raises(PackError, match="chmod 600"):
        read_signing_key(key)
    with pytest.raises(PackError, match="no Ed25519 public key"):
        read_keys([str(key)])
    with pytest.raises(PackError, match="cannot be read"):
        read_keys([str(tmp_path / "none")])


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    """Whatever it holds, however large."""
    rubbish = tmp_path / "key"
    rubbish.write_bytes(b"x" * 10_000)
    rubbish.chmod(0o600)
    with pytest.raises(PackError, match="larger than"):
        read_signing_key(rubbish)
    rubbish.write_bytes(b"x")
    with pytest.raises(PackError, match="no Ed25519 private key"):
        read_signing_key(rubbish)
