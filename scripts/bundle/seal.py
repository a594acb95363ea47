"""Checksums over every file, an Ed25519 signature over the checksums, one archive of all."""

import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.problem import BundleError
from bundle.wheels import sha256_of
from tramgac_collector.rules.pack import PackError
from tramgac_collector.rules.signing import make_key, read_signing_key

SUMS = "SHA256SUMS"
SIGNATURE = f"{SUMS}.sig"
PUBLIC = "tramgac-bundle.pub"
_FOLDER_MODE = 0o755
_FILE_MODE = 0o644


def signing_key(file: Path | None) -> Ed25519PrivateKey:
    """The key in a file that nobody else can read; a throwaway one without a file.

    Raises:
        BundleError: Missing, open to others, or no Ed25519 key.
    """
    try:
        if file:
            return read_signing_key(file)
        with tempfile.TemporaryDirectory(prefix="tramgac-key-") as work:
            path = Path(work) / "throwaway"
            make_key(path)
            return read_signing_key(path)
    except PackError as error:
        raise BundleError(str(error)) from error


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """What the inventory pins; `openssl pkeyutl -pubin` reads it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def files_in(folder: Path) -> list[Path]:
    """Every file below a folder, in the order of their names."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def sums_of(folder: Path) -> str:
    """What `sha256sum -c` reads: every file but the sums and their signature."""
    lines = []
    for path in files_in(folder):
        name = path.relative_to(folder).as_posix()
        if name not in {SUMS, SIGNATURE}:
            lines.append(f"{sha256_of(path)}  {name}")
    return "\n".join([*lines, ""])


def seal(folder: Path, key: Ed25519PrivateKey) -> None:
    """Write the checksums and their signature (64 raw bytes) into the folder."""
    text = sums_of(folder).encode()
    (folder / SUMS).write_bytes(text)
    (folder / SIGNATURE).write_bytes(key.sign(text))


def check(folder: Path) -> None:
    """Compare every file with the checksums; who signed them is not looked at.

    Raises:
        BundleError: A file is missing, too many, or changed; its name is in the text.
    """
    told = set((folder / SUMS).read_text(encoding="utf-8").splitlines())
    seen = set(sums_of(folder).splitlines())
    if told != seen:
        names = sorted(line.split("  ", 1)[-1] for line in told ^ seen)
        raise BundleError(f"not as {SUMS} says: {', '.join(dict.fromkeys(names[:5]))}")


def archive(folder: Path, file: Path, epoch: int) -> None:
    """Pack a folder: same files, same bytes, whoever packs it and whenever."""
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, path in _members(folder):
            entry = tarfile.TarInfo(f"{folder.name}/{name}" if name else folder.name)
            entry.mtime = epoch
            if path.is_dir():
                entry.type, entry.mode = tarfile.DIRTYPE, _FOLDER_MODE
                tar.addfile(entry)
                continue
            entry.mode, entry.size = _FILE_MODE, path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(entry, content)


def _members(folder: Path) -> Iterator[tuple[str, Path]]:
    yield "", folder
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    yield from sorted(found.items())


def sign_archive(file: Path, key: Ed25519PrivateKey) -> None:
    """Beside the archive: FILE.sha256 for a quick look, FILE.sig, and the public key."""
    digest = f"{sha256_of(file)}  {file.name}\n"
    file.with_name(f"{file.name}.sha256").write_text(digest, encoding="utf-8")
    file.with_name(f"{file.name}.sig").write_bytes(key.sign(file.read_bytes()))
    file.with_name(PUBLIC).write_bytes(public_pem(key))
