"""Who vouches for a pack that was not shipped: a detached Ed25519 signature beside its file."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tramgac_collector.identity.keyring import key_pem
from tramgac_collector.rules.pack import PackError
from tramgac_proto.privatefile import write_private

# Nothing else that is signed here begins so: one signature cannot be passed off as another.
_CONTEXT = b"tramgac rule pack, 1\n"
_MOST_BYTES = 4096
SUFFIX = ".sig"

Keys = Mapping[str, Ed25519PublicKey]
"""Public keys by the SHA-256 of their raw bytes."""


def make_key(path: Path) -> Path:
    """Write a private key (mode 0600) and beside it the public one; returns the public file.

    Raises:
        PackError: Either file is there already, or cannot be written.
    """
    public = path.with_name(f"{path.name}.pub")
    for one in (path, public):
        if one.exists():
            raise PackError(f"{one}: is there already; choose another name")
    key = Ed25519PrivateKey.generate()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    try:
        write_private(path, key_pem(key))
        shown = key.public_key().public_bytes(serialization.Encoding.PEM, form)
        write_private(public, shown, mode=0o644)
    except OSError as error:
        raise PackError(f"{path}: cannot be written: {error.strerror}") from error
    return public


def name_of(key: Ed25519PublicKey) -> str:
    """How a key is called: the SHA-256 of its raw bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def read_keys(files: Iterable[str]) -> Keys:
    """The public keys in these files.

    Raises:
        PackError: One is missing or holds no Ed25519 public key.
    """
    found: dict[str, Ed25519PublicKey] = {}
    for file in files:
        try:
            key = serialization.load_pem_public_key(_read(Path(file)))
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise PackError(f"{file}: no Ed25519 public key; `rules keygen` makes a pair")
        found[name_of(key)] = key
    return found


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """A private key that nobody else can read.

    Raises:
        PackError: It is missing, open to others, or no Ed25519 key.
    """
    data = _read(path)
    if path.stat().st_mode & 0o077:
        raise PackError(f"{path}: others can read it; `chmod 600 {path}`")
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise PackError(f"{path}: no Ed25519 private key; `rules keygen` makes one")
    return key


def sign(data: bytes, key: Ed25519PrivateKey) -> bytes:
    """What goes into the file beside the pack."""
    return base64.b64encode(key.sign(_CONTEXT + data)) + b"\n"


def signature_file(pack: Path) -> Path:
    """Where a pack's signature stands."""
    return pack.with_name(pack.name + SUFFIX)


def signer_of(pack: Path, data: bytes, keys: Keys) -> str:
    """Which of the keys signed these bytes of a pack.

    Raises:
        PackError: None of them; the text says what to do.
    """
    file = signature_file(pack)
    if not file.is_file():
        raise PackError(
            f"{pack}: not signed; `rules sign {pack.name} --key FILE` writes {file.name}"
        )
    try:
        signature = base64.b64decode(_read(file).strip(), validate=True)
    except binascii.Error:
        raise PackError(f"{file}: no signature; sign the pack again") from None
    for name, key in keys.items():
        try:
            key.verify(signature, _CONTEXT + data)
        except InvalidSignature:
            continue
        return name
    told = "changed after it was signed, or signed by a key that [rules] trusted_keys does not list"
    raise PackError(f"{pack}: {told}")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise PackError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise PackError(f"{path}: larger than {_MOST_BYTES} bytes")
    return data
